//! The commands that scripts may use, done on the virtual file system.
//!
//! Every command accepts the options that it implements and no other: an option that is not known makes the script
//! unknown, as an effect that is guessed is worse than one that is refused.

mod accounts;
mod alternatives;
mod builtin;
mod change;
mod debconf;
mod diversions;
mod files;
mod generators;
mod keystore;
mod packages;
mod pam;
mod rehash;
mod sed;
mod sysusers;
mod tests;
mod text;
mod words;

use super::shell::{Shell, Status, Stop};
use super::world::Follow;

/// A command's implementation.
type Run = fn(&mut Shell<'_, '_>, &[String]) -> Status;

/// Where programs are looked for.
const PATH: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// Whether dpkg guarantees that a program is there while scripts run (essential packages), or a package must bring it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Essential,
    Package,
}

/// Runs what `name` means: a builtin, a command that is known, or a script of a package.
pub(super) fn run(shell: &mut Shell<'_, '_>, name: &str, arguments: &[String]) -> Status {
    if let Some(builtin) = builtin::find(name) {
        return builtin(shell, arguments);
    }
    let program = find_program(shell, name);
    let base = name.rsplit('/').next().unwrap_or(name);
    if let Some((origin, command)) = known(base) {
        return match (origin, &program) {
            (Origin::Package, None) => Ok(not_found(shell, name)),
            _ => command(shell, arguments),
        };
    }
    match program {
        None => Ok(not_found(shell, name)),
        Some(path) => run_script(shell, &path, name, arguments),
    }
}

/// What a shell returns for a command that is not there (POSIX, XCU 2.8.2); a script that then ends says which it was.
fn not_found(shell: &mut Shell<'_, '_>, name: &str) -> i32 {
    shell.machine.not_found = Some(name.to_owned());
    127
}

/// The resolved path of the program that `name` runs.
pub(super) fn find_program(shell: &Shell<'_, '_>, name: &str) -> Option<String> {
    let candidates: Vec<String> = if name.contains('/') {
        vec![name.to_owned()]
    } else {
        PATH.iter().map(|dir| format!("{dir}/{name}")).collect()
    };
    candidates.into_iter().find_map(|path| {
        let path = shell.resolve(&path)?;
        let stat = shell.world().lstat(&path)?;
        (stat.kind == super::input::Kind::File && stat.mode & 0o111 != 0).then_some(path)
    })
}

/// Whether `name` would run something.
pub(super) fn is_command(shell: &Shell<'_, '_>, name: &str) -> bool {
    builtin::find(name).is_some()
        || shell.has_function(name)
        || matches!(known(name), Some((Origin::Essential, _)))
        || find_program(shell, name).is_some()
}

fn run_script(shell: &mut Shell<'_, '_>, path: &str, name: &str, arguments: &[String]) -> Status {
    let data = shell.world().read(path).unwrap_or_else(|| [].into());
    let Ok(text) = std::str::from_utf8(&data) else {
        return Err(Stop::unknown("a program that is not known"));
    };
    let interpreter = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    let interpreter = interpreter.and_then(|line| line.split_whitespace().next());
    match interpreter {
        Some("/bin/sh" | "/usr/bin/sh" | "/bin/dash" | "/bin/bash" | "/usr/bin/bash") => {
            shell.program(name, text, arguments)
        }
        _ => Err(Stop::unknown("a program that is not known")),
    }
}

fn known(name: &str) -> Option<(Origin, Run)> {
    text::find(name)
        .or_else(|| stood_in(name))
        .or_else(|| files::find(name))
        .or_else(|| change::find(name))
        .or_else(|| packages::find(name))
        .map(|command| (Origin::Essential, command))
        .or_else(|| generators::find(name).map(|command| (Origin::Package, command)))
}

/// Commands of packages that a runner does without because daruma does their work: they work wherever a package that
/// was left out would have brought them.
fn stood_in(name: &str) -> Option<Run> {
    match name {
        "openssl" => Some(rehash::openssl),
        _ => accounts::find(name),
    }
}

/// Options that are flags of one letter, and what is left.
struct Flags {
    letters: String,
    long: Vec<String>,
    operands: Vec<String>,
}

impl Flags {
    /// Reads `arguments`, accepting the letters and long options that are named.
    fn read(arguments: &[String], letters: &str, long: &[&str]) -> Result<Self, Stop> {
        let mut flags = Self {
            letters: String::new(),
            long: Vec::new(),
            operands: Vec::new(),
        };
        let mut only_operands = false;
        for argument in arguments {
            if only_operands || argument == "-" || !argument.starts_with('-') {
                flags.operands.push(argument.clone());
            } else if argument == "--" {
                only_operands = true;
            } else if argument.starts_with("--") {
                if !long.contains(&argument.as_str()) {
                    return Err(Stop::unknown(format!("option {argument}")));
                }
                flags.long.push(argument.clone());
            } else {
                if let Some(letter) = argument[1..].chars().find(|c| !letters.contains(*c)) {
                    return Err(Stop::unknown(format!("option -{letter}")));
                }
                flags.letters.push_str(&argument[1..]);
            }
        }
        Ok(flags)
    }

    fn has(&self, letter: char) -> bool {
        self.letters.contains(letter)
    }

    fn has_long(&self, name: &str) -> bool {
        self.long.iter().any(|long| long == name)
    }
}

/// What stands at a path as a script writes it.
fn stat(shell: &Shell<'_, '_>, path: &str, follow: Follow) -> Option<super::input::Stat> {
    let path = shell.world().resolve(shell.cwd(), path, follow)?;
    shell.world().lstat(&path)
}

/// The text of a file as a script names it; `None` where none stands there.
fn file_text(shell: &Shell<'_, '_>, path: &str) -> Result<Option<String>, Stop> {
    shell.machine.text_of(shell.resolve(path).as_deref(), path)
}

/// A failure whose message nobody may have read.
fn failed(shell: &Shell<'_, '_>, status: i32) -> Status {
    if shell.errors_are_read() {
        return Err(Stop::unknown("it fails, and its message is used"));
    }
    Ok(status)
}
