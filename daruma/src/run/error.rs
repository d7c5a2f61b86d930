//! What can go wrong when an app is run.

use std::io;
use std::path::PathBuf;

use super::Holder;
use crate::engine::EngineError;

/// An app cannot be started, found or stopped. A process of the app that fails is not an error but an outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A process was named that nobody declares.
    #[error("cannot start `{name}`: no such process; declared are {declared}{}", suggestion(nearest.as_deref()))]
    UnknownProcess {
        /// What was asked for.
        name: String,
        /// All declared names, comma-separated.
        declared: String,
        /// The declared name that is most like it.
        nearest: Option<String>,
    },
    /// A process is to be started twice.
    #[error("cannot start `{name}` twice")]
    Duplicate {
        /// Its name.
        name: String,
    },
    /// There is no process at all.
    #[error("cannot start the app: it declares no process")]
    NothingDeclared,
    /// Every process must be named to be started.
    #[error(
        "cannot start the app: none of its processes starts unless it is named; declared are {declared}"
    )]
    NothingByDefault {
        /// All declared names, comma-separated.
        declared: String,
    },
    /// A `-p` has no form that is known.
    #[error(
        "cannot read `-p {text}`: {reason} (expected PORT, HOST:CONTAINER or ADDRESS:HOST:CONTAINER)"
    )]
    PortSpec {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The `PORT` of the `.env` file is not a port.
    #[error("cannot use PORT=`{text}` from .env: it is not a port from 1 to 65535")]
    DotenvPort {
        /// What it says.
        text: String,
    },
    /// Two things cannot be had at once with `-p`.
    #[error("cannot use these ports: {reason}")]
    Ports {
        /// Why.
        reason: String,
    },
    /// Somebody listens there already.
    #[error("cannot use port {port}: {} listens on it; choose another with `-p PORT`", holder_text(holder.as_ref()))]
    PortTaken {
        /// The port.
        port: u16,
        /// Who, where `/proc` tells.
        holder: Option<Holder>,
    },
    /// The kernel does not let this user listen there.
    #[error(
        "cannot use port {port}: this user may not listen on it; choose one from 1024 on with `-p PORT`"
    )]
    PortDenied {
        /// The port.
        port: u16,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine could not start a process.
    #[error("cannot start process `{process}`")]
    Start {
        /// Its name.
        process: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// The engine lost a process.
    #[error("cannot tell how process `{process}` ended")]
    Wait {
        /// Its name.
        process: String,
        /// Why.
        #[source]
        source: EngineError,
    },
    /// The app runs already.
    #[error("cannot start {app}: it runs already as {} (`daruma stop` ends it)", pid_text(*pid))]
    AlreadyRunning {
        /// The app.
        app: String,
        /// The daruma that runs it; `None` where it is just starting.
        pid: Option<u32>,
    },
    /// The app does not run.
    #[error("cannot stop {app}: it does not run")]
    NotRunning {
        /// The app.
        app: String,
    },
    /// The app runs but does not yet say as which process.
    #[error("cannot stop {app}: it is just starting; try again")]
    StillStarting {
        /// The app.
        app: String,
    },
    /// It was killed and is still there.
    #[error("cannot stop {app}: pid {pid} is still there after SIGKILL")]
    StillThere {
        /// The app.
        app: String,
        /// The daruma that runs it.
        pid: u32,
    },
    /// A state file is not one.
    #[error("cannot read {}: {reason}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A call on a process failed.
    #[error("cannot {action} process {pid}")]
    Process {
        /// What was tried.
        action: &'static str,
        /// Which process.
        pid: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The handlers for signals could not be set up.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A file operation failed; the cause names the path.
    #[error("cannot keep the state of a running app")]
    Io(#[from] io::Error),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

fn holder_text(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), Holder::to_string)
}

fn pid_text(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("pid {pid}"))
}
