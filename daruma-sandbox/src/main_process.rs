//! The last process: gives its privileges away and becomes the command.

use std::ffi::{CString, OsStr};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;

use crate::error::{During, Step};
use crate::privileges;
use crate::spec::Spec;
use crate::sys::{self, Close};
use crate::terminal::Terminal;
use crate::wire::{self, Report};

/// What a shell answers where a program is not found (POSIX, "Exit Status for Commands").
const NOT_FOUND: i32 = 127;
/// What a shell answers where a program is found and cannot be executed.
const NOT_EXECUTABLE: i32 = 126;
/// Where programs are looked for without `PATH` (execvp(3)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Becomes the command.
pub(crate) fn run(spec: &Spec, socket: &OwnedFd, terminal: Option<&Terminal>) -> ! {
    if let Err(failure) = prepare(spec, terminal) {
        let _ = wire::report(socket, &Report::Failed(failure), None);
        sys::end(NOT_EXECUTABLE);
    }
    if wire::report(socket, &Report::Started, terminal.map(Terminal::caller)).is_err() {
        sys::end(NOT_EXECUTABLE);
    }
    let errno = execute(spec);
    complain(spec, errno);
    sys::end(match errno {
        Errno::NOENT | Errno::NOTDIR => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    })
}

fn prepare(spec: &Spec, terminal: Option<&Terminal>) -> Step<()> {
    rustix::process::setsid().during(|| "start a session".to_owned())?;
    terminal.map_or(Ok(()), Terminal::take)?;
    sys::unblock_signals().during(|| "unblock signals".to_owned())?;
    sys::close_from(3, Close::OnExec).during(|| "close descriptors".to_owned())?;
    privileges::give_away(spec)
}

/// Returns why the command could not be executed.
fn execute(spec: &Spec) -> Errno {
    let Some(argv) = strings(spec.argv.iter().cloned()) else {
        return Errno::INVAL;
    };
    let Some(env) = strings(
        spec.env
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    ) else {
        return Errno::INVAL;
    };
    let mut found = Errno::NOENT;
    for program in candidates(spec) {
        let Ok(program) = CString::new(program) else {
            return Errno::INVAL;
        };
        match sys::execute(&program, &argv, &env) {
            Errno::NOENT | Errno::NOTDIR => {}
            // A later directory may have one that can be executed (execvp(3)).
            Errno::ACCESS => found = Errno::ACCESS,
            errno => return errno,
        }
    }
    found
}

fn strings(texts: impl Iterator<Item = String>) -> Option<Vec<CString>> {
    texts.map(|text| CString::new(text).ok()).collect()
}

/// The files that the program's name may stand for.
fn candidates(spec: &Spec) -> Vec<Vec<u8>> {
    let Some(name) = spec.argv.first().filter(|name| !name.is_empty()) else {
        return Vec::new();
    };
    if name.contains('/') {
        return vec![name.clone().into_bytes()];
    }
    let path = spec.env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    path.split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir })
        .map(|dir| format!("{dir}/{name}").into_bytes())
        .collect()
}

fn complain(spec: &Spec, errno: Errno) {
    let program = spec.argv.first().map_or("", String::as_str);
    let exists = candidates(spec)
        .iter()
        .any(|file| std::path::Path::new(OsStr::from_bytes(file)).exists());
    let reason = match errno {
        Errno::NOENT if exists => "its interpreter or loader is missing".to_owned(),
        Errno::NOENT | Errno::NOTDIR if program.contains('/') => "there is no such file".to_owned(),
        Errno::NOENT | Errno::NOTDIR => "it is nowhere in PATH".to_owned(),
        Errno::NOEXEC => "it is no program for this machine, or a script without #!".to_owned(),
        other => std::io::Error::from(other).to_string(),
    };
    // The exit code says it too, if standard error is gone.
    let _ = writeln!(
        std::io::stderr(),
        "daruma: cannot run `{program}`: {reason}"
    );
}
