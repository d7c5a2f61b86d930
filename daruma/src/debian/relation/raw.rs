//! One relation as slices of its text, nothing copied: an index has half a million of them.

use super::Operator;
use super::parse::RelationProblem;

/// A relation's parts, each valid in itself but not yet checked as name or version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) name: &'a str,
    pub(crate) qualifier: Option<&'a str>,
    pub(crate) version: Option<(Operator, &'a str)>,
    /// Inside `[…]`.
    pub(crate) architectures: Option<&'a str>,
    /// From the first `<` to the last `>`.
    pub(crate) profiles: Option<&'a str>,
}

impl<'a> Raw<'a> {
    /// Takes a text like `name:any (>= 1) [amd64 !i386] <!nocheck>`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, RelationProblem> {
        let text = text.trim_ascii();
        let end = text.find([' ', '\t', '\n', '(', '[', '<', '>', '=']);
        let (word, mut rest) = text.split_at(end.unwrap_or(text.len()));
        let (name, qualifier) = match word.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (word, None),
        };
        let version = bracketed(&mut rest, '(', ')')?
            .map(comparison)
            .transpose()?;
        let architectures = bracketed(&mut rest, '[', ']')?;
        let profiles = rest.trim_ascii();
        if profiles.is_empty() || (profiles.starts_with('<') && profiles.ends_with('>')) {
            Ok(Self {
                name,
                qualifier,
                version,
                architectures,
                profiles: Some(profiles).filter(|p| !p.is_empty()),
            })
        } else {
            Err(RelationProblem::Rest(profiles.to_owned()))
        }
    }
}

/// Takes what stands between `open` and `close` at the start of `rest`.
fn bracketed<'a>(
    rest: &mut &'a str,
    open: char,
    close: char,
) -> Result<Option<&'a str>, RelationProblem> {
    let Some(inside) = rest.trim_ascii_start().strip_prefix(open) else {
        return Ok(None);
    };
    let (inside, after) = inside
        .split_once(close)
        .ok_or(RelationProblem::Unclosed(open))?;
    *rest = after;
    Ok(Some(inside.trim_ascii()))
}

fn comparison(text: &str) -> Result<(Operator, &str), RelationProblem> {
    let end = text.find(|c| !matches!(c, '<' | '>' | '='));
    let (operator, version) = text.split_at(end.unwrap_or(text.len()));
    let operator = match operator {
        "<<" => Operator::Earlier,
        // Policy 7.1: the obsolete forms mean what `<=` and `>=` mean.
        "<=" | "<" => Operator::EarlierOrEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::LaterOrEqual,
        ">>" => Operator::Later,
        other => return Err(RelationProblem::Operator(other.to_owned())),
    };
    Ok((operator, version.trim_ascii()))
}

/// The relations of a field that has no alternatives, such as `Provides`; empty items are skipped.
pub(crate) fn first_word_groups(
    field: &str,
) -> impl Iterator<Item = Result<Raw<'_>, RelationProblem>> {
    field
        .split(',')
        .filter(|item| !item.trim_ascii().is_empty())
        .map(Raw::parse)
}
