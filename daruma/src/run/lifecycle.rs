//! When an app ends and with which code: decisions only, so that every order of events can be tested.

use std::collections::BTreeSet;
use std::fmt;

use super::ProcessName;
use super::event::ending;
use crate::engine::{Signal, Status};

/// 128 and SIGPIPE: what a shell reports of a program whose reader went away.
const BROKEN_PIPE: u8 = 141;

/// Why an app ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Every process exited with 0.
    AllDone,
    /// This process was the first that exited with another code or by a signal.
    Failed {
        /// Which.
        process: ProcessName,
        /// How.
        status: Status,
    },
    /// This process ended, with whatever code, before anything accepted connections on its port.
    NeverReady {
        /// Which.
        process: ProcessName,
        /// How.
        status: Status,
    },
    /// The engine could not start this process or lost it; the error is returned.
    EngineFailed {
        /// Which.
        process: ProcessName,
    },
    /// daruma got this signal.
    Signal(Signal),
    /// Nobody takes the processes' output any more.
    OutputClosed,
}

impl Cause {
    /// The exit code: the failed process's own, 128 and the number for a signal, 0 when all is done, else 1.
    pub fn code(&self) -> u8 {
        match self {
            Self::AllDone => 0,
            Self::Failed { status, .. } => status.code(),
            Self::NeverReady { status, .. } => status.code().max(1),
            Self::EngineFailed { .. } => 1,
            Self::Signal(Signal::Hangup) => 129,
            Self::Signal(Signal::Interrupt) => 130,
            Self::Signal(_) => 143,
            Self::OutputClosed => BROKEN_PIPE,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllDone => f.write_str("every process exited with 0"),
            Self::Failed { process, status } => write!(f, "{process} {}", ending(*status)),
            Self::NeverReady { process, status } => {
                write!(
                    f,
                    "{process} {} before it accepted connections",
                    ending(*status)
                )
            }
            Self::EngineFailed { process } => write!(f, "{process} could not be run"),
            Self::Signal(Signal::Interrupt) => f.write_str("interrupted"),
            Self::Signal(Signal::Hangup) => f.write_str("the terminal went away"),
            Self::Signal(_) => f.write_str("told to stop"),
            Self::OutputClosed => f.write_str("nobody reads the output"),
        }
    }
}

/// What the supervisor must do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    Wait,
    /// SIGTERM to what runs, and the grace begins.
    Terminate,
    /// SIGKILL to what runs.
    Kill,
}

/// Whether a process that ended had been waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Nobody waits for a port, or it accepted already.
    No,
    /// Its port accepted nothing yet.
    Yes,
}

/// What runs, and why it is being stopped.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    running: BTreeSet<ProcessName>,
    cause: Option<Cause>,
    interrupts: u32,
}

impl Lifecycle {
    /// A process was started.
    pub(super) fn started(&mut self, process: ProcessName) {
        self.running.insert(process);
    }

    /// A process ended.
    pub(super) fn ended(
        &mut self,
        process: &ProcessName,
        status: Status,
        awaited: Awaited,
    ) -> Action {
        self.running.remove(process);
        let process = process.clone();
        match (status, awaited) {
            (_, Awaited::Yes) => self.stop(Cause::NeverReady { process, status }),
            (Status::Exited(0), Awaited::No) => Action::Wait,
            (_, Awaited::No) => self.stop(Cause::Failed { process, status }),
        }
    }

    /// The engine failed on a process, which does not run.
    pub(super) fn engine_failed(&mut self, process: &ProcessName) -> Action {
        self.running.remove(process);
        let process = process.clone();
        self.stop(Cause::EngineFailed { process })
    }

    /// The output cannot be written.
    pub(super) fn output_closed(&mut self) -> Action {
        self.stop(Cause::OutputClosed)
    }

    /// daruma got a signal. The second Ctrl-C kills; Ctrl-C while a failure stops the rest is the first one, because
    /// it may have been pressed before anybody could know.
    pub(super) fn signalled(&mut self, signal: Signal) -> Action {
        if signal == Signal::Interrupt {
            self.interrupts += 1;
        }
        match signal {
            Signal::Interrupt if self.interrupts > 1 => Action::Kill,
            Signal::Interrupt | Signal::Terminate | Signal::Hangup => {
                self.stop(Cause::Signal(signal))
            }
            Signal::Quit | Signal::Kill | Signal::User1 | Signal::User2 => Action::Wait,
        }
    }

    /// Whether the processes were told to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.cause.is_some()
    }

    /// What runs.
    pub(super) fn running(&self) -> impl Iterator<Item = &ProcessName> {
        self.running.iter()
    }

    /// Why the app ends; `AllDone` where nothing else was seen.
    pub(super) fn cause(&self) -> Cause {
        self.cause.clone().unwrap_or(Cause::AllDone)
    }

    fn stop(&mut self, cause: Cause) -> Action {
        if self.cause.is_some() {
            return Action::Wait;
        }
        self.cause = Some(cause);
        Action::Terminate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `web=1` (exit), `web!9` (by signal), `web?0` (exit before ready), `INT`, `TERM`, `HUP`, `pipe`.
    fn play(events: &str) -> (String, u8) {
        let mut life = Lifecycle::default();
        for name in ["web", "worker"] {
            life.started(name.parse().expect("a name"));
        }
        let actions: Vec<String> = events
            .split_whitespace()
            .map(|event| format!("{:?}", step(&mut life, event)))
            .collect();
        (actions.join(" "), life.cause().code())
    }

    fn step(life: &mut Lifecycle, event: &str) -> Action {
        match event {
            "INT" => return life.signalled(Signal::Interrupt),
            "TERM" => return life.signalled(Signal::Terminate),
            "HUP" => return life.signalled(Signal::Hangup),
            "pipe" => return life.output_closed(),
            _ => {}
        }
        let at = event.find(['=', '!', '?']).expect("an event");
        let name = event[..at].parse().expect("a name");
        let number = event[at + 1..].parse().expect("a number");
        match &event[at..=at] {
            "=" => life.ended(&name, Status::Exited(number), Awaited::No),
            "!" => life.ended(&name, Status::Signalled(number), Awaited::No),
            _ => life.ended(&name, Status::Exited(number), Awaited::Yes),
        }
    }

    #[test]
    fn the_first_failure_decides_and_exit_0_leaves_the_others() {
        let cases = [
            ("worker=0 web=0", "Wait Wait", 0),
            ("worker=0 web=3", "Wait Terminate", 3),
            ("web=3 worker=7", "Terminate Wait", 3),
            ("web!9 worker=0", "Terminate Wait", 137),
            ("web=3 worker!15", "Terminate Wait", 3),
            ("web?0 worker=0", "Terminate Wait", 1),
            ("web?7 worker=0", "Terminate Wait", 7),
            ("pipe web!15 worker!15", "Terminate Wait Wait", 141),
        ];
        for (events, actions, code) in cases {
            assert_eq!(play(events), (actions.to_owned(), code), "{events}");
        }
    }

    #[test]
    fn the_first_signal_stops_and_the_second_interrupt_kills() {
        let cases = [
            ("INT web!15 worker=0", "Terminate Wait Wait", 130),
            ("INT INT", "Terminate Kill", 130),
            ("INT INT INT", "Terminate Kill Kill", 130),
            ("TERM", "Terminate", 143),
            ("TERM TERM", "Terminate Wait", 143),
            ("TERM INT INT", "Terminate Wait Kill", 143),
            ("HUP TERM", "Terminate Wait", 129),
            ("web=3 INT", "Terminate Wait", 3),
            ("web=3 INT INT", "Terminate Wait Kill", 3),
            ("INT web=1", "Terminate Wait", 130),
        ];
        for (events, actions, code) in cases {
            assert_eq!(play(events), (actions.to_owned(), code), "{events}");
        }
    }
}
