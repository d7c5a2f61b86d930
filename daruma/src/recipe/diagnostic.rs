//! What is wrong or doubtful in a user's file, as values; nothing is printed here.

use std::fmt;
use std::ops::Range;

use super::error::RecipeError;
use super::position::{File, Position};
use super::text::Source;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The files cannot be used.
    Error,
    /// The files can be used, but other tools read them otherwise, or something was probably meant otherwise.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One finding in one place. Its `Display` is `file:line:column: severity: message`, the offending line where it may
/// be shown (never for `.env`), and `help: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: File,
    /// The place in the file.
    pub position: Position,
    /// What is wrong, one sentence without a period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The offending line with a mark below, two lines.
    pub frame: Option<String>,
}

impl Diagnostic {
    pub(super) fn error(file: File, position: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file,
            position,
            message: message.into(),
            help: None,
            frame: None,
        }
    }

    pub(super) fn warning(file: File, position: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(file, position, message)
        }
    }

    /// The same finding with advice.
    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// An error about a range of bytes, with the line that it begins in.
    pub(super) fn framed(
        source: &Source<'_>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let position = source.position(span.start);
        let text = source.text.get(span).unwrap_or("");
        let width = text
            .chars()
            .take(MAX_FRAME)
            .take_while(|&c| c != '\n')
            .count();
        Self {
            frame: frame(source.line(position.line), position, width),
            ..Self::error(source.file, position, message)
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, position, severity) = (self.file, self.position, self.severity);
        write!(
            f,
            "{file}:{position}: {severity}: {}",
            printable(&self.message)
        )?;
        if let Some(frame) = &self.frame {
            write!(f, "\n{frame}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {}", printable(help))?;
        }
        Ok(())
    }
}

/// The longest line that is shown, in characters: what two lines of a narrow terminal hold.
const MAX_FRAME: usize = 160;

/// The line and a mark below `width` characters of it; `None` where the line is too long to help anybody.
fn frame(line: &str, position: Position, width: usize) -> Option<String> {
    let room = line.chars().take(MAX_FRAME + 1).count();
    if room > MAX_FRAME {
        return None;
    }
    let number = position.line.to_string();
    let before = position.column.saturating_sub(1);
    let mark = "^".repeat(width.clamp(1, room.saturating_sub(before).max(1)));
    Some(format!(
        " {number} | {}\n {:gutter$} | {:before$}{mark}",
        printable(line),
        "",
        "",
        gutter = number.len(),
    ))
}

/// The longest message that is shown, in characters: it may hold a name from the file, which may be a mebibyte long.
const MAX_MESSAGE: usize = 400;

/// The beginning of a user's text without characters that move a terminal's cursor.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' | '\n' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().take(MAX_MESSAGE).map(shown).collect()
}

/// A value that could be used, and what is doubtful about the text that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<T> {
    /// The value.
    pub value: T,
    /// Sorted by file and position.
    pub warnings: Vec<Diagnostic>,
}

/// The most findings that are kept of one recipe; more help nobody, and a hostile file could hold a million.
const MAX_DIAGNOSTICS: usize = 100;

/// Collects what is found while the files are read, so that one run tells everything.
#[derive(Default)]
pub(super) struct Report {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Report {
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        let list = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() < MAX_DIAGNOSTICS {
            list.push(diagnostic);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// `value` where no error was found.
    pub(super) fn finish<T>(self, value: T) -> Result<Checked<T>, RecipeError> {
        let Self {
            errors,
            mut warnings,
        } = self;
        if errors.is_empty() {
            warnings.sort_by_key(|d| (d.file, d.position));
            return Ok(Checked { value, warnings });
        }
        let mut diagnostics = errors;
        diagnostics.append(&mut warnings);
        diagnostics.sort_by_key(|d| (d.file, d.position));
        Err(RecipeError::Refused { diagnostics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_its_line_with_a_mark_below() {
        let source = Source::new(File::Manifest, "a = 1\n\tだるま = \"x\"\n");
        let start = source.text.find('"').expect("found");
        let found = Diagnostic::framed(&source, start..start + 3, "bad").help("try `y`");
        insta::assert_snapshot!(found, @r#"
        daruma.toml:2:8: error: bad
         2 |  だるま = "x"
           |        ^^^
        help: try `y`
        "#);
    }

    #[test]
    fn control_characters_of_a_file_do_not_reach_the_terminal() {
        let source = Source::new(File::Manifest, "\u{1b}[2J = 1");
        let text = Diagnostic::framed(&source, 0..4, "`\u{1b}[2J`").to_string();
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn a_flood_of_findings_is_cut_but_an_error_is_never_lost_among_warnings() {
        let mut report = Report::default();
        for line in 1..=200 {
            let position = Position { line, column: 1 };
            report.add(Diagnostic::warning(File::Procfile, position, "doubtful"));
        }
        report.add(Diagnostic::error(File::Procfile, Position::START, "wrong"));
        let Err(RecipeError::Refused { diagnostics }) = report.finish(()) else {
            panic!("refused");
        };
        assert_eq!(diagnostics.len(), 101);
    }
}
