//! One script of ours in the sandbox: its lines go to whoever watches, its end becomes a value or an error.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::sync::Mutex;

use super::ConfigureError;
use crate::engine::{
    Changes, Engine, Io, Job, Network, Running, SandboxEngine, Status, Stream, Writes,
};
use crate::progress::{Event, Progress};

/// Lines of output that an error shows: dpkg's last words and what came before them.
const TAIL: usize = 12;

/// Longest line that is passed on, in bytes; the rest of a longer one is left out.
const MAX_LINE: u64 = 4096;

/// What dpkg says before the name of a package that it failed on.
const FAILED: &str = "dpkg: error processing package ";

/// Runs `script` on `layers` and gives what it changed.
pub(super) fn run(
    engine: &SandboxEngine,
    layers: Vec<PathBuf>,
    script: &str,
    epoch: i64,
    progress: &dyn Progress,
) -> Result<Changes, ConfigureError> {
    let job = job(layers, script, epoch);
    let io = Io {
        stdin: Stream::Null,
        stdout: Stream::Pipe,
        stderr: Stream::Pipe,
        terminal: false,
    };
    let mut running = engine.start(&job, io).map_err(ConfigureError::Sandbox)?;
    let tail = relay(&mut *running, progress);
    let status = running.wait().map_err(ConfigureError::Sandbox)?;
    if status != Status::Exited(0) {
        return Err(failed(&tail, status));
    }
    running.changes().ok_or(ConfigureError::NoChanges)
}

fn job(layers: Vec<PathBuf>, script: &str, epoch: i64) -> Job {
    Job {
        layers,
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        env: environment(epoch),
        cwd: "/".to_owned(),
        user: (0, 0),
        mounts: Vec::new(),
        network: Network::None,
        writes: Writes::Keep,
        pretend_ownership: true,
    }
}

/// Nobody to ask, one language, and no chance where an interpreter lets it be turned off.
fn environment(epoch: i64) -> BTreeMap<String, String> {
    let epoch = epoch.to_string();
    let rows = [
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("DEBCONF_NOWARNINGS", "yes"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("PERL_HASH_SEED", "0"),
        ("PYTHONHASHSEED", "0"),
        ("SOURCE_DATE_EPOCH", epoch.as_str()),
        ("TERM", "dumb"),
        ("TZ", "UTC"),
    ];
    rows.into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Passes on what the job prints until it ends; gives the last lines.
fn relay(running: &mut dyn Running, progress: &dyn Progress) -> VecDeque<String> {
    let streams = [running.stdout(), running.stderr()];
    let tail = Mutex::new(VecDeque::new());
    std::thread::scope(|scope| {
        for stream in streams.into_iter().flatten() {
            scope.spawn(|| lines(stream, progress, &tail));
        }
    });
    tail.into_inner().unwrap_or_default()
}

fn lines(stream: Box<dyn Read + Send>, progress: &dyn Progress, tail: &Mutex<VecDeque<String>>) {
    let mut reader = BufReader::new(stream);
    while let Some(line) = line(&mut reader) {
        progress.event(Event::Output {
            source: "configure",
            line: &line,
        });
        if let Ok(mut tail) = tail.lock() {
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
    }
}

/// The next line or piece of one, without its end.
fn line(reader: &mut impl std::io::BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    match reader.take(MAX_LINE).read_until(b'\n', &mut bytes) {
        Ok(1..) => Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
        _ => None,
    }
}

fn failed(tail: &VecDeque<String>, status: Status) -> ConfigureError {
    let package = |line: &String| {
        let name = line.strip_prefix(FAILED)?.split(' ').next()?;
        Some(name.to_owned())
    };
    ConfigureError::Script {
        packages: tail.iter().filter_map(package).collect(),
        status: status.code(),
        output: tail.iter().map(|line| format!("\n  {line}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_packages_that_dpkg_names() {
        let tail = [
            "Setting up aa (1) ...",
            "dpkg: error processing package aa (--configure):",
            " installed aa package post-installation script subprocess returned error exit status 3",
        ];
        let tail = tail.map(str::to_owned).into_iter().collect();
        let error = failed(&tail, Status::Exited(1));
        insta::assert_snapshot!(error, @r"
        cannot configure aa: dpkg ended with 1, after
          Setting up aa (1) ...
          dpkg: error processing package aa (--configure):
           installed aa package post-installation script subprocess returned error exit status 3
        ");
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let text = "x".repeat(5000) + "\nend";
        let mut reader = BufReader::new(text.as_bytes());
        let lengths: Vec<usize> = std::iter::from_fn(|| line(&mut reader))
            .map(|line| line.len())
            .collect();
        assert_eq!(lengths, [4096, 904, 3]);
    }
}
