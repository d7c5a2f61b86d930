//! Commands that change the shell itself (POSIX.1-2017, 2.14, and what `sh` builds in).

use std::rc::Rc;

use super::{Run, is_command};
use crate::debian::effects::input::{Kind, Script};
use crate::debian::effects::shell::{Shell, Status, Stop, parse};
use crate::debian::effects::world::Follow;

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        ":" | "true" => |_, _| Ok(0),
        "false" => |_, _| Ok(1),
        "." => source,
        "eval" => |shell, arguments| shell.source(&arguments.join(" ")),
        "exit" => |shell, arguments| Err(Stop::Exit(status_argument(shell, arguments)?)),
        "return" => |shell, arguments| Err(Stop::Return(status_argument(shell, arguments)?)),
        "break" => |_, arguments| Err(Stop::Break(count(arguments)?)),
        "continue" => |_, arguments| Err(Stop::Continue(count(arguments)?)),
        "shift" => |shell, arguments| {
            let count = count(arguments)?;
            Ok(shell.shift(count))
        },
        "set" => set,
        "export" | "readonly" => export,
        "local" => local,
        "unset" => |shell, arguments| Ok(unset(shell, arguments)),
        "read" => read,
        "umask" => umask,
        "cd" => cd,
        "pwd" => |shell, _| {
            let text = format!("/{}\n", shell.cwd());
            shell.print(&text)?;
            Ok(0)
        },
        "trap" => trap,
        "command" => command,
        "type" => |shell, arguments| Ok(found(shell, arguments)),
        "test" | "[" => super::tests::test,
        _ => return super::debconf::find(name),
    })
}

fn number(text: &str) -> Result<usize, Stop> {
    text.parse()
        .map_err(|_| Stop::unknown("a count that is no number"))
}

fn count(arguments: &[String]) -> Result<usize, Stop> {
    arguments.first().map_or(Ok(1), |text| number(text))
}

fn status_argument(shell: &Shell<'_, '_>, arguments: &[String]) -> Result<i32, Stop> {
    match arguments.first() {
        None => Ok(shell.status()),
        Some(text) => text
            .parse()
            .map_err(|_| Stop::unknown("a status that is no number")),
    }
}

fn source(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let [path] = arguments else {
        return Err(Stop::unknown("`.` with arguments"));
    };
    if path.ends_with("/debconf/confmodule") {
        return confmodule(shell);
    }
    match super::file_text(shell, path)? {
        Some(text) => match shell.source(&text) {
            Err(Stop::Return(status)) => Ok(status),
            other => other,
        },
        None => Err(Stop::Exit(2)),
    }
}

/// Debconf's shell library: its commands are builtins here. A postinst that uses it has its `config` run before
/// (debconf(1) does so where nothing preconfigured the package).
///
/// It need not be installed: a runner does without debconf, and this stands in for it.
fn confmodule(shell: &mut Shell<'_, '_>) -> Status {
    if shell.get("DEBIAN_HAS_FRONTEND").is_some() {
        return Ok(0);
    }
    shell.assign("DEBIAN_HAS_FRONTEND", "1".to_owned());
    shell.export("DEBIAN_HAS_FRONTEND");
    let config = shell
        .machine
        .current()
        .and_then(|package| package.control.text("config"));
    let Some(config) = config.filter(|_| shell.machine.script == Script::Postinst) else {
        return Ok(0);
    };
    let arguments = ["configure".to_owned(), String::new()];
    match shell.program("config", &config, &arguments)? {
        0 => Ok(0),
        status => Err(Stop::unknown(format!(
            "its config script ends with status {status}"
        ))),
    }
}

fn set(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let mut rest = arguments;
    while let Some((first, more)) = rest.split_first() {
        if first == "--" {
            shell.set_parameters(more.to_vec());
            return Ok(0);
        }
        let on = match first.chars().next() {
            Some('-') => true,
            Some('+') => false,
            _ => {
                shell.set_parameters(rest.to_vec());
                return Ok(0);
            }
        };
        for option in first.chars().skip(1) {
            match option {
                'e' | 'u' | 'f' => shell.set_option(option, on),
                'x' | 'v' | 'h' => {}
                _ => return Err(Stop::unknown(format!("set {first}"))),
            }
        }
        rest = more;
    }
    Ok(0)
}

fn export(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    for argument in arguments {
        let name = match argument.split_once('=') {
            Some((name, value)) => {
                shell.assign(name, value.to_owned());
                name
            }
            None => argument,
        };
        if name.starts_with('-') {
            return Err(Stop::unknown("an option of export"));
        }
        shell.export(name);
    }
    Ok(0)
}

fn local(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    for argument in arguments {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        if !shell.declare_local(name) {
            return Err(Stop::unknown("`local` outside a function"));
        }
        if let Some(value) = value {
            shell.assign(name, value.to_owned());
        }
    }
    Ok(0)
}

fn unset(shell: &mut Shell<'_, '_>, arguments: &[String]) -> i32 {
    let functions = arguments.first().is_some_and(|first| first == "-f");
    for name in arguments.iter().filter(|name| !name.starts_with('-')) {
        if functions {
            shell.unset_function(name);
        } else {
            shell.unset(name);
        }
    }
    0
}

fn read(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let raw = arguments.iter().any(|argument| argument == "-r");
    let names: Vec<&String> = arguments
        .iter()
        .filter(|argument| *argument != "-r")
        .collect();
    if names.iter().any(|name| name.starts_with('-')) {
        return Err(Stop::unknown("an option of read"));
    }
    let line = shell.next_line();
    let status = i32::from(!matches!(line, Some((_, true))));
    let text = line.map_or(String::new(), |(text, _)| text);
    if !raw && text.contains('\\') {
        return Err(Stop::unknown("a line with a backslash read without -r"));
    }
    let ifs = shell.get("IFS").unwrap_or_else(|| " \t\n".to_owned());
    let mut rest = text.as_str();
    let blank = |c: char| c.is_ascii_whitespace() && ifs.contains(c);
    for (i, name) in names.iter().enumerate() {
        rest = rest.trim_start_matches(blank);
        let value = if i + 1 == names.len() {
            rest.trim_end_matches(blank)
        } else {
            let (field, after) = rest.split_once(|c| ifs.contains(c)).unwrap_or((rest, ""));
            rest = after;
            field
        };
        shell.assign(name, value.to_owned());
    }
    Ok(status)
}

fn umask(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let [mask] = arguments else {
        return Err(Stop::unknown("umask without a mask"));
    };
    let mask =
        u32::from_str_radix(mask, 8).map_err(|_| Stop::unknown("a mask that is not octal"))?;
    shell.set_umask(mask & 0o777);
    Ok(0)
}

fn cd(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let [path] = arguments else {
        return Err(Stop::unknown("cd without a directory"));
    };
    let dir = shell.resolve(path);
    let is_dir = super::stat(shell, path, Follow::Yes).is_some_and(|stat| stat.kind == Kind::Dir);
    match dir.filter(|_| is_dir) {
        Some(dir) => {
            shell.set_cwd(dir);
            Ok(0)
        }
        None => super::failed(shell, 2),
    }
}

/// Only the trap at the end of a script can go off here: nothing sends signals.
fn trap(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let Some((action, signals)) = arguments.split_first() else {
        return Ok(0);
    };
    if !signals
        .iter()
        .any(|signal| signal == "EXIT" || signal == "0")
    {
        return Ok(0);
    }
    let action = match action.as_str() {
        "" | "-" => None,
        text => Some(Rc::new(
            parse(text).map_err(|problem| Stop::unknown(problem.to_string()))?,
        )),
    };
    shell.set_exit_trap(action);
    Ok(0)
}

fn command(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    match arguments {
        [flag, names @ ..] if flag == "-v" || flag == "-V" => Ok(found(shell, names)),
        [name, rest @ ..] if !name.starts_with('-') => super::run(shell, name, rest),
        _ => Err(Stop::unknown("an option of command")),
    }
}

/// Prints where the commands are; 127 where one is not (as dash does).
fn found(shell: &mut Shell<'_, '_>, names: &[String]) -> i32 {
    for name in names {
        if !is_command(shell, name) {
            return 127;
        }
        let place = super::find_program(shell, name);
        let line = match place {
            Some(path) => format!("/{path}\n"),
            None => format!("{name}\n"),
        };
        if shell.print(&line).is_err() {
            return 127;
        }
    }
    0
}
