//! `Procfile`: the union of the forms that its readers accept, with a finding where they disagree.
//!
//! ```text
//! # a comment
//! web: bundle exec puma -p $PORT
//! worker: bundle exec sidekiq \
//!   -q mailers
//! ```
//! `docs/reference/procfile.md` has every form, what daruma makes of it, and who differs.

mod lines;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::diagnostic::{Checked, Diagnostic, Report};
use super::error::RecipeError;
use super::position::{File, Position};
use super::process_name::ProcessName;
use super::text::{ByteOrderMark, Source, check_size};
use lines::{LogicalLine, Shape, logical_lines};

/// The processes of a Procfile, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Procfile {
    entries: BTreeMap<ProcessName, Entry>,
}

/// One process of a Procfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: ProcessName,
    /// Its command, never empty; [`super::CommandLine::parse`] tells how to run it.
    pub command: String,
    /// The (first) line that it stands in.
    pub line: usize,
}

impl Procfile {
    /// Reads the text of a Procfile.
    pub fn parse(text: &str) -> Result<Checked<Self>, RecipeError> {
        check_size(File::Procfile, text.len())?;
        let mut report = Report::default();
        let procfile = read(text, &mut report);
        report.finish(procfile)
    }

    /// The processes, `web` first and the others by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    fn add(&mut self, entry: Entry, findings: &mut Findings<'_>) {
        let name = entry.name.clone();
        if let Some(earlier) = self.entries.insert(name.clone(), entry) {
            findings.warn(
                1,
                format!("`{name}` stands here again: this line counts, line {} does not", earlier.line),
                "remove one: foreman runs both, honcho and overmind refuse the file, `heroku local` takes the last",
            );
        }
    }
}

pub(super) fn read(text: &str, report: &mut Report) -> Procfile {
    let source = Source::new(File::Procfile, text);
    if source.mark == ByteOrderMark::Present {
        let message = "the file begins with a byte order mark, which was skipped";
        let help = "save it without the mark: foreman, honcho and overmind lose the first line";
        report.add(Diagnostic::warning(File::Procfile, Position::START, message).help(help));
    }
    let lines = logical_lines(&source);
    if lines.is_empty() {
        let message = "the file names no process";
        let help = "write for example `web: bundle exec puma`, or remove the file";
        report.add(Diagnostic::error(File::Procfile, Position::START, message).help(help));
    }
    let mut procfile = Procfile::default();
    for line in &lines {
        let mut findings = Findings {
            report,
            line: line.number,
        };
        if let Some(entry) = entry(line, &mut findings) {
            procfile.add(entry, &mut findings);
        }
    }
    procfile
}

/// Blanks as POSIX has them in the `C` locale: a no-break space belongs to the command.
const BLANKS: [char; 2] = [' ', '\t'];

fn entry(line: &LogicalLine, findings: &mut Findings<'_>) -> Option<Entry> {
    let text = line.text.trim_start_matches(BLANKS);
    let indent = line.text.len() - text.len();
    let start = indent + 1;
    if line.text.contains(|c: char| c.is_control() && c != '\t') {
        let help = "retype the line; lines end in `\\n` or `\\r\\n`";
        findings.error(start, "the line has a control character", help);
        return None;
    }
    let Some((head, tail)) = text.split_once(':') else {
        findings.error(
            start,
            "this is not `name: command`",
            "begin a comment with `#`",
        );
        return None;
    };
    let name = process_name(head.trim_end_matches(BLANKS), start, findings)?;
    warn_of_form(line, indent, head, findings);
    let blanks = tail.len() - tail.trim_start_matches(BLANKS).len();
    let after_colon = start + head.chars().count() + 1;
    let command = command(tail, &name, after_colon + blanks, findings)?;
    Some(Entry {
        name,
        command,
        line: line.number,
    })
}

fn command(
    text: &str,
    name: &ProcessName,
    column: usize,
    findings: &mut Findings<'_>,
) -> Option<String> {
    let command = text.trim_matches(BLANKS);
    if command.is_empty() {
        let help = format!("write `{name}: <command>`, or remove the line");
        findings.error(1, format!("`{name}` has no command"), help);
        return None;
    }
    warn_of_command(command, column, findings);
    Some(command.to_owned())
}

fn process_name(text: &str, column: usize, findings: &mut Findings<'_>) -> Option<ProcessName> {
    let named = text.parse();
    if let Err(error) = &named {
        let error: &super::InvalidProcessName = error;
        findings.error(
            column,
            error.to_string(),
            "a line is `name: command`, a comment begins with `#`",
        );
    }
    named.ok()
}

/// Forms of a line that other readers lose.
fn warn_of_form(line: &LogicalLine, indent: usize, head: &str, findings: &mut Findings<'_>) {
    if indent > 0 {
        findings.warn(
            1,
            "blanks before the name were skipped",
            "remove them: foreman, honcho and overmind ignore such a line",
        );
    }
    if head.ends_with(BLANKS) {
        findings.warn(
            indent + head.trim_end_matches(BLANKS).len() + 1,
            "blanks before the `:` were skipped",
            "remove them: foreman, honcho and overmind ignore such a line, `heroku local` refuses it",
        );
    }
    if line.shape == Shape::Joined {
        findings.warn(
            indent + 1,
            "lines that end in `\\` were joined",
            "put the command on one line: other readers take the first line alone or refuse the file",
        );
    }
}

/// Commands that a reader of YAML, as the `docker:start` plugin was, changes.
fn warn_of_command(command: &str, column: usize, findings: &mut Findings<'_>) {
    if is_quoted_whole(command) {
        findings.warn(
            column,
            "the quotes around the command were kept: all of it is the name of one program",
            "remove the quotes: only readers of YAML, such as the `heroku docker:start` plugin, strip them",
        );
    } else if let Some(at) = comment_start(command) {
        findings.warn(
            column + command[..at].chars().count(),
            "this `#` was kept: a Procfile has comments on lines of their own only",
            "move the comment to its own line: the `heroku docker:start` plugin cut the command here, and a shell does",
        );
    }
}

fn is_quoted_whole(command: &str) -> bool {
    ['"', '\''].iter().any(|&quote| {
        let inside = command
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        inside.is_some_and(|text| !text.contains(quote))
    })
}

/// The byte offset of a `#` after a blank, which YAML (1.2, 6.6) takes for a comment.
fn comment_start(command: &str) -> Option<usize> {
    let after = |pattern| command.find(pattern).map(|at| at + 1);
    after(" #").into_iter().chain(after("\t#")).min()
}

/// Reports on one line.
struct Findings<'r> {
    report: &'r mut Report,
    line: usize,
}

impl Findings<'_> {
    fn error(&mut self, column: usize, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = Diagnostic::error(File::Procfile, self.at(column), message);
        self.report.add(diagnostic.help(help));
    }

    fn warn(&mut self, column: usize, message: impl Into<String>, help: &str) {
        let diagnostic = Diagnostic::warning(File::Procfile, self.at(column), message);
        self.report.add(diagnostic.help(help));
    }

    fn at(&self, column: usize) -> Position {
        Position {
            line: self.line,
            column,
        }
    }
}
