//! The only place that writes to standard output and standard error.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Event, Progress};

/// How much a command says on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Errors and warnings only.
    Quiet,
    /// Steps, times, and what was saved.
    Normal,
    /// Also what each command printed.
    Verbose,
}

const DIM: anstyle::Style = anstyle::Style::new().dimmed();
const BOLD: anstyle::Style = anstyle::Style::new().bold();
const YELLOW: anstyle::Style = anstyle::Style::new()
    .fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Yellow)))
    .bold();

/// Data on standard output, all else on standard error; bars on a terminal, plain lines otherwise.
pub(super) struct Terminal {
    out: Mutex<anstream::Stdout>,
    err: Mutex<anstream::Stderr>,
    verbosity: Verbosity,
    bars: Option<MultiProgress>,
    tasks: Mutex<HashMap<u64, ProgressBar>>,
}

impl Terminal {
    /// A terminal that says as much as asked.
    pub(super) fn new(verbosity: Verbosity) -> Self {
        let fancy = verbosity != Verbosity::Quiet && std::io::stderr().is_terminal();
        Self {
            out: Mutex::new(anstream::stdout()),
            err: Mutex::new(anstream::stderr()),
            verbosity,
            bars: fancy.then(MultiProgress::new),
            tasks: Mutex::default(),
        }
    }

    /// Prints data, with a line end.
    pub(super) fn data(&self, text: &str) {
        self.raw(&format!("{text}\n"));
    }

    /// Prints data as it is.
    pub(super) fn raw(&self, text: &str) {
        write(&self.out, text);
    }

    /// Tells something that is not data.
    pub(super) fn say(&self, text: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.line(text);
        }
    }

    /// Tells what went wrong, whatever the verbosity.
    pub(super) fn failure(&self, text: &str) {
        write(&self.err, text);
    }

    /// Warns, whatever the verbosity.
    pub(super) fn warn(&self, text: &str) {
        self.line(&format!("{YELLOW}warning:{YELLOW:#} {text}"));
    }

    /// Shows what is doubtful in the user's files, whatever the verbosity; `text` says itself that it warns.
    pub(super) fn doubt(&self, text: &str) {
        self.line(text);
    }

    /// Whether nothing but errors and warnings is wanted.
    pub(super) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.failure(&format!("{text}\n"))),
            None => self.failure(&format!("{text}\n")),
        }
    }

    fn task_started(&self, id: u64, what: &str, total: Option<u64>) {
        let Some(bars) = &self.bars else {
            return self.say(&format!("       {what}"));
        };
        let bar = bars.add(ProgressBar::new(total.unwrap_or(0)));
        let template = "       {msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        self.with_tasks(|tasks| tasks.insert(id, bar));
    }

    fn with_tasks<R>(&self, action: impl FnOnce(&mut HashMap<u64, ProgressBar>) -> R) -> R {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        action(&mut tasks)
    }
}

impl Progress for Terminal {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::StepStarted {
                step,
                title,
                reason,
            } => {
                self.say(&format!("{BOLD}step {step}{BOLD:#} {title}: {reason}"));
            }
            Event::StepDone { step, title, took } => {
                self.say(&format!(
                    "{BOLD}step {step}{BOLD:#} {title} {DIM}done in {}{DIM:#}",
                    seconds(took)
                ));
            }
            Event::StepKept { step, title, saved } => {
                let saved =
                    saved.map_or_else(String::new, |time| format!(", {} saved", seconds(time)));
                self.say(&format!(
                    "{BOLD}step {step}{BOLD:#} {title} {DIM}unchanged{saved}{DIM:#}"
                ));
            }
            Event::TaskStarted { id, what, total } => self.task_started(id, what, total),
            Event::TaskAdvanced { id, by } => {
                self.with_tasks(|tasks| tasks.get(&id).inspect(|bar| bar.inc(by)).is_some());
            }
            Event::TaskDone { id } => {
                if let Some(bar) = self.with_tasks(|tasks| tasks.remove(&id)) {
                    bar.finish_and_clear();
                }
            }
            Event::Note(text) => self.say(text),
            Event::Warning(text) => self.warn(text),
            Event::Output { source, line } if self.verbosity == Verbosity::Verbose => {
                self.line(&format!("{DIM}{source} |{DIM:#} {line}"));
            }
            Event::Output { .. } => {}
        }
    }
}

/// A reader that went away (`| head`) wants no more, and that is no failure of the command.
fn write(stream: &Mutex<impl Write>, text: &str) {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}

/// Tells what a command does on the way to what it was asked for; that there was nothing to do is no news then.
pub(super) struct OnTheWay<'a>(pub(super) &'a Terminal);

impl Progress for OnTheWay<'_> {
    fn event(&self, event: Event<'_>) {
        if !matches!(event, Event::StepKept { .. }) {
            self.0.event(event);
        }
    }
}

/// A time as people read it: `0.31 s`, `12.4 s`, `3 min 5 s`.
pub(super) fn seconds(time: Duration) -> String {
    let total = time.as_secs_f64();
    match time.as_secs() {
        0..=9 => format!("{total:.2} s"),
        10..=99 => format!("{total:.1} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// A size as people read it, in decimal units.
pub(super) fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_precise_as_they_are_useful() {
        let rows = [(310, "0.31 s"), (12_400, "12.4 s"), (185_000, "3 min 5 s")];
        for (millis, text) in rows {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}
