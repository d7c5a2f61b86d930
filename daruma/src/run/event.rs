//! What a running app tells whoever is watching.

use std::fmt;
use std::io;
use std::time::Duration;

use super::{Cause, ProcessName};
use crate::engine::Status;

/// Which stream of a process a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// A line that a process wrote.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// Which process.
    pub process: &'a ProcessName,
    /// On which stream.
    pub stream: OutputStream,
    /// Without its end, masked already; any bytes but `\n` and `\r`, not always UTF-8.
    pub bytes: &'a [u8],
}

/// Something that happened to a process of the app. Its `Display` is a sentence for people, without a period.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// A process was started.
    Started {
        /// Which.
        process: &'a ProcessName,
        /// What its `PORT` is.
        port: Option<u16>,
    },
    /// The process accepts connections; told once.
    Ready {
        /// Which.
        process: &'a ProcessName,
        /// Where people find it.
        url: &'a str,
    },
    /// The process still accepts no connection. It is left alone and may get ready yet.
    NotReady {
        /// Which.
        process: &'a ProcessName,
        /// Where it was expected.
        port: u16,
        /// How long it had.
        after: Duration,
    },
    /// A process ended and all its lines were given.
    Exited {
        /// Which.
        process: &'a ProcessName,
        /// How.
        status: Status,
    },
    /// The processes that still run were told to end.
    Stopping {
        /// Why.
        cause: &'a Cause,
        /// Which.
        processes: &'a [&'a ProcessName],
        /// How long they have.
        grace: Duration,
    },
    /// These did not end by themselves and are killed.
    Killing {
        /// Which.
        processes: &'a [&'a ProcessName],
    },
}

/// Receives lines and events, from several threads. It may block: the processes then wait in their writes.
pub trait LogSink: Send + Sync {
    /// Takes one line. An error (a closed pipe) stops the app.
    fn line(&self, line: LogLine<'_>) -> io::Result<()>;

    /// Takes one event.
    fn event(&self, event: RunEvent<'_>);
}

impl fmt::Display for RunEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started {
                process,
                port: Some(port),
            } => write!(f, "{process} started with PORT={port}"),
            Self::Started {
                process,
                port: None,
            } => write!(f, "{process} started"),
            Self::Ready { process, url } => {
                write!(f, "{process} process will be available at {url}")
            }
            Self::NotReady {
                process,
                port,
                after,
            } => write!(
                f,
                "{process} does not accept connections on port {port} after {} s; PORT={port} was set in its environment",
                after.as_secs()
            ),
            Self::Exited { process, status } => write!(f, "{process} {}", ending(*status)),
            Self::Stopping {
                cause,
                processes,
                grace,
            } => {
                write!(
                    f,
                    "{cause}; stopping {} (up to {} s)",
                    listed(processes),
                    grace.as_secs()
                )
            }
            Self::Killing { processes } => write!(f, "killing {}", listed(processes)),
        }
    }
}

/// How a process ended, as the predicate of a sentence.
pub(super) fn ending(status: Status) -> String {
    match status {
        Status::Exited(code) => format!("exited with {code}"),
        Status::Signalled(signal) => format!("was ended by signal {signal}"),
    }
}

fn listed(processes: &[&ProcessName]) -> String {
    let names: Vec<&str> = processes.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}
