//! Running commands against the virtual machine.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::ast::{Command, Simple, Until, Word};
use super::io::{Input, Sink};
use super::parse::parse;
use super::pattern::glyphs_match;
use crate::debian::effects::commands;
use crate::debian::effects::machine::Machine;

/// Functions and scripts inside one another; no real script comes near, and running recurses.
const MAX_CALLS: usize = 30;

/// Why a script does not go on to its next command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Stop {
    Exit(i32),
    Return(i32),
    Break(usize),
    Continue(usize),
    /// Something that is not known; nothing of the script counts.
    Unknown(String),
}

impl Stop {
    pub(in super::super) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }
}

/// What a command ends with.
pub(in super::super) type Status = Result<i32, Stop>;

/// Whether a failure ends the script under `set -e`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    Ends,
    IsTested,
}

/// What a subshell has a copy of.
#[derive(Clone)]
pub(super) struct State {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) exported: BTreeSet<String>,
    pub(super) functions: BTreeMap<String, Rc<Command>>,
    pub(super) parameters: Vec<String>,
    pub(super) script: String,
    pub(super) sinks: BTreeMap<u32, Sink>,
    pub(super) input: Input,
    pub(super) cwd: String,
    pub(super) options: BTreeSet<char>,
    pub(super) locals: Vec<BTreeMap<String, Option<String>>>,
    pub(super) status: i32,
    pub(super) umask: u32,
    pub(super) exit_trap: Option<Rc<Command>>,
}

/// A running script.
pub(in super::super) struct Shell<'w, 'a> {
    pub(in super::super) machine: &'w mut Machine<'a>,
    pub(super) state: State,
    calls: usize,
    /// How a failure of the command that runs now counts.
    context: Failure,
    /// How the last command substitution ended.
    substituted: Option<i32>,
}

impl<'w, 'a> Shell<'w, 'a> {
    /// A shell with `environment`, which will run as `script`.
    pub(in super::super) fn new(
        machine: &'w mut Machine<'a>,
        script: &str,
        environment: BTreeMap<String, String>,
    ) -> Self {
        let state = State {
            exported: environment.keys().cloned().collect(),
            variables: environment,
            functions: BTreeMap::new(),
            parameters: Vec::new(),
            script: script.to_owned(),
            sinks: BTreeMap::from([(1, Sink::Discard), (2, Sink::Discard)]),
            input: Input::default(),
            cwd: String::new(),
            options: BTreeSet::new(),
            locals: Vec::new(),
            status: 0,
            umask: 0o022,
            exit_trap: None,
        };
        Self {
            machine,
            state,
            calls: 0,
            context: Failure::Ends,
            substituted: None,
        }
    }

    /// Runs a whole script with these arguments to its exit status.
    pub(in super::super) fn script(&mut self, text: &str, arguments: &[String]) -> Status {
        self.state.parameters = arguments.to_vec();
        let first = text.lines().next().unwrap_or_default();
        if first.starts_with("#!") && first.ends_with(" -e") {
            self.state.options.insert('e');
        }
        let command = parse(text).map_err(|problem| Stop::unknown(problem.to_string()))?;
        let ended = exit_status(self.run(&command, Failure::Ends));
        let trap = self.state.exit_trap.take();
        match (ended, trap) {
            (Ok(status), Some(trap)) => {
                exit_status(self.run(&trap, Failure::IsTested)).map(|_| status)
            }
            (ended, _) => ended,
        }
    }

    /// Runs `body` on a copy of everything but the file system.
    pub(in super::super) fn isolated(&mut self, body: impl FnOnce(&mut Self) -> Status) -> Status {
        let saved = self.state.clone();
        let ended = exit_status(body(self));
        let status = self.state.status;
        self.state = saved;
        self.state.status = status;
        ended
    }

    /// Runs another script as a program of its own.
    pub(in super::super) fn program(
        &mut self,
        path: &str,
        text: &str,
        arguments: &[String],
    ) -> Status {
        self.enter()?;
        let environment = self.environment();
        let ended = self.isolated(|shell| {
            shell.state.variables = environment;
            shell.state.functions.clear();
            shell.state.options.clear();
            shell.state.locals.clear();
            shell.state.exit_trap = None;
            path.clone_into(&mut shell.state.script);
            shell.script(text, arguments)
        });
        self.calls -= 1;
        ended.map_err(|stop| match stop {
            Stop::Unknown(reason) => Stop::Unknown(format!("{path}: {reason}")),
            other => other,
        })
    }

    /// Runs text in this shell, as `.` and `eval` do.
    pub(in super::super) fn source(&mut self, text: &str) -> Status {
        self.enter()?;
        let command = parse(text).map_err(|problem| Stop::unknown(problem.to_string()))?;
        let ended = self.run(&command, self.context);
        self.calls -= 1;
        ended
    }

    fn enter(&mut self) -> Result<(), Stop> {
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(Stop::unknown("calls nested too deeply"));
        }
        Ok(())
    }

    /// What a command prints, without the newlines at its end.
    pub(super) fn capture(&mut self, command: &Command) -> Result<String, Stop> {
        let (sink, buffer) = Sink::buffer();
        let status = self.isolated(|shell| {
            shell.state.sinks.insert(1, sink);
            shell.run(command, Failure::Ends)
        })?;
        self.state.status = status;
        self.substituted = Some(status);
        let text = buffer.borrow();
        Ok(text.trim_end_matches('\n').to_owned())
    }

    fn run(&mut self, command: &Command, failure: Failure) -> Status {
        let status = self.dispatch(command, failure)?;
        self.state.status = status;
        let reports = matches!(
            command,
            Command::Simple(_) | Command::Pipe(_) | Command::Subshell(_)
        );
        if reports && status != 0 && failure == Failure::Ends && self.state.options.contains(&'e') {
            return Err(Stop::Exit(status));
        }
        Ok(status)
    }

    fn dispatch(&mut self, command: &Command, failure: Failure) -> Status {
        match command {
            Command::Simple(simple) => self.simple(simple, failure),
            Command::Sequence(commands) => {
                let mut status = 0;
                for command in commands {
                    status = self.run(command, failure)?;
                }
                Ok(status)
            }
            Command::Not(inner) => Ok(i32::from(self.run(inner, Failure::IsTested)? == 0)),
            Command::And(left, right) => match self.run(left, Failure::IsTested)? {
                0 => self.run(right, failure),
                status => Ok(status),
            },
            Command::Or(left, right) => match self.run(left, Failure::IsTested)? {
                0 => Ok(0),
                _ => self.run(right, failure),
            },
            Command::If { arms, otherwise } => {
                for (condition, body) in arms {
                    if self.run(condition, Failure::IsTested)? == 0 {
                        return self.run(body, failure);
                    }
                }
                otherwise
                    .as_ref()
                    .map_or(Ok(0), |body| self.run(body, failure))
            }
            Command::For { name, words, body } => {
                self.for_each(name, words.as_deref(), body, failure)
            }
            Command::Loop {
                until,
                condition,
                body,
            } => self.repeat(*until, condition, body, failure),
            Command::Case { subject, arms } => self.case(subject, arms, failure),
            Command::Subshell(body) => self.isolated(|shell| shell.run(body, failure)),
            Command::Pipe(stages) => self.pipe(stages, failure),
            Command::Function { name, body } => {
                self.state.functions.insert(name.clone(), body.clone());
                Ok(0)
            }
            Command::Redirected(inner, redirects) => {
                self.redirected(redirects, |shell| shell.run(inner, failure))
            }
        }
    }

    fn pipe(&mut self, stages: &[Command], failure: Failure) -> Status {
        let mut input = self.state.input.clone();
        let mut status = 0;
        for (i, stage) in stages.iter().enumerate() {
            let (sink, buffer) = Sink::buffer();
            let last = i + 1 == stages.len();
            status = self.isolated(|shell| {
                shell.state.input = input.clone();
                if !last {
                    shell.state.sinks.insert(1, sink);
                }
                shell.run(stage, failure)
            })?;
            input = Input::new(buffer.take());
        }
        Ok(status)
    }

    /// `Some` where the loop goes no further.
    fn turn(&mut self, body: &Command, failure: Failure) -> Result<Option<i32>, Stop> {
        self.machine.spend()?;
        match self.run(body, failure) {
            Ok(_) | Err(Stop::Continue(1)) => Ok(None),
            Err(Stop::Break(1)) => Ok(Some(0)),
            Err(Stop::Break(n)) => Err(Stop::Break(n - 1)),
            Err(Stop::Continue(n)) => Err(Stop::Continue(n - 1)),
            Err(other) => Err(other),
        }
    }

    fn for_each(
        &mut self,
        name: &str,
        words: Option<&[Word]>,
        body: &Command,
        failure: Failure,
    ) -> Status {
        let values = match words {
            Some(words) => self.fields(words)?,
            None => self.state.parameters.clone(),
        };
        for value in values {
            self.assign(name, value);
            if let Some(status) = self.turn(body, failure)? {
                return Ok(status);
            }
        }
        Ok(self.state.status)
    }

    fn repeat(
        &mut self,
        until: Until,
        condition: &Command,
        body: &Command,
        failure: Failure,
    ) -> Status {
        let mut last = 0;
        loop {
            let succeeded = self.run(condition, Failure::IsTested)? == 0;
            if succeeded == (until == Until::Succeeds) {
                return Ok(last);
            }
            if let Some(status) = self.turn(body, failure)? {
                return Ok(status);
            }
            last = self.state.status;
        }
    }

    fn case(&mut self, subject: &Word, arms: &[(Vec<Word>, Command)], failure: Failure) -> Status {
        let subject = self.text(subject)?;
        for (patterns, body) in arms {
            for pattern in patterns {
                let pattern = self.glyphs(pattern)?;
                if glyphs_match(&pattern, &subject) {
                    return self.run(body, failure);
                }
            }
        }
        Ok(0)
    }

    fn simple(&mut self, simple: &Simple, failure: Failure) -> Status {
        self.machine.spend()?;
        self.substituted = None;
        let arguments = self.fields(&simple.words)?;
        let located = |stop, arguments: &[String]| match stop {
            Stop::Unknown(reason) if !reason.starts_with("line ") => {
                let text: String = arguments.join(" ").chars().take(160).collect();
                Stop::Unknown(format!("line {}: `{text}`: {reason}", simple.line))
            }
            other => other,
        };
        let Some((name, rest)) = arguments.split_first() else {
            return self.redirected(&simple.redirects, |shell| {
                for (name, word) in &simple.assignments {
                    let value = shell.text(word)?;
                    shell.assign(name, value);
                }
                // Assignments alone end as their last substitution did.
                Ok(shell.substituted.unwrap_or(0))
            });
        };
        if name == "exec" && rest.is_empty() {
            return self.redirect_all(&simple.redirects).map(|()| 0);
        }
        let mut before = Vec::new();
        for (variable, word) in &simple.assignments {
            let value = self.text(word)?;
            let exported = !self.state.exported.insert(variable.clone());
            let old = self.state.variables.insert(variable.clone(), value);
            before.push((variable, old, exported));
        }
        let ended = self.redirected(&simple.redirects, |shell| {
            shell.context = failure;
            shell.call(name, rest)
        });
        for (variable, old, exported) in before.into_iter().rev() {
            match old {
                Some(value) => self.assign(variable, value),
                None => self.unset(variable),
            }
            if !exported {
                self.state.exported.remove(variable);
            }
        }
        ended.map_err(|stop| located(stop, &arguments))
    }

    /// Runs a function, a builtin or a program.
    pub(in super::super) fn call(&mut self, name: &str, arguments: &[String]) -> Status {
        let Some(body) = self.state.functions.get(name).cloned() else {
            return commands::run(self, name, arguments);
        };
        self.enter()?;
        let saved = std::mem::replace(&mut self.state.parameters, arguments.to_vec());
        self.state.locals.push(BTreeMap::new());
        let ended = self.run(&body, self.context);
        for (variable, old) in self.state.locals.pop().unwrap_or_default() {
            match old {
                Some(value) => self.assign(&variable, value),
                None => self.unset(&variable),
            }
        }
        self.state.parameters = saved;
        self.calls -= 1;
        match ended {
            Err(Stop::Return(status)) => Ok(status),
            other => other,
        }
    }
}

/// `exit` in a subshell or script is its status.
fn exit_status(ended: Status) -> Status {
    match ended {
        Err(Stop::Exit(status) | Stop::Return(status)) => Ok(status),
        other => other,
    }
}
