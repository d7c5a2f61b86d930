//! What commands see and change of the shell: variables, options, places, what they read and print.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ast::Command;
use super::io::{Input, Sink};
use super::run::{Shell, Stop};
use crate::debian::effects::world::{Follow, World};

/// Bytes that one pipe, substitution or file may hold.
const MAX_OUTPUT: usize = 16 << 20;

impl<'a> Shell<'_, 'a> {
    pub(in super::super) fn world(&self) -> &World<'a> {
        &self.machine.world
    }

    pub(in super::super) fn cwd(&self) -> &str {
        &self.state.cwd
    }

    pub(in super::super) fn set_cwd(&mut self, dir: String) {
        self.state.cwd = dir;
    }

    /// A path as scripts write it, links followed.
    pub(in super::super) fn resolve(&self, path: &str) -> Option<String> {
        self.world().resolve(self.cwd(), path, Follow::Yes)
    }

    /// A path as scripts write it, without following its last component.
    pub(in super::super) fn resolve_link(&self, path: &str) -> Option<String> {
        self.world().resolve(self.cwd(), path, Follow::No)
    }

    pub(in super::super) fn umask(&self) -> u32 {
        self.state.umask
    }

    pub(in super::super) fn set_umask(&mut self, mask: u32) {
        self.state.umask = mask;
    }

    pub(super) fn parameters(&self) -> &[String] {
        &self.state.parameters
    }

    pub(in super::super) fn set_parameters(&mut self, parameters: Vec<String>) {
        self.state.parameters = parameters;
    }

    pub(in super::super) fn shift(&mut self, count: usize) -> i32 {
        if count > self.state.parameters.len() {
            return 1;
        }
        self.state.parameters.drain(..count);
        0
    }

    pub(in super::super) fn set_option(&mut self, option: char, on: bool) {
        if on {
            self.state.options.insert(option);
        } else {
            self.state.options.remove(&option);
        }
    }

    pub(super) fn noglob(&self) -> bool {
        self.state.options.contains(&'f')
    }

    pub(super) fn nounset(&self) -> bool {
        self.state.options.contains(&'u')
    }

    pub(in super::super) fn set_exit_trap(&mut self, trap: Option<Rc<Command>>) {
        self.state.exit_trap = trap;
    }

    pub(in super::super) fn status(&self) -> i32 {
        self.state.status
    }

    /// The value of a variable or special parameter.
    pub(in super::super) fn get(&self, name: &str) -> Option<String> {
        let state = &self.state;
        match name {
            "@" | "*" => Some(state.parameters.join(" ")),
            "#" => Some(state.parameters.len().to_string()),
            "?" => Some(state.status.to_string()),
            "0" => Some(state.script.clone()),
            // Names of temporary files only; no image keeps one.
            "$" => Some("1".to_owned()),
            "-" => Some(state.options.iter().collect()),
            _ => match name.parse::<usize>() {
                Ok(number) => state.parameters.get(number.checked_sub(1)?).cloned(),
                Err(_) => state.variables.get(name).cloned(),
            },
        }
    }

    pub(in super::super) fn assign(&mut self, name: &str, value: String) {
        self.state.variables.insert(name.to_owned(), value);
    }

    pub(in super::super) fn unset(&mut self, name: &str) {
        self.state.variables.remove(name);
        self.state.exported.remove(name);
    }

    pub(in super::super) fn unset_function(&mut self, name: &str) {
        self.state.functions.remove(name);
    }

    pub(in super::super) fn has_function(&self, name: &str) -> bool {
        self.state.functions.contains_key(name)
    }

    pub(in super::super) fn export(&mut self, name: &str) {
        self.state.exported.insert(name.to_owned());
    }

    /// Makes a variable local to the running function.
    pub(in super::super) fn declare_local(&mut self, name: &str) -> bool {
        let old = self.state.variables.get(name).cloned();
        match self.state.locals.last_mut() {
            Some(frame) => {
                frame.entry(name.to_owned()).or_insert(old);
                true
            }
            None => false,
        }
    }

    pub(in super::super) fn input(&self) -> &Input {
        &self.state.input
    }

    pub(in super::super) fn next_line(&self) -> Option<(String, bool)> {
        self.state.input.line()
    }

    /// Writes to standard output.
    pub(in super::super) fn print(&mut self, text: &str) -> Result<(), Stop> {
        match self.state.sinks.get(&1) {
            None | Some(Sink::Discard) => Ok(()),
            Some(Sink::Buffer(buffer)) => {
                let mut buffer = buffer.borrow_mut();
                buffer.push_str(text);
                if buffer.len() > MAX_OUTPUT {
                    return Err(Stop::unknown("more output than a pipe may hold"));
                }
                Ok(())
            }
            Some(Sink::File(path)) => {
                if text.contains('\u{E000}') {
                    return Err(Stop::unknown("a file that holds the time of day"));
                }
                let path = path.clone();
                let mut data = self
                    .world()
                    .read(&path)
                    .map_or(Vec::new(), |old| old.to_vec());
                data.extend_from_slice(text.as_bytes());
                if data.len() > MAX_OUTPUT {
                    return Err(Stop::unknown("a file larger than scripts write"));
                }
                let mode = 0o666 & !self.state.umask;
                self.machine.world.write(&path, &data, mode);
                Ok(())
            }
        }
    }

    /// Whether somebody reads what the command would say on standard error.
    pub(in super::super) fn errors_are_read(&self) -> bool {
        matches!(self.state.sinks.get(&2), Some(Sink::Buffer(_)))
    }

    /// The variables that a program would see.
    pub(in super::super) fn environment(&self) -> BTreeMap<String, String> {
        let state = &self.state;
        let exported = state.exported.iter();
        exported
            .filter_map(|name| Some((name.clone(), state.variables.get(name)?.clone())))
            .collect()
    }
}
