//! Lines of several processes in one stream: aligned, coloured, whole.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::{LogLine, LogSink, ProcessName, RunEvent};

/// Colours by the order of names; red is left for errors.
const COLOURS: [AnsiColor; 10] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

/// ESC, with which every control sequence of a terminal begins.
const ESCAPE: u8 = 0x1B;

/// Where the time in front of a line comes from.
pub type Clock = fn() -> Timestamp;

/// Whether prefixes have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One per process.
    ByName,
    /// None.
    Off,
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub struct LogFormat {
    /// Whether prefixes have colours.
    pub colour: Colour,
    /// Where given, each line begins with the time in UTC, to the millisecond.
    pub clock: Option<Clock>,
}

/// A [`LogSink`] that writes lines to `Out` as `web    | line`, and events to `Err` as sentences.
#[derive(Debug)]
pub struct PrefixedLog<Out, Err> {
    prefixes: Vec<(ProcessName, String)>,
    format: LogFormat,
    // Apart, so that a reader of the lines who stops reading does not hold up the events.
    out: Mutex<Out>,
    err: Mutex<Err>,
}

impl<Out: Write, Err: Write> PrefixedLog<Out, Err> {
    /// A log for these processes; their order decides their colours.
    pub fn new(names: &[ProcessName], format: LogFormat, out: Out, err: Err) -> Self {
        let width = names
            .iter()
            .map(|name| name.as_str().len())
            .max()
            .unwrap_or(0);
        let prefixes = names.iter().zip(COLOURS.iter().cycle());
        Self {
            prefixes: prefixes
                .map(|(name, colour)| (name.clone(), prefix(name, width, *colour, format.colour)))
                .collect(),
            format,
            out: Mutex::new(out),
            err: Mutex::new(err),
        }
    }

    /// The writers, with everything written.
    pub fn into_inner(self) -> (Out, Err) {
        (inner(self.out), inner(self.err))
    }

    fn render(&self, line: LogLine<'_>) -> Vec<u8> {
        let mut text = Vec::with_capacity(line.bytes.len() + 64);
        if let Some(clock) = self.format.clock {
            text.extend_from_slice(format!("{:.3} ", clock()).as_bytes());
        }
        let known = self.prefixes.iter().find(|(name, _)| name == line.process);
        match known {
            Some((_, prefix)) => text.extend_from_slice(prefix.as_bytes()),
            None => text.extend_from_slice(format!("{} | ", line.process).as_bytes()),
        }
        text.extend_from_slice(line.bytes);
        // A process that sets a colour and never resets it must not colour the next line's prefix.
        if self.format.colour == Colour::ByName && line.bytes.contains(&ESCAPE) {
            text.extend_from_slice(b"\x1b[0m");
        }
        text.push(b'\n');
        text
    }
}

fn prefix(name: &ProcessName, width: usize, colour: AnsiColor, wanted: Colour) -> String {
    match wanted {
        Colour::Off => format!("{name:width$} | "),
        Colour::ByName => {
            let style = Style::new().fg_color(Some(colour.into()));
            format!("{style}{name:width$} |{style:#} ")
        }
    }
}

impl<Out: Write + Send, Err: Write + Send> LogSink for PrefixedLog<Out, Err> {
    fn line(&self, line: LogLine<'_>) -> io::Result<()> {
        let text = self.render(line);
        let mut out = locked(&self.out);
        out.write_all(&text)?;
        out.flush()
    }

    fn event(&self, event: RunEvent<'_>) {
        let text = format!("{event}\n");
        let mut err = locked(&self.err);
        // Nobody is left to tell that standard error cannot be written.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

/// A writer is as good after a panic as before it: lines are written whole.
fn locked<W>(writer: &Mutex<W>) -> MutexGuard<'_, W> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inner<W>(writer: Mutex<W>) -> W {
    writer.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::OutputStream;

    fn logged(format: LogFormat, lines: &[(&str, &[u8])]) -> String {
        let names = ["web", "worker"].map(|name| name.parse().expect("a name"));
        let log = PrefixedLog::new(&names, format, Vec::new(), Vec::new());
        for (name, bytes) in lines {
            let process = name.parse().expect("a name");
            let stream = OutputStream::Stdout;
            log.line(LogLine {
                process: &process,
                stream,
                bytes,
            })
            .expect("written");
        }
        log.into_inner().0.escape_ascii().to_string()
    }

    #[test]
    fn prefixes_are_aligned_and_bytes_pass_as_they_are() {
        let format = LogFormat {
            colour: Colour::Off,
            clock: None,
        };
        let text = logged(
            format,
            &[
                ("web", b"a"),
                ("worker", b"\xff"),
                ("web", b""),
                ("other", b"b"),
            ],
        );
        assert_eq!(text, r"web    | a\nworker | \xff\nweb    | \nother | b\n");
    }

    #[test]
    fn a_colour_that_a_process_leaves_on_ends_with_its_line() {
        let format = LogFormat {
            colour: Colour::ByName,
            clock: None,
        };
        let text = logged(format, &[("web", b"\x1b[31mred"), ("worker", b"plain")]);
        assert_eq!(
            text,
            r"\x1b[36mweb    |\x1b[0m \x1b[31mred\x1b[0m\n\x1b[33mworker |\x1b[0m plain\n"
        );
    }

    #[test]
    fn a_clock_puts_the_time_in_front() {
        let clock: Clock = || Timestamp::UNIX_EPOCH;
        let format = LogFormat {
            colour: Colour::Off,
            clock: Some(clock),
        };
        assert_eq!(
            logged(format, &[("web", b"a")]),
            r"1970-01-01T00:00:00.000Z web    | a\n"
        );
    }
}
