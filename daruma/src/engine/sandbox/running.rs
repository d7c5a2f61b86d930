//! A job in a sandbox.

use std::io::{PipeWriter, Read, Write};
use std::sync::Arc;

use daruma_sandbox::{Child, Outcome};

use super::area::RunDirs;
use super::id_map;
use crate::engine::terminal::Relay;
use crate::engine::{Changes, EngineError, Running, Signal, Status};

/// Fields are dropped in this order: what runs, then its terminal, then its directories.
#[derive(Debug)]
pub(super) struct SandboxRunning {
    child: Child,
    relay: Option<Relay>,
    dirs: RunDirs,
    ended: Option<Status>,
}

impl SandboxRunning {
    pub(super) fn new(child: Child, dirs: RunDirs, relay: Option<Relay>) -> Self {
        Self {
            child,
            relay,
            dirs,
            ended: None,
        }
    }
}

impl Running for SandboxRunning {
    fn stdin(&mut self) -> Option<Box<dyn Write + Send>> {
        let fd = self.child.take_stdin()?;
        Some(Box::new(PipeWriter::from(fd)))
    }

    fn stdout(&mut self) -> Option<Box<dyn Read + Send>> {
        let pipe = self.child.take_stdout()?;
        Some(Box::new(pipe))
    }

    fn stderr(&mut self) -> Option<Box<dyn Read + Send>> {
        let pipe = self.child.take_stderr()?;
        Some(Box::new(pipe))
    }

    fn signaller(&self) -> Arc<dyn Fn(Signal) + Send + Sync> {
        let signaller = self.child.signaller();
        Arc::new(move |signal| signaller.send(number(signal)))
    }

    fn wait(&mut self) -> Result<Status, EngineError> {
        let outcome = self.child.wait().map_err(std::io::Error::other)?;
        if let Some(relay) = self.relay.take() {
            relay.finish();
        }
        let status = match outcome {
            Outcome::Exited(code) => Status::Exited(code),
            Outcome::Signalled(signal) => Status::Signalled(signal),
        };
        self.ended = Some(status);
        Ok(status)
    }

    fn changes(&mut self) -> Option<Changes> {
        self.ended?;
        let (dir, ids) = self.dirs.take_changes()?;
        Some(Changes {
            dir,
            ids: id_map(&ids),
        })
    }
}

/// Numbers of signal(7), the same on x86_64 and aarch64.
fn number(signal: Signal) -> u8 {
    match signal {
        Signal::Hangup => 1,
        Signal::Interrupt => 2,
        Signal::Quit => 3,
        Signal::Kill => 9,
        Signal::User1 => 10,
        Signal::User2 => 12,
        Signal::Terminate => 15,
    }
}
