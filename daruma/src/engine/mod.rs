//! What runs commands in images: an image's layers and a command in; a status and, where asked, the changed tree out.
//!
//! Inputs and outputs are streams and named volumes, never host paths, so that an engine may be on another machine.
//! The one exception is [`Mount::Host`], which only `--mount` makes.

mod roots;
mod sandbox;
mod terminal;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::tree::IdMap;

pub use roots::{RootsError, job, layers, unpack_options};
pub use sandbox::{SandboxEngine, sweep};

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Built in: namespaces of this kernel, no daemon.
    Sandbox,
    /// The user's `docker` command line.
    Docker,
    /// The user's `podman` command line.
    Podman,
}

/// A command to run in an image.
#[derive(Clone, Debug)]
pub struct Job {
    /// Unpacked layers, lowest first (`store` gives them); read only.
    pub layers: Vec<PathBuf>,
    /// Program and arguments; looked up in the job's `PATH`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Working directory inside the image.
    pub cwd: String,
    /// User and group inside the image.
    pub user: (u32, u32),
    /// What else stands in its file system.
    pub mounts: Vec<Mount>,
    /// What it reaches.
    pub network: Network,
    /// What becomes of its writes.
    pub writes: Writes,
    /// Answer calls that change ownership with success where the engine has a single id (configure and compile only).
    pub pretend_ownership: bool,
}

/// Something mounted into a job's file system.
#[derive(Clone, Debug)]
pub enum Mount {
    /// A directory of the host's, given by the user with `--mount`.
    Host {
        /// On the host.
        from: PathBuf,
        /// Inside.
        to: String,
        /// Whether it may not be written.
        read_only: bool,
    },
    /// An empty file system in memory.
    Tmpfs {
        /// Inside.
        to: String,
    },
}

/// What a job reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Nothing but its own loopback.
    None,
    /// What the host reaches.
    Host,
}

/// What becomes of a job's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Thrown away at the end.
    Discard,
    /// Handed back as a tree of what changed.
    Keep,
}

/// Where one of a job's standard streams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// To where daruma's own goes.
    Inherit,
    /// Nowhere.
    Null,
    /// To the caller, through [`Running`].
    Pipe,
}

/// A job's standard streams.
#[derive(Clone, Copy, Debug)]
pub struct Io {
    /// Standard input.
    pub stdin: Stream,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// Whether the job gets a terminal of its own, relayed to daruma's; only where daruma has one.
    pub terminal: bool,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It returned this code.
    Exited(u8),
    /// This signal ended it.
    Signalled(u8),
}

impl Status {
    /// What a shell would report: the code, or 128 and the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signalled(signal) => signal.wrapping_add(128),
        }
    }
}

/// Signals that a job can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGTERM.
    Terminate,
    /// SIGKILL, to everything in the job.
    Kill,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
}

/// The engine failed, not the job.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This machine does not let the engine work; the text says why and what would help.
    #[error("cannot use the {engine} engine: {reason}")]
    Unusable {
        /// Its name.
        engine: &'static str,
        /// Why, and what the user can do.
        reason: String,
    },
    /// The job could not be started.
    #[error("cannot start `{program}`: {reason}")]
    Start {
        /// The job's program.
        program: String,
        /// Why.
        reason: String,
    },
    /// A file operation failed; the text names the path.
    #[error("cannot run a job")]
    Io(#[from] std::io::Error),
}

/// Runs jobs.
pub trait Engine: Send + Sync {
    /// Which engine this is.
    fn kind(&self) -> EngineKind;

    /// Starts a job. Whatever ends daruma ends the job too, within two seconds.
    fn start(&self, job: &Job, io: Io) -> Result<Box<dyn Running>, EngineError>;
}

/// A job that was started. Dropped, it is killed and all that it mounted is gone.
pub trait Running: Send {
    /// The job's standard input, once, where it is a [`Stream::Pipe`].
    fn stdin(&mut self) -> Option<Box<dyn std::io::Write + Send>>;

    /// The job's standard output, once, where it is a [`Stream::Pipe`].
    fn stdout(&mut self) -> Option<Box<dyn std::io::Read + Send>>;

    /// The job's standard error, once, where it is a [`Stream::Pipe`].
    fn stderr(&mut self) -> Option<Box<dyn std::io::Read + Send>>;

    /// Sends signals to the job's main process from any thread; does nothing once it has ended.
    fn signaller(&self) -> std::sync::Arc<dyn Fn(Signal) + Send + Sync>;

    /// Waits for the end of the job, everything in it included.
    fn wait(&mut self) -> Result<Status, EngineError>;

    /// After the end of a job with [`Writes::Keep`]: a directory in overlayfs form with what it changed, removed with
    /// the value. `None` for other jobs.
    fn changes(&mut self) -> Option<Changes>;
}

/// What a job changed, as an overlayfs upper directory (whiteouts are `0:0` character devices, opaque directories have
/// the `overlay.opaque` attribute); mount points that the engine made are not in it.
#[derive(Debug)]
pub struct Changes {
    /// The directory, removed when this value is dropped.
    pub dir: tempfile::TempDir,
    /// How the ids on disk map to those inside.
    pub ids: IdMap,
}
