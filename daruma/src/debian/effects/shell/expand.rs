//! Expansion of words to fields (POSIX.1-2017, Shell Command Language, 2.6).

use super::ast::{Empty, Operation, Part, Quoting, Trim, Word};
use super::pattern::{Glyph, glyphs_match};
use super::run::{Shell, Stop};
use crate::debian::effects::world::{Follow, child};

/// What a part of a word gives before fields are split.
enum Piece {
    /// Characters that stay together.
    Glyphs(Vec<Glyph>),
    /// The result of an unquoted expansion.
    Split(String),
    /// A field ends here (between the parameters of `$@`).
    Break,
}

impl Shell<'_, '_> {
    /// Words to arguments: expanded, split, and paths matched.
    pub(super) fn fields(&mut self, words: &[Word]) -> Result<Vec<String>, Stop> {
        let mut arguments = Vec::new();
        for word in words {
            let pieces = self.pieces(word)?;
            for field in split(pieces, &self.ifs()) {
                self.match_paths(&field, &mut arguments);
            }
        }
        Ok(arguments)
    }

    /// A word to text, as in assignments and redirections.
    pub(super) fn text(&mut self, word: &Word) -> Result<String, Stop> {
        Ok(self.glyphs(word)?.iter().map(|glyph| glyph.c).collect())
    }

    /// A word to a pattern.
    pub(super) fn glyphs(&mut self, word: &Word) -> Result<Vec<Glyph>, Stop> {
        let mut glyphs = Vec::new();
        for piece in self.pieces(word)? {
            match piece {
                Piece::Glyphs(more) => glyphs.extend(more),
                Piece::Split(text) => glyphs.extend(Glyph::all(&text, false)),
                Piece::Break => glyphs.push(Glyph {
                    c: ' ',
                    quoted: true,
                }),
            }
        }
        Ok(glyphs)
    }

    fn ifs(&self) -> String {
        self.get("IFS").unwrap_or_else(|| " \t\n".to_owned())
    }

    fn pieces(&mut self, word: &Word) -> Result<Vec<Piece>, Stop> {
        let mut pieces = Vec::new();
        for part in &word.0 {
            match part {
                Part::Bare(text) => pieces.push(Piece::Glyphs(Glyph::all(text, false).collect())),
                Part::Quoted(text) => pieces.push(Piece::Glyphs(Glyph::all(text, true).collect())),
                Part::Substitution { command, quoting } => {
                    let text = self.capture(command)?;
                    pieces.push(value(text, *quoting));
                }
                Part::Arithmetic {
                    expression,
                    quoting,
                } => {
                    let expression = self.text(expression)?;
                    let result =
                        super::super::arithmetic::evaluate(&expression, |name| self.get(name));
                    let result = result.map_err(|problem| {
                        Stop::unknown(format!("$(({expression})): {problem}"))
                    })?;
                    pieces.push(value(result.to_string(), *quoting));
                }
                Part::Parameter {
                    name,
                    operation,
                    quoting,
                } => self.parameter(name, operation, *quoting, &mut pieces)?,
            }
        }
        Ok(pieces)
    }

    fn parameter(
        &mut self,
        name: &str,
        operation: &Operation,
        quoting: Quoting,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Stop> {
        if name == "@" && matches!(operation, Operation::Plain) {
            self.all_parameters(quoting, pieces);
            return Ok(());
        }
        let current = self.get(name);
        let text = match operation {
            Operation::Plain => match current {
                None if self.nounset() && name != "*" => {
                    return Err(Stop::unknown(format!("${name} is not set")));
                }
                other => other.unwrap_or_default(),
            },
            Operation::Length => current.unwrap_or_default().chars().count().to_string(),
            Operation::Trim(trim, word) => {
                let pattern = self.glyphs(word)?;
                trimmed(&current.unwrap_or_default(), &pattern, *trim)
            }
            Operation::Conditional(sign, empty, word) => {
                let set = current
                    .as_ref()
                    .is_some_and(|text| *empty == Empty::IsSet || !text.is_empty());
                match (sign, set) {
                    ('+', false) => String::new(),
                    ('+', true) | ('-', false) => {
                        pieces.extend(self.pieces(word)?);
                        return Ok(());
                    }
                    ('=', false) => {
                        let text = self.text(word)?;
                        self.assign(name, text.clone());
                        text
                    }
                    ('?', false) => return Err(Stop::Exit(2)),
                    _ => current.unwrap_or_default(),
                }
            }
        };
        pieces.push(value(text, quoting));
        Ok(())
    }

    fn all_parameters(&mut self, quoting: Quoting, pieces: &mut Vec<Piece>) {
        if self.parameters().is_empty() {
            // `"$@"` without parameters is no field at all, although it is quoted.
            if let Some(Piece::Glyphs(last)) = pieces.last()
                && last.is_empty()
            {
                pieces.pop();
            }
        }
        for (i, parameter) in self.parameters().iter().enumerate() {
            if i > 0 {
                pieces.push(Piece::Break);
            }
            pieces.push(value(parameter.clone(), quoting));
        }
    }

    fn match_paths(&self, field: &[Glyph], arguments: &mut Vec<String>) {
        let literal: String = field.iter().map(|glyph| glyph.c).collect();
        let pattern = field
            .iter()
            .any(|glyph| glyph.is('*') || glyph.is('?') || glyph.is('['));
        if !pattern || self.noglob() {
            arguments.push(literal);
            return;
        }
        let mut found = vec![String::new()];
        let parts: Vec<&[Glyph]> = field.split(|glyph| glyph.c == '/').collect();
        for (i, part) in parts.iter().enumerate() {
            found = self.match_component(&found, part, i > 0);
        }
        if found.is_empty() {
            arguments.push(literal);
        }
        arguments.extend(found);
    }

    fn match_component(&self, dirs: &[String], part: &[Glyph], slash: bool) -> Vec<String> {
        let mut found = Vec::new();
        let separator = if slash { "/" } else { "" };
        let special = part
            .iter()
            .any(|glyph| glyph.is('*') || glyph.is('?') || glyph.is('['));
        for dir in dirs {
            let prefix = format!("{dir}{separator}");
            if !special {
                let name: String = part.iter().map(|glyph| glyph.c).collect();
                found.push(format!("{prefix}{name}"));
                continue;
            }
            let Some(resolved) = self.resolve(if prefix.is_empty() { "." } else { &prefix }) else {
                continue;
            };
            let hidden = part.first().is_some_and(|glyph| glyph.c == '.');
            for name in self.world().list(&resolved) {
                let exists = self.world().lstat(&child(&resolved, &name)).is_some();
                if exists && (hidden || !name.starts_with('.')) && glyphs_match(part, &name) {
                    found.push(format!("{prefix}{name}"));
                }
            }
        }
        found.retain(|path| special || path.is_empty() || path.ends_with('/') || self.exists(path));
        found
    }

    fn exists(&self, path: &str) -> bool {
        self.world()
            .resolve(self.cwd(), path, Follow::No)
            .is_some_and(|path| self.world().lstat(&path).is_some())
    }
}

fn value(text: String, quoting: Quoting) -> Piece {
    match quoting {
        Quoting::None => Piece::Split(text),
        Quoting::Double => Piece::Glyphs(Glyph::all(&text, true).collect()),
    }
}

/// Splits fields at the characters of `ifs` (2.6.5).
fn split(pieces: Vec<Piece>, ifs: &str) -> Vec<Vec<Glyph>> {
    let mut fields = Vec::new();
    let mut current: Option<Vec<Glyph>> = None;
    for piece in pieces {
        match piece {
            Piece::Glyphs(glyphs) => current.get_or_insert_default().extend(glyphs),
            Piece::Break => fields.extend(current.take()),
            Piece::Split(text) => {
                for c in text.chars() {
                    if !ifs.contains(c) {
                        current
                            .get_or_insert_default()
                            .push(Glyph { c, quoted: false });
                    } else if c.is_ascii_whitespace() {
                        fields.extend(current.take());
                    } else {
                        fields.push(current.take().unwrap_or_default());
                    }
                }
            }
        }
    }
    fields.extend(current);
    fields
}

fn trimmed(text: &str, pattern: &[Glyph], trim: Trim) -> String {
    let mut cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    cuts.push(text.len());
    if matches!(trim, Trim::LongPrefix | Trim::ShortSuffix) {
        cuts.reverse();
    }
    let prefix = matches!(trim, Trim::ShortPrefix | Trim::LongPrefix);
    for cut in cuts {
        let (head, tail) = text.split_at(cut);
        if prefix && glyphs_match(pattern, head) {
            return tail.to_owned();
        }
        if !prefix && glyphs_match(pattern, tail) {
            return head.to_owned();
        }
    }
    text.to_owned()
}
