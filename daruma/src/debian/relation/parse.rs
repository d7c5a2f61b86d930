//! Text to relations, with the place of what is wrong.

use std::str::FromStr;

use super::{AnyOf, Qualifier, Raw, Relation, Relations};
use crate::debian::{Architecture, InvalidName, InvalidVersion, PackageName};

/// Longest field that is accepted, in bytes; Debian 13's longest `Provides` has 74 KiB.
const MAX_FIELD: usize = 4 << 20;

/// A text that is not a relationship field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the relation `{text}` at column {column}")]
pub struct ParseRelationError {
    /// The relation that is wrong, as it was written.
    pub text: String,
    /// Its first byte in the field, from 1.
    pub column: usize,
    /// What is wrong with it.
    pub source: RelationProblem,
}

/// What can be wrong with a relation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationProblem {
    /// Nothing stands between two separators.
    #[error("a package name is missing")]
    Empty,
    /// The field is too long.
    #[error("the field is longer than 4 MiB")]
    TooLong,
    /// The name or an architecture is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The version is none.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// The comparison is none.
    #[error("`{0}` is not a comparison (expected `<<`, `<=`, `=`, `>=` or `>>`)")]
    Operator(String),
    /// A bracket is not closed.
    #[error("the `{0}` is not closed")]
    Unclosed(char),
    /// Something stands after the relation.
    #[error("`{0}` does not belong there")]
    Rest(String),
}

impl Relations {
    /// Reads a field for `architecture`: relations restricted to others (`[!amd64]`) are dropped, and so are those that
    /// need a build profile (`<!nocheck>` stays, `<nocheck>` does not): none is ever active here.
    pub fn parse(field: &str, architecture: &Architecture) -> Result<Self, ParseRelationError> {
        let applies = |raw: &Raw<'_>| {
            raw.architectures
                .is_none_or(|list| matches_architecture(list, architecture))
                && raw.profiles.is_none_or(holds_without_profiles)
        };
        parse_field(field, applies)
    }
}

impl FromStr for Relations {
    type Err = ParseRelationError;

    /// Reads a field as a user or a binary package writes it; restrictions in `[…]` or `<…>` are refused, because
    /// nothing says for which architecture.
    fn from_str(field: &str) -> Result<Self, ParseRelationError> {
        for (column, item) in items(field, 0, ',') {
            for (column, text) in items(item, column, '|') {
                let at = |source| error(text, column, source);
                let raw = Raw::parse(text).map_err(at)?;
                if let Some(extra) = raw.architectures.or(raw.profiles) {
                    return Err(at(RelationProblem::Rest(extra.to_owned())));
                }
            }
        }
        parse_field(field, |_| true)
    }
}

impl FromStr for Relation {
    type Err = ParseRelationError;

    /// Reads exactly one relation without alternatives.
    fn from_str(text: &str) -> Result<Self, ParseRelationError> {
        let raw = Raw::parse(text).map_err(|source| error(text, 0, source))?;
        if let Some(extra) = raw.architectures.or(raw.profiles) {
            return Err(error(text, 0, RelationProblem::Rest(extra.to_owned())));
        }
        convert(&raw).map_err(|source| error(text, 0, source))
    }
}

fn parse_field(
    field: &str,
    applies: impl Fn(&Raw<'_>) -> bool,
) -> Result<Relations, ParseRelationError> {
    if field.len() > MAX_FIELD {
        return Err(error("", 0, RelationProblem::TooLong));
    }
    let mut groups = Vec::new();
    for (start, item) in items(field, 0, ',') {
        // A comma at the end or at the start is common in control files.
        if item.trim().is_empty() {
            continue;
        }
        let mut group = Vec::new();
        for (column, text) in items(item, start, '|') {
            let at = |source| error(text, column, source);
            let raw = Raw::parse(text).map_err(at)?;
            if applies(&raw) {
                group.push(convert(&raw).map_err(at)?);
            }
        }
        if !group.is_empty() {
            groups.push(AnyOf(group));
        }
    }
    Ok(Relations(groups))
}

/// The parts of `text` between separators, each with its first byte's place, `start` being that of `text`.
fn items(text: &str, start: usize, by: char) -> impl Iterator<Item = (usize, &str)> {
    let mut next = start;
    text.split(by).map(move |item| {
        let at = next;
        next += item.len() + by.len_utf8();
        (at, item)
    })
}

fn convert(raw: &Raw<'_>) -> Result<Relation, RelationProblem> {
    if raw.name.is_empty() {
        return Err(RelationProblem::Empty);
    }
    let qualifier = match raw.qualifier {
        None => None,
        Some("any") => Some(Qualifier::Any),
        Some("native") => Some(Qualifier::Native),
        Some(other) => Some(Qualifier::Exact(other.parse()?)),
    };
    let version = match raw.version {
        None => None,
        Some((operator, version)) => Some((operator, version.parse()?)),
    };
    Ok(Relation {
        name: raw.name.parse::<PackageName>()?,
        qualifier,
        version,
    })
}

fn error(text: &str, start: usize, source: RelationProblem) -> ParseRelationError {
    let spaces = text.len() - text.trim_start().len();
    ParseRelationError {
        text: text.trim().chars().take(200).collect(),
        column: start + spaces + 1,
        source,
    }
}

/// `[amd64 arm64]` names what is meant, `[!i386]` what is not (policy 7.1); wildcards like `linux-any` end in `any`.
fn matches_architecture(list: &str, architecture: &Architecture) -> bool {
    let wanted = architecture.as_str();
    let is = |word: &str| {
        word == wanted
            || word == "any"
            || word == "linux-any"
            || word.strip_prefix("any-") == Some(wanted)
    };
    let mut words = list.split_whitespace().peekable();
    if words.peek().is_some_and(|word| word.starts_with('!')) {
        !words.any(|word| is(word.trim_start_matches('!')))
    } else {
        words.any(is)
    }
}

/// `<a !b> <c>`: one bracket must hold, and in it every word; no profile is active.
fn holds_without_profiles(list: &str) -> bool {
    list.split('<')
        .filter_map(|part| part.split_once('>'))
        .any(|(words, _)| words.split_whitespace().all(|word| word.starts_with('!')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amd64() -> Architecture {
        "amd64".parse().expect("an architecture")
    }

    #[test]
    fn fields_survive_their_text_form() {
        for (text, written) in [
            ("libpq5 (>= 15)", "libpq5 (>= 15)"),
            ("a1(=1),b2", "a1 (= 1), b2"),
            (
                "a1 | b2:any (<< 2~), c3:amd64",
                "a1 | b2:any (<< 2~), c3:amd64",
            ),
            (" a1 ,\n b2:native,", "a1, b2:native"),
            ("a1 (> 1), b2 (< 2)", "a1 (>= 1), b2 (<= 2)"),
            ("", ""),
        ] {
            let parsed = text.parse::<Relations>().map(|r| r.to_string());
            assert_eq!(parsed.as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn restrictions_to_architectures_and_profiles_are_applied() {
        for (text, written) in [
            ("a1 [amd64], b2 [arm64]", "a1"),
            ("a1 [!amd64] | b2 [!i386 !arm64]", "b2"),
            ("a1 [linux-any], b2 [any-amd64], c3 [hurd-any]", "a1, b2"),
            ("a1 <!nocheck>, b2 <nocheck>, c3 <!x> <y>", "a1, c3"),
            ("a1 (>= 1) [amd64] <!nocheck>", "a1 (>= 1)"),
        ] {
            let parsed = Relations::parse(text, &amd64()).map(|r| r.to_string());
            assert_eq!(parsed.as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_column() {
        for (text, column, message) in [
            ("libpq5 >= 15", 1, "`>= 15` does not belong there"),
            ("a1, libpq5 (>= 15", 5, "the `(` is not closed"),
            ("a1 |, b2", 5, "a package name is missing"),
            (
                "a1 (~ 1)",
                1,
                "`` is not a comparison (expected `<<`, `<=`, `=`, `>=` or `>>`)",
            ),
            (
                "a1 (>= x)",
                1,
                "`x` is not a package version: it does not start with a digit",
            ),
            ("a1 [amd64]", 1, "`amd64` does not belong there"),
            (
                "a1, Ruby",
                5,
                "`Ruby` is not a package name (lower-case letters, digits, `+`, `-` and `.`; at least two of them)",
            ),
        ] {
            let error = text.parse::<Relations>().expect_err("wrong");
            assert_eq!(
                (error.column, error.source.to_string().as_str()),
                (column, message),
                "{text}"
            );
        }
    }
}
