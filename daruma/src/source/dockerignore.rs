//! `.dockerignore`: rules of which the last that matches a path, or a directory above it, wins.

use std::path::Path;

use super::SourceError;
use super::pattern::Pattern;
use crate::tree::TreePath;

/// Docker's builder reads no more of such a file than fits in memory; nobody writes one this long.
const MAX_BYTES: usize = 1 << 20;

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Exclude,
    Include,
}

#[derive(Debug)]
struct Rule {
    effect: Effect,
    pattern: Pattern,
}

/// The rules of one file.
#[derive(Debug)]
pub(super) struct Dockerignore(Vec<Rule>);

/// Which rules matched a directory: they match what it holds too.
#[derive(Clone, Debug, Default)]
pub(super) struct Matched(Vec<bool>);

impl Dockerignore {
    /// Reads the rules; `file` is for messages.
    pub(super) fn parse(text: &[u8], file: &Path) -> Result<Self, SourceError> {
        let fail = |line, problem| SourceError::Rule {
            file: file.to_owned(),
            line,
            problem,
        };
        if text.len() > MAX_BYTES {
            return Err(fail(1, "the file is larger than 1 MiB"));
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rules = Vec::new();
        for (at, line) in text.split(|&b| b == b'\n').enumerate() {
            let rule = rule(line).map_err(|problem| fail(at + 1, problem))?;
            rules.extend(rule);
        }
        Ok(Self(rules))
    }

    /// Whether `path` is left out, and which rules match it; `parent` is what matched the directory that holds it.
    pub(super) fn leaves_out(&self, path: &TreePath, parent: &Matched) -> (bool, Matched) {
        let mut out = false;
        let mut matched = Vec::with_capacity(self.0.len());
        for (at, rule) in self.0.iter().enumerate() {
            let above = parent.0.get(at).copied().unwrap_or(false);
            let hit = above || rule.pattern.matches(path.as_bytes());
            if hit {
                out = rule.effect == Effect::Exclude;
            }
            matched.push(hit);
        }
        (out, Matched(matched))
    }

    /// Whether a rule could bring something below `dir` back.
    pub(super) fn may_include_below(&self, dir: &TreePath) -> bool {
        self.0.iter().any(|rule| {
            rule.effect == Effect::Include && rule.pattern.may_match_below(dir.as_bytes())
        })
    }
}

/// One line; nothing for comments and empty ones.
fn rule(line: &[u8]) -> Result<Option<Rule>, &'static str> {
    if line.starts_with(b"#") {
        return Ok(None);
    }
    let line = line.trim_ascii();
    let (effect, text) = match line {
        [] => return Ok(None),
        [b'!', rest @ ..] => (Effect::Include, rest.trim_ascii()),
        _ => (Effect::Exclude, line),
    };
    if text.is_empty() {
        return Err("`!` stands alone");
    }
    let pattern = Pattern::compile(&clean(text))?;
    Ok(Some(Rule { effect, pattern }))
}

/// Go's `filepath.Clean` without the leading slash: no empty or `.` parts, `..` takes the part before it away.
fn clean(text: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in text.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => _ = parts.pop(),
            b".." if text.starts_with(b"/") => {}
            _ => parts.push(part),
        }
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_out(rules: &str, path: &str) -> bool {
        let rules =
            Dockerignore::parse(rules.as_bytes(), Path::new(".dockerignore")).expect("valid");
        let mut matched = Matched::default();
        let mut out = false;
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            let part = TreePath::try_from(&path[..end]).expect("valid");
            (out, matched) = rules.leaves_out(&part, &matched);
        }
        out
    }

    #[test]
    fn the_last_matching_rule_wins() {
        let rows = [
            ("", "a", false),
            ("# a\n\n  a  \n", "a", true),
            ("a", "a/b/c", true),
            ("/a/", "a/b", true),
            ("./a/../b", "b", true),
            ("a\n!a/b", "a/b", false),
            ("a\n!a/b", "a/c", true),
            ("!a/b\na", "a/b", true),
            ("*.md\n!README*.md\nREADME-secret.md", "README.md", false),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                "README-secret.md",
                true,
            ),
            ("*.md\n!README*.md\nREADME-secret.md", "x.md", true),
            ("**\n!src/**", "src/a/b", false),
            ("**\n!src/**", "src", true),
            ("*\n! src ", "src/a", false),
            ("\u{feff}a", "a", true),
            ("node_modules", "app/node_modules", false),
            ("**/node_modules", "app/node_modules/x", true),
            (" #a", "#a", true),
        ];
        for (rules, path, expected) in rows {
            assert_eq!(is_out(rules, path), expected, "{rules:?} {path}");
        }
    }

    #[test]
    fn a_bad_rule_is_named_by_its_line() {
        let error = Dockerignore::parse(b"a\n[\n", Path::new("x/.dockerignore")).expect_err("bad");
        assert_eq!(
            error.to_string(),
            "cannot read `x/.dockerignore`: line 2: a bracket is not closed or empty"
        );
    }
}
