//! Starts the processes of an app, carries their lines, and ends them together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::app::App;
use super::child::Message;
use super::{
    Cause, Forward, LogSink, Mask, ProcessName, Proxy, RunError, Service, SignalTarget, check_free,
};
use crate::engine::{Engine, Network, Signal};

/// How long processes have between SIGTERM and SIGKILL (Docker's default).
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// When a process that is awaited gets a warning (Heroku's limit for `web` to bind its port).
pub const DEFAULT_READY_WARNING: Duration = Duration::from_secs(60);

/// How an app is run.
#[derive(Clone, Debug)]
pub struct SuperviseOptions {
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Until a process that accepts no connection gets a warning.
    pub ready_warning: Duration,
    /// Relayed while the app runs.
    pub forwards: Vec<Forward>,
    /// What no line may show.
    pub mask: Mask,
}

impl Default for SuperviseOptions {
    fn default() -> Self {
        Self {
            grace: DEFAULT_GRACE,
            ready_warning: DEFAULT_READY_WARNING,
            forwards: Vec::new(),
            mask: Mask::default(),
        }
    }
}

/// How an app ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why; [`Cause::code`] is the exit code.
    pub cause: Cause,
    /// The last lines, oldest first, of the process that failed; empty where none did.
    pub last_lines: Vec<String>,
    /// Processes that had to be killed.
    pub killed: Vec<ProcessName>,
}

/// Runs one app once.
pub struct Supervisor<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) sink: Arc<dyn LogSink>,
    pub(super) options: SuperviseOptions,
    pub(super) sender: Sender<Message>,
    pub(super) receiver: Receiver<Message>,
}

impl<'a> Supervisor<'a> {
    /// Signals that stop an app.
    pub const SIGNALS: [Signal; 3] = [Signal::Hangup, Signal::Interrupt, Signal::Terminate];

    /// A supervisor that has started nothing.
    pub fn new(engine: &'a dyn Engine, sink: Arc<dyn LogSink>, options: SuperviseOptions) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            engine,
            sink,
            options,
            sender,
            receiver,
        }
    }

    /// Where daruma's signals go; those that come before [`Supervisor::run`] count too.
    pub fn signals(&self) -> SignalTarget {
        let sender = self.sender.clone();
        SignalTarget::new(move |signal| {
            // After the end of the app there is nothing to signal.
            let _ = sender.send(Message::Signal(signal));
        })
    }

    /// Starts the services in their order and returns when all have ended and every line was given. The engine's
    /// failures are errors, told after everything else was stopped; a process's failure is an outcome.
    pub fn run(self, services: &[Service]) -> Result<Outcome, RunError> {
        reject_duplicates(services)?;
        check_ports(services)?;
        let proxies: Result<Vec<Proxy>, RunError> =
            self.options.forwards.iter().map(Proxy::start).collect();
        let _proxies = proxies?;
        let mut app = App::new(&self);
        app.start(services);
        app.supervise();
        app.outcome()
    }
}

fn reject_duplicates(services: &[Service]) -> Result<(), RunError> {
    let mut seen = BTreeSet::new();
    match services.iter().find(|service| !seen.insert(&service.name)) {
        None => Ok(()),
        Some(twice) => Err(RunError::Duplicate {
            name: twice.name.to_string(),
        }),
    }
}

/// A process that listens on this machine's own network finds its port free, or the user hears who has it.
fn check_ports(services: &[Service]) -> Result<(), RunError> {
    let here = services
        .iter()
        .filter(|service| service.job.network == Network::Host);
    here.filter_map(Service::awaited)
        .try_for_each(|(port, _)| check_free(port))
}
