//! Values of a `.env`: bare, in single quotes, in double quotes.

use super::scan::{Problem, Scanner, is_blank};
use crate::recipe::position::Position;

/// Something that two or more living readers treat otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    ByteOrderMark,
    Export,
    Name,
    Empty,
    TrailingBlanks,
    Comment,
    Hash,
    Backslash,
    Backtick,
    Dollar,
    Escape,
    SeveralLines,
}

impl Doubt {
    /// Message and help; constants, so that no part of a value can get into them.
    pub(super) fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::ByteOrderMark => (
                "the file begins with a byte order mark, which was skipped",
                "save it without the mark: foreman and honcho lose the first line, overmind refuses the file",
            ),
            Self::Export => (
                "`export` was skipped",
                "remove it: foreman and honcho ignore such a line, `heroku local` takes `export` into the name",
            ),
            Self::Name => (
                "a shell cannot use this name",
                "use letters, digits and `_`, no digit first: foreman, honcho, overmind or dotenv for Ruby ignore or refuse others",
            ),
            Self::Empty => (
                "this sets an empty value",
                "remove the line if the variable should be unset: honcho and `heroku local` do not set it",
            ),
            Self::TrailingBlanks => (
                "blanks at the end of the value were dropped",
                "quote the value to keep them: foreman and docker keep them unquoted",
            ),
            Self::Comment => (
                "a comment after the value was dropped",
                "move it to its own line: foreman and docker take it into the value",
            ),
            Self::Hash => (
                "this `#` belongs to the value",
                "put the value in single quotes: honcho, `heroku local` and dotenv for Ruby and Node cut it here",
            ),
            Self::Backslash => (
                "backslashes of a value without quotes were kept",
                "put the value in single quotes: honcho and dotenv for Ruby drop them",
            ),
            Self::Backtick => (
                "backticks were kept; nothing is executed",
                "use single quotes: dotenv for Node takes backticks for quotes",
            ),
            Self::Dollar => (
                "`$` was kept: nothing is expanded or executed",
                "put the value in single quotes: overmind and dotenv for Ruby and Python expand, dotenv for Ruby executes",
            ),
            Self::Escape => (
                "escapes of a value in double quotes were resolved",
                "use single quotes where the backslash is meant: readers disagree on each escape",
            ),
            Self::SeveralLines => (
                "the value spans lines",
                "foreman, honcho, `heroku local` and docker cannot read this",
            ),
        }
    }
}

/// A value and what is doubtful about it, each kind once.
#[derive(Default)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) doubts: Vec<(Doubt, Position)>,
}

impl Value {
    fn doubt(&mut self, found: Doubt, position: Position) {
        if self.doubts.iter().all(|&(known, _)| known != found) {
            self.doubts.push((found, position));
        }
    }
}

/// Reads what follows `=`, to the end of the line where the value ends.
pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<Value, Problem> {
    let blanks = scanner.take_while(is_blank);
    match scanner.peek() {
        Some('\'') => quoted(scanner, Quote::Single),
        Some('"') => quoted(scanner, Quote::Double),
        _ => bare(scanner, blanks),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    Single,
    Double,
}

/// A value in quotes, and the rest of the line after it.
fn quoted(scanner: &mut Scanner<'_>, quote: Quote) -> Result<Value, Problem> {
    let start = scanner.position;
    scanner.take();
    let mut value = Value::default();
    loop {
        let at = scanner.position;
        let Some(c) = scanner.take() else {
            return Err(unterminated(start));
        };
        match (quote, c) {
            (Quote::Single, '\'') | (Quote::Double, '"') => break,
            (_, '\0' | '\r') => return Err(control_character(at)),
            (_, '\n') => value.doubt(Doubt::SeveralLines, at),
            (Quote::Double, '$') if refers(scanner.peek()) => value.doubt(Doubt::Dollar, at),
            (Quote::Double, '\\') => {
                value.doubt(Doubt::Escape, at);
                value.text.push(escaped(scanner));
                continue;
            }
            _ => {}
        }
        value.text.push(c);
    }
    after_quotes(scanner, &mut value)?;
    Ok(value)
}

/// What a backslash in double quotes and the character after it stand for; an unknown pair stays as it is.
fn escaped(scanner: &mut Scanner<'_>) -> char {
    let meant = match scanner.peek() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some(c @ ('"' | '\\' | '$')) => c,
        _ => return '\\',
    };
    scanner.take();
    meant
}

fn after_quotes(scanner: &mut Scanner<'_>, value: &mut Value) -> Result<(), Problem> {
    let blanks = scanner.take_while(is_blank);
    match scanner.peek() {
        None | Some('\n') => Ok(()),
        Some('#') if !blanks.is_empty() => {
            value.doubt(Doubt::Comment, scanner.position);
            scanner.take_line();
            Ok(())
        }
        Some(_) => Err(Problem {
            position: scanner.position,
            message: "there is text after the closing quote",
            help: "escape quotes in double quotes as `\\\"`, or put the other kind of quote around the value",
        }),
    }
}

/// A value without quotes: to the end of the line, or to a `#` after a blank.
fn bare(scanner: &mut Scanner<'_>, blanks_before: &str) -> Result<Value, Problem> {
    let (start, mut after_blank) = (scanner.position, !blanks_before.is_empty());
    let mut value = Value::default();
    while let Some(c) = scanner.peek().filter(|&c| c != '\n') {
        let at = scanner.position;
        scanner.take();
        match c {
            '\0' | '\r' => return Err(control_character(at)),
            '#' if after_blank => {
                scanner.take_line();
                value.doubt(Doubt::Comment, at);
                trim(&mut value.text);
                return Ok(value);
            }
            '#' => value.doubt(Doubt::Hash, at),
            '\\' => value.doubt(Doubt::Backslash, at),
            '`' => value.doubt(Doubt::Backtick, at),
            '$' if refers(scanner.peek()) => value.doubt(Doubt::Dollar, at),
            _ => {}
        }
        value.text.push(c);
        after_blank = is_blank(c);
    }
    if value.text.is_empty() {
        value.doubt(Doubt::Empty, start);
    }
    if trim(&mut value.text) > 0 {
        value.doubt(Doubt::TrailingBlanks, start);
    }
    Ok(value)
}

/// Drops blanks at the end and tells how many.
fn trim(text: &mut String) -> usize {
    let (before, kept) = (text.len(), text.trim_end_matches(is_blank).len());
    text.truncate(kept);
    before - kept
}

/// Whether some reader expands a `$` before this character.
fn refers(next: Option<char>) -> bool {
    next.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '('))
}

fn unterminated(position: Position) -> Problem {
    Problem {
        position,
        message: "this quote is never closed",
        help: "close it, or put the other kind of quote around the value",
    }
}

fn control_character(position: Position) -> Problem {
    Problem {
        position,
        message: "this is a NUL or a carriage return without a newline",
        help: "retype the line; a carriage return is `\\r` in double quotes",
    }
}
