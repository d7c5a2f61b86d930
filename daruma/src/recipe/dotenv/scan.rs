//! From text to variables: comments, `export`, names and `=`.

use std::collections::BTreeMap;

use super::Variable;
use super::value::{self, Doubt};
use crate::recipe::diagnostic::{Diagnostic, Report};
use crate::recipe::env_name::EnvName;
use crate::recipe::position::{File, Position};
use crate::recipe::secret::Secret;
use crate::recipe::text::{ByteOrderMark, Source};

/// A text that is read from front to back, and where it is.
pub(super) struct Scanner<'t> {
    rest: &'t str,
    pub(super) position: Position,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        let position = Position::START;
        Self {
            rest: text,
            position,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The next character.
    pub(super) fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        Some(c)
    }

    /// The characters up to the first that is not `wanted`.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let text = self.rest;
        while self.peek().is_some_and(&wanted) {
            self.take();
        }
        &text[..text.len() - self.rest.len()]
    }

    /// The rest of the line, without its end.
    pub(super) fn take_line(&mut self) -> &'t str {
        self.take_while(|c| c != '\n')
    }
}

pub(super) fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// What is wrong with an entry. The texts are constants: a `.env` holds secrets, and even a broken name may be one.
pub(super) struct Problem {
    pub(super) position: Position,
    pub(super) message: &'static str,
    pub(super) help: &'static str,
}

/// Reads all entries; what is wrong goes to `report`, and the next line is read.
pub(super) fn variables(text: &str, report: &mut Report) -> BTreeMap<EnvName, Variable> {
    let source = Source::new(File::Dotenv, text);
    if source.mark == ByteOrderMark::Present {
        doubt(Doubt::ByteOrderMark, Position::START, report);
    }
    let text = source.text.replace("\r\n", "\n");
    let mut scanner = Scanner::new(&text);
    let mut variables = BTreeMap::new();
    while scanner.peek().is_some() {
        match entry(&mut scanner, report) {
            Ok(Some((name, variable))) => insert(&mut variables, name, variable, report),
            Ok(None) => {}
            Err(problem) => {
                let found = Diagnostic::error(File::Dotenv, problem.position, problem.message);
                report.add(found.help(problem.help));
                scanner.take_line();
            }
        }
        scanner.take();
    }
    variables
}

/// Reads one line, or several where a quoted value spans them; stops before the newline.
fn entry(
    scanner: &mut Scanner<'_>,
    report: &mut Report,
) -> Result<Option<(EnvName, Variable)>, Problem> {
    scanner.take_while(is_blank);
    if matches!(scanner.peek(), None | Some('\n')) {
        return Ok(None);
    }
    if scanner.peek() == Some('#') {
        scanner.take_line();
        return Ok(None);
    }
    let start = scanner.position;
    let name = name(scanner, report)?;
    let value = value::read(scanner)?;
    for (found, position) in value.doubts {
        doubt(found, position, report);
    }
    let variable = Variable {
        value: Secret::new(value.text),
        line: start.line,
    };
    Ok(Some((name, variable)))
}

fn name(scanner: &mut Scanner<'_>, report: &mut Report) -> Result<EnvName, Problem> {
    let start = scanner.position;
    let head = scanner
        .take_while(|c| c != '=' && c != '\n')
        .trim_end_matches(is_blank);
    if scanner.peek() != Some('=') {
        return Err(Problem {
            position: start,
            message: "this is not `NAME=value`",
            help: "write `NAME=` for an empty value; begin a comment with `#`; quote a value that spans lines",
        });
    }
    scanner.take();
    let exported = head
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(is_blank));
    if exported.is_some() {
        doubt(Doubt::Export, start, report);
    }
    let name: EnvName = exported
        .map_or(head, |rest| rest.trim_start_matches(is_blank))
        .parse()
        .map_err(|_| Problem {
            position: start,
            message: "what stands before `=` is not a variable name",
            help: "use letters, digits and `_`; quote a value that spans lines",
        })?;
    if !name.is_portable() {
        doubt(Doubt::Name, start, report);
    }
    Ok(name)
}

fn insert(
    variables: &mut BTreeMap<EnvName, Variable>,
    name: EnvName,
    variable: Variable,
    report: &mut Report,
) {
    let line = variable.line;
    if let Some(earlier) = variables.insert(name, variable) {
        let position = Position { line, column: 1 };
        let message = format!(
            "this name was set in line {} already: this line counts",
            earlier.line
        );
        report.add(
            Diagnostic::warning(File::Dotenv, position, message).help("remove one of the two"),
        );
    }
}

fn doubt(found: Doubt, position: Position, report: &mut Report) {
    let (message, help) = found.texts();
    report.add(Diagnostic::warning(File::Dotenv, position, message).help(help));
}
