//! Starts the processes of an app, carries their lines, and ends them together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::child::{Child, End, Message, Surroundings};
use super::lifecycle::{Action, Awaited, Lifecycle};
use super::readiness::Seen;
use super::{
    Cause, Forward, LogSink, Mask, ProcessName, Proxy, RunError, RunEvent, Service, SignalTarget,
    check_free,
};
use crate::engine::{Engine, EngineError, Network, Signal, Status};

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
    engine: &'a dyn Engine,
    sink: Arc<dyn LogSink>,
    options: SuperviseOptions,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
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
        let mut app = App {
            children: Vec::new(),
            lifecycle: Lifecycle::default(),
            kill_at: None,
            killed: Vec::new(),
            error: None,
            abandoned: false,
            supervisor: &self,
        };
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

/// The app while it runs.
struct App<'s> {
    children: Vec<Child<'s>>,
    lifecycle: Lifecycle,
    kill_at: Option<Instant>,
    killed: Vec<ProcessName>,
    error: Option<RunError>,
    /// The user would not wait for the last lines.
    abandoned: bool,
    supervisor: &'s Supervisor<'s>,
}

impl<'s> App<'s> {
    fn start(&mut self, services: &'s [Service]) {
        let supervisor = self.supervisor;
        let around = Surroundings {
            engine: supervisor.engine,
            sink: &supervisor.sink,
            sender: &supervisor.sender,
            options: &supervisor.options,
        };
        for (number, service) in services.iter().enumerate() {
            self.take_pending();
            if self.lifecycle.is_stopping() {
                return;
            }
            match Child::start(number, service, &around) {
                Ok(child) => self.started(child),
                Err(error) => self.engine_failed(&service.name, error),
            }
        }
    }

    fn started(&mut self, child: Child<'s>) {
        let service = child.service;
        self.lifecycle.started(service.name.clone());
        self.children.push(child);
        self.tell(RunEvent::Started {
            process: &service.name,
            port: service.port,
        });
    }

    /// What happened while something was started.
    fn take_pending(&mut self) {
        while let Ok(message) = self.supervisor.receiver.try_recv() {
            self.take(message);
        }
    }

    fn supervise(&mut self) {
        while !self.abandoned && !self.children.iter().all(Child::is_over) {
            match self.next_message() {
                Ok(message) => self.take(message),
                Err(_) => self.kill(),
            }
        }
    }

    /// The next message, or an error when the grace is over.
    fn next_message(&self) -> Result<Message, RecvTimeoutError> {
        let receiver = &self.supervisor.receiver;
        match self.kill_at {
            Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Signal(signal) => self.signalled(signal),
            Message::Ended(number, result) => self.ended(number, result),
            Message::StreamClosed(number) => self.stream_closed(number),
            Message::SinkFailed => {
                let action = self.lifecycle.output_closed();
                self.act(action);
            }
            Message::Port(number, seen) => self.port_seen(number, seen),
        }
    }

    fn signalled(&mut self, signal: Signal) {
        let action = self.lifecycle.signalled(signal);
        let draining = self.lifecycle.running().next().is_none();
        self.abandoned |= action == Action::Kill && draining;
        self.act(action);
    }

    fn stream_closed(&mut self, number: usize) {
        if let Some(child) = self.children.get_mut(number) {
            child.open_streams -= 1;
            self.tell_if_over(number);
        }
    }

    fn ended(&mut self, number: usize, result: Result<Status, EngineError>) {
        let Some(child) = self.children.get_mut(number) else {
            return;
        };
        let awaited = child.awaited();
        child.stop_waiting();
        let name = &child.service.name;
        match result {
            Ok(status) => {
                child.end = Some(End::Known(status));
                let action = self.lifecycle.ended(name, status, awaited);
                self.tell_if_over(number);
                self.act(action);
            }
            Err(source) => {
                child.end = Some(End::Unknown);
                let process = name.to_string();
                self.engine_failed(name, RunError::Wait { process, source });
            }
        }
    }

    fn engine_failed(&mut self, name: &ProcessName, error: RunError) {
        self.error.get_or_insert(error);
        let action = self.lifecycle.engine_failed(name);
        self.act(action);
    }

    fn port_seen(&mut self, number: usize, seen: Seen) {
        let waiting = |child: &&mut Child<'s>| child.awaited() == Awaited::Yes;
        let Some(child) = self.children.get_mut(number).filter(waiting) else {
            return;
        };
        let Some((port, url)) = child.service.awaited() else {
            return;
        };
        let process = &child.service.name;
        if seen == Seen::Ready {
            child.stop_waiting();
            self.tell(RunEvent::Ready { process, url });
        } else {
            let after = self.supervisor.options.ready_warning;
            self.tell(RunEvent::NotReady {
                process,
                port,
                after,
            });
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Wait => {}
            Action::Terminate => self.terminate(),
            Action::Kill => self.kill(),
        }
    }

    fn terminate(&mut self) {
        let grace = self.supervisor.options.grace;
        self.kill_at = Instant::now().checked_add(grace);
        self.children.iter_mut().for_each(Child::stop_waiting);
        let processes: Vec<&ProcessName> = self.lifecycle.running().collect();
        if processes.is_empty() {
            return;
        }
        let cause = &self.lifecycle.cause();
        self.tell(RunEvent::Stopping {
            cause,
            processes: &processes,
            grace,
        });
        self.signal_running(Signal::Terminate);
    }

    fn kill(&mut self) {
        self.kill_at = None;
        let processes: Vec<&ProcessName> = self.lifecycle.running().collect();
        if processes.is_empty() {
            return;
        }
        self.tell(RunEvent::Killing {
            processes: &processes,
        });
        let new = |name: &&&ProcessName| !self.killed.contains(name);
        let new: Vec<ProcessName> = processes
            .iter()
            .filter(new)
            .map(|name| (*name).clone())
            .collect();
        self.killed.extend(new);
        self.signal_running(Signal::Kill);
    }

    fn signal_running(&self, signal: Signal) {
        let running = self.children.iter().filter(|child| child.end.is_none());
        running.for_each(|child| child.signal(signal));
    }

    /// After its last line, so that the reason stands above the news.
    fn tell_if_over(&self, number: usize) {
        let child = &self.children[number];
        if let (Some(End::Known(status)), 0) = (child.end, child.open_streams) {
            let process = &child.service.name;
            self.tell(RunEvent::Exited { process, status });
        }
    }

    fn tell(&self, event: RunEvent<'_>) {
        self.supervisor.sink.event(event);
    }

    fn outcome(self) -> Result<Outcome, RunError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let cause = self.lifecycle.cause();
        let failed = match &cause {
            Cause::Failed { process, .. } | Cause::NeverReady { process, .. } => Some(process),
            _ => None,
        };
        let child = self
            .children
            .iter()
            .find(|child| Some(&child.service.name) == failed);
        Ok(Outcome {
            last_lines: child.map(|child| child.tail.lines()).unwrap_or_default(),
            cause,
            killed: self.killed,
        })
    }
}
