//! The state of an app while it runs, moved on by messages.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use super::child::{Child, End, Message, Surroundings};
use super::lifecycle::{Action, Awaited, Lifecycle};
use super::readiness::Seen;
use super::{Cause, Outcome, ProcessName, RunError, RunEvent, Service, Supervisor};
use crate::engine::{EngineError, Signal, Status};

/// The app while it runs.
pub(super) struct App<'s> {
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
    /// An app of which nothing was started.
    pub(super) fn new(supervisor: &'s Supervisor<'s>) -> Self {
        Self {
            children: Vec::new(),
            lifecycle: Lifecycle::default(),
            kill_at: None,
            killed: Vec::new(),
            error: None,
            abandoned: false,
            supervisor,
        }
    }

    /// Starts the services in their order, until something says to stop.
    pub(super) fn start(&mut self, services: &'s [Service]) {
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

    /// Carries on until every process has ended and every line was given.
    pub(super) fn supervise(&mut self) {
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
        // Before anybody is told, as telling may block.
        self.signal_running(Signal::Terminate);
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
    }

    fn kill(&mut self) {
        self.kill_at = None;
        self.signal_running(Signal::Kill);
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

    /// How it ended.
    pub(super) fn outcome(self) -> Result<Outcome, RunError> {
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
