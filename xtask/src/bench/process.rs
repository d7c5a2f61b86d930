//! Programs run and measured from outside, as a user would.

use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fs_err as fs;

/// What may lead a program away from the loopback mirror.
const PROXIES: &[&str] = &[
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Between two looks at a program's peak memory, which only grows: only what it takes in its last moment is missed.
const LOOK: Duration = Duration::from_millis(4);

/// A program with the surroundings that all get.
pub(super) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in PROXIES {
        command.env_remove(name);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// Whether a program can be run at all.
pub(super) fn exists(program: &str) -> bool {
    let mut command = command(program);
    command.arg("--version").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Runs a program to its end and gives its wall time.
pub(super) fn timed(command: &mut Command) -> io::Result<Duration> {
    let start = Instant::now();
    let run = Run::start(command)?;
    let outcome = run.finish()?;
    let took = start.elapsed();
    outcome.map_err(|text| failed(command, &text))?;
    Ok(took)
}

/// The same with its peak memory in bytes.
pub(super) fn measured(command: &mut Command) -> io::Result<(Duration, u64)> {
    let peak = AtomicU64::new(0);
    let start = Instant::now();
    let run = Run::start(command)?;
    let pid = run.child.id();
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            while let Some(now) = peak_of(pid) {
                peak.fetch_max(now, Ordering::Relaxed);
                thread::sleep(LOOK);
            }
        });
        run.finish()
    });
    let took = start.elapsed();
    outcome?.map_err(|text| failed(command, &text))?;
    Ok((took, peak.into_inner()))
}

/// A program that runs, and what it says on either stream.
struct Run {
    child: Child,
    said: PipeReader,
}

impl Run {
    fn start(command: &mut Command) -> io::Result<Self> {
        let (said, writer) = io::pipe()?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let child = command.spawn().map_err(|error| named(command, &error))?;
        // The pipe ends when nobody holds its other side, which the command would.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { child, said })
    }

    /// The outcome, or what the program said.
    fn finish(mut self) -> io::Result<Result<(), String>> {
        let mut text = Vec::new();
        self.said.read_to_end(&mut text)?;
        let status = self.child.wait()?;
        Ok(if status.success() {
            Ok(())
        } else {
            Err(format!("{status}\n{}", String::from_utf8_lossy(&text)))
        })
    }
}

/// `VmHWM` (proc_pid_status(5)) in bytes, while there is one.
fn peak_of(pid: u32) -> Option<u64> {
    let status =
        fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn named(command: &Command, error: &io::Error) -> io::Error {
    let program = command.get_program().to_string_lossy();
    io::Error::new(error.kind(), format!("cannot run {program}: {error}"))
}

fn failed(command: &Command, text: &str) -> io::Error {
    let program = command.get_program().to_string_lossy();
    io::Error::other(format!("{program} failed: {text}"))
}
