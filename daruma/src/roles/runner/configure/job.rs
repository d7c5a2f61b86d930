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
const TAIL: usize = 20;

/// Packages that an error names at most.
const MAX_FAILED: usize = 20;

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
    let said = relay(&mut *running, progress);
    let status = running.wait().map_err(ConfigureError::Sandbox)?;
    if status != Status::Exited(0) {
        return Err(said.into_error(status));
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

/// What a job said, as far as an error would show it.
#[derive(Default)]
struct Said {
    /// Its last lines.
    tail: VecDeque<String>,
    /// The packages that dpkg failed on.
    failed: Vec<String>,
}

impl Said {
    fn add(&mut self, line: String) {
        let named = line
            .strip_prefix(FAILED)
            .and_then(|it| it.split(' ').next());
        if let Some(package) = named.filter(|_| self.failed.len() < MAX_FAILED) {
            self.failed.push(package.to_owned());
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    fn into_error(self, status: Status) -> ConfigureError {
        let lines = self.tail.iter().map(|line| format!("\n  {line}"));
        ConfigureError::Script {
            output: lines.collect(),
            packages: self.failed,
            status: status.code(),
        }
    }
}

/// Passes on what the job prints until it ends.
fn relay(running: &mut dyn Running, progress: &dyn Progress) -> Said {
    let streams = [running.stdout(), running.stderr()];
    let said = Mutex::new(Said::default());
    std::thread::scope(|scope| {
        for stream in streams.into_iter().flatten() {
            scope.spawn(|| lines(stream, progress, &said));
        }
    });
    said.into_inner().unwrap_or_default()
}

fn lines(stream: Box<dyn Read + Send>, progress: &dyn Progress, said: &Mutex<Said>) {
    let mut reader = BufReader::new(stream);
    while let Some(line) = line(&mut reader) {
        progress.event(Event::Output {
            source: "configure",
            line: &line,
        });
        if let Ok(mut said) = said.lock() {
            said.add(line);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_packages_that_dpkg_names() {
        let lines = [
            "Setting up aa (1) ...",
            "dpkg: error processing package aa (--configure):",
            " installed aa package post-installation script subprocess returned error exit status 3",
        ];
        let mut said = Said::default();
        lines
            .map(str::to_owned)
            .into_iter()
            .for_each(|line| said.add(line));
        let error = said.into_error(Status::Exited(1));
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
