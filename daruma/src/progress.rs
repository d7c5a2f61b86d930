//! What the core tells whoever is watching: one trait, one event type.

use std::time::Duration;

/// Something that happened and that a person may want to see.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A numbered step of the plan (1 to 4) begins, with the reason why it must be done.
    StepStarted {
        /// 1 to 4.
        step: u8,
        /// Its title, e.g. `runner image`.
        title: &'a str,
        /// Why it is done now, one sentence without a period.
        reason: &'a str,
    },
    /// A step was done.
    StepDone {
        /// 1 to 4.
        step: u8,
        /// Its title.
        title: &'a str,
        /// How long it took.
        took: Duration,
    },
    /// A step was not needed; `saved` is how long it took when it was last done.
    StepKept {
        /// 1 to 4.
        step: u8,
        /// Its title.
        title: &'a str,
        /// Time that the step took when it was last done, where that is known.
        saved: Option<Duration>,
    },
    /// A long task with a known or unknown amount of work begins; `id` names it in later events.
    TaskStarted {
        /// Names the task until `TaskDone`.
        id: u64,
        /// What is done, e.g. `downloading 86 packages`.
        what: &'a str,
        /// Total units (bytes), where known.
        total: Option<u64>,
    },
    /// Units (bytes) of a task were done since the last event.
    TaskAdvanced {
        /// The task.
        id: u64,
        /// Units done since the last event.
        by: u64,
    },
    /// A task ended, well or not.
    TaskDone {
        /// The task.
        id: u64,
    },
    /// A line of information.
    Note(&'a str),
    /// Something that the user should know of but that stops nothing.
    Warning(&'a str),
    /// A line that a command of the user's printed while it was built or configured.
    Output {
        /// What runs, e.g. `compile`.
        source: &'a str,
        /// The line, without its end, with secrets masked already.
        line: &'a str,
    },
}

/// Receives [`Event`]s. Implementations must not block for long and are called from several threads.
pub trait Progress: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event<'_>);
}

/// Ignores everything; for tests and for callers that want values only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: Event<'_>) {}
}
