//! The caller's side of a start.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::child::Child;
use crate::enter::{ENTRY, Request};
use crate::error::SandboxError;
use crate::spec::Spec;
use crate::wire;

/// Where a standard stream of the command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// To where the caller's own goes.
    Inherit,
    /// Nowhere.
    Null,
    /// To the caller, through [`Child`].
    Pipe,
}

/// The program that becomes sandboxes: one whose `main` calls [`crate::enter_if_asked`].
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
}

impl Default for Launcher {
    /// The program that runs, even if its file was replaced or removed meanwhile.
    fn default() -> Self {
        Self::new("/proc/self/exe")
    }
}

impl Launcher {
    /// Another program than the one that runs, as tests need.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Starts a command; `streams` are standard input, output and error, and unused where the spec has a terminal.
    ///
    /// Returns when the file system stands and the command is about to run. A command that cannot be executed is no
    /// error here: it prints why and ends with 127 (not found) or 126, as under a shell.
    pub fn spawn(&self, spec: &Spec, streams: [Stdio; 3]) -> Result<Child, SandboxError> {
        self.request(&Request::Run(Box::new(spec.clone())), streams)
    }

    pub(crate) fn request(
        &self,
        request: &Request,
        [stdin, stdout, stderr]: [Stdio; 3],
    ) -> Result<Child, SandboxError> {
        let file = wire::seal(request).map_err(during("write the sandbox's spec"))?;
        let (ours, theirs) = wire::pair().map_err(when("make a socket"))?;
        let (input, writer) = standard_input(stdin).map_err(when("make a pipe"))?;
        // Before the launcher runs, so that it need not wait.
        wire::send(&ours, b"request", &[file.as_fd(), input.as_fd()])
            .map_err(when("send the sandbox's spec"))?;
        let launcher = self
            .command(theirs, stdout, stderr)
            .spawn()
            .map_err(during("run the sandbox's launcher"))?;
        let mut child = Child::new(ours, launcher, writer);
        child.wait_for_start()?;
        Ok(child)
    }

    /// The socket takes the place of the standard input, so that it needs no number and leaks into no other child; the
    /// environment is empty because `/proc/1/environ` shows it inside; a process group of its own keeps the terminal's
    /// signals from the launcher.
    fn command(&self, socket: OwnedFd, stdout: Stdio, stderr: Stdio) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg0("daruma-sandbox")
            .arg(ENTRY)
            .env_clear()
            .process_group(0)
            .stdin(socket)
            .stdout(standard(stdout))
            .stderr(standard(stderr));
        command
    }
}

fn standard(stream: Stdio) -> std::process::Stdio {
    match stream {
        Stdio::Inherit => std::process::Stdio::inherit(),
        Stdio::Null => std::process::Stdio::null(),
        Stdio::Pipe => std::process::Stdio::piped(),
    }
}

/// What the command will read, and the other end of it where that is a pipe.
fn standard_input(stream: Stdio) -> Result<(OwnedFd, Option<OwnedFd>), Errno> {
    match stream {
        Stdio::Inherit => Ok((
            rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?,
            None,
        )),
        Stdio::Null => Ok((open_null()?, None)),
        Stdio::Pipe => pipe_with(PipeFlags::CLOEXEC).map(|(read, write)| (read, Some(write))),
    }
}

/// `/dev/null`, for reading and writing.
pub(crate) fn open_null() -> Result<OwnedFd, Errno> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

fn during(action: &'static str) -> impl Fn(io::Error) -> SandboxError {
    move |source| SandboxError::Caller { action, source }
}

fn when(action: &'static str) -> impl Fn(Errno) -> SandboxError {
    move |errno| SandboxError::Caller {
        action,
        source: errno.into(),
    }
}
