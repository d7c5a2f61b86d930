//! One command with daruma's own streams: `exec`, `shell`.

use super::{RunError, SignalTarget};
use crate::engine::{Engine, Io, Job, Running, Signal, Status, Stream};

/// Whether a command gets a terminal of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// One that the engine relays to daruma's.
    Own,
    /// None: its streams are daruma's.
    None,
}

/// A command that runs. Dropped, it is killed.
pub struct OneOff {
    running: Box<dyn Running>,
    program: String,
}

impl OneOff {
    /// Signals that a one-off command gets instead of daruma.
    pub const SIGNALS: [Signal; 6] = [
        Signal::Hangup,
        Signal::Interrupt,
        Signal::Quit,
        Signal::Terminate,
        Signal::User1,
        Signal::User2,
    ];

    /// Starts a command with daruma's standard streams.
    pub fn start(engine: &dyn Engine, job: &Job, terminal: Terminal) -> Result<Self, RunError> {
        let program = job.argv.first().cloned().unwrap_or_default();
        let io = Io {
            stdin: Stream::Inherit,
            stdout: Stream::Inherit,
            stderr: Stream::Inherit,
            terminal: terminal == Terminal::Own,
        };
        match engine.start(job, io) {
            Ok(running) => Ok(Self { running, program }),
            Err(source) => Err(RunError::Start {
                process: program,
                source,
            }),
        }
    }

    /// Every signal goes to the command as it is.
    pub fn signals(&self) -> SignalTarget {
        let signaller = self.running.signaller();
        SignalTarget::new(move |signal| signaller(signal))
    }

    /// Waits for the end of the command; [`Status::code`] is the exit code.
    pub fn wait(mut self) -> Result<Status, RunError> {
        self.running.wait().map_err(|source| RunError::Wait {
            process: self.program.clone(),
            source,
        })
    }
}
