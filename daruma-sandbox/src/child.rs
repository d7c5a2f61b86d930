//! A sandbox that was started, as its caller sees it.

use std::os::fd::OwnedFd;
use std::process::{ChildStderr, ChildStdout};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};
use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::wire::{self, Report};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It returned this code.
    Exited(u8),
    /// This signal ended it.
    Signalled(u8),
}

/// A sandbox that was started. Dropped, everything in it is killed and all that it mounted is gone.
#[derive(Debug)]
pub struct Child {
    socket: Arc<OwnedFd>,
    launcher: std::process::Child,
    stdin: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
    outcome: Option<Outcome>,
}

/// Sends signals to a command from any thread.
#[derive(Clone, Debug)]
pub struct Signaller {
    socket: Arc<OwnedFd>,
}

impl Signaller {
    /// Sends a signal by number: SIGKILL to everything in the sandbox, others to the command. Does nothing once it ended.
    pub fn send(&self, signal: u8) {
        // The only failure is that nobody is there any more.
        let _ = wire::send(&self.socket, &[signal], &[]);
    }
}

impl Child {
    pub(crate) fn new(
        socket: OwnedFd,
        launcher: std::process::Child,
        stdin: Option<OwnedFd>,
    ) -> Self {
        Self {
            socket: Arc::new(socket),
            launcher,
            stdin,
            terminal: None,
            outcome: None,
        }
    }

    pub(crate) fn wait_for_start(&mut self) -> Result<(), SandboxError> {
        let (report, mut fds) = self.report(RecvFlags::empty())?;
        match report {
            Some(Report::Started) => {
                self.terminal = fds.pop();
                Ok(())
            }
            Some(Report::Failed(failure)) => Err(failure.into()),
            Some(Report::Ended(_)) | None => Err(SandboxError::Silent),
        }
    }

    /// The process id of the launcher, which lives as long as the sandbox.
    pub fn id(&self) -> u32 {
        self.launcher.id()
    }

    /// The command's standard input, once, where it is a pipe.
    pub fn take_stdin(&mut self) -> Option<OwnedFd> {
        self.stdin.take()
    }

    /// The command's standard output, once, where it is a pipe.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.launcher.stdout.take()
    }

    /// The command's standard error, once, where it is a pipe.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.launcher.stderr.take()
    }

    /// The controlling end of the command's terminal, once, where the spec asked for one.
    pub fn take_terminal(&mut self) -> Option<OwnedFd> {
        self.terminal.take()
    }

    /// What sends signals to the command.
    pub fn signaller(&self) -> Signaller {
        Signaller {
            socket: Arc::clone(&self.socket),
        }
    }

    /// Kills everything in the sandbox; [`Child::wait`] returns soon after.
    pub fn kill(&self) {
        self.signaller().send(KILL);
    }

    /// Waits until the command and everything else in the sandbox is gone, its mounts included.
    pub fn wait(&mut self) -> Result<Outcome, SandboxError> {
        drop(self.stdin.take());
        self.await_end(RecvFlags::empty())?
            .ok_or(SandboxError::Silent)
    }

    /// As [`Child::wait`] where the command has ended, else `None` at once.
    pub fn try_wait(&mut self) -> Result<Option<Outcome>, SandboxError> {
        self.await_end(RecvFlags::DONTWAIT)
    }

    fn await_end(&mut self, flags: RecvFlags) -> Result<Option<Outcome>, SandboxError> {
        if self.outcome.is_some() {
            return Ok(self.outcome);
        }
        let outcome = match self.report(flags) {
            Ok((Some(Report::Ended(outcome)), _)) => outcome,
            Ok(_) => Outcome::Signalled(KILL),
            Err(SandboxError::Caller { source, .. }) if would_block(&source) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.reap()?;
        self.outcome = Some(outcome);
        Ok(self.outcome)
    }

    /// The next report; `None` if the other side is gone.
    fn report(&self, flags: RecvFlags) -> Result<(Option<Report>, Vec<OwnedFd>), SandboxError> {
        match wire::receive(&self.socket, flags) {
            Ok((bytes, fds)) => Ok((serde_json::from_slice(&bytes).ok(), fds)),
            Err(Errno::CONNRESET) => Ok((None, Vec::new())),
            Err(errno) => Err(SandboxError::Caller {
                action: "hear from the sandbox",
                source: errno.into(),
            }),
        }
    }

    fn reap(&mut self) -> Result<(), SandboxError> {
        let ended = self.launcher.wait();
        ended.map(|_| ()).map_err(|source| SandboxError::Caller {
            action: "wait for the sandbox",
            source,
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The init reads end of file even where a `Signaller` still holds the socket. Nobody is left to tell of failures.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        let _ = self.reap();
    }
}

/// SIGKILL (signal(7)).
const KILL: u8 = 9;

fn would_block(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}
