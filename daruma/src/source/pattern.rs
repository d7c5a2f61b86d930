//! One pattern of a `.dockerignore`: Go's `filepath.Match` with `**` (Docker's documentation, "dockerignore file").

/// What a pattern asks of the bytes of a path, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// This byte.
    Byte(u8),
    /// One byte, not a slash.
    One,
    /// Any bytes but slashes.
    Run,
    /// Anything.
    All,
    /// Nothing, or anything that ends in a slash.
    Dirs,
    /// One byte in (or not in) these ranges.
    Class(bool, Vec<(u8, u8)>),
}

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    /// The bytes before the first wildcard.
    literal: Vec<u8>,
}

impl Pattern {
    /// Compiles a cleaned pattern; the error says what is wrong with it.
    pub(super) fn compile(text: &[u8]) -> Result<Self, &'static str> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some((token, left)) = next(rest)? {
            tokens.push(token);
            rest = left;
        }
        let literal = tokens.iter().map_while(|token| match token {
            Token::Byte(byte) => Some(*byte),
            _ => None,
        });
        let literal = literal.collect();
        Ok(Self { tokens, literal })
    }

    /// Whether the pattern matches all of `path`. Linear in both lengths, whatever the pattern.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        if !path.starts_with(&self.literal) {
            return false;
        }
        if self.literal.len() == self.tokens.len() {
            return path.len() == self.literal.len();
        }
        let mut states = Vec::new();
        self.reach(self.literal.len(), &mut states);
        for &byte in &path[self.literal.len()..] {
            if states.is_empty() {
                return false;
            }
            let mut next = Vec::new();
            for state in states {
                self.step(state, byte, &mut next);
            }
            states = next;
        }
        states.contains(&State::At(self.tokens.len()))
    }

    /// Whether something below `dir` could match.
    pub(super) fn may_match_below(&self, dir: &[u8]) -> bool {
        let common = self.literal.len().min(dir.len());
        self.literal[..common] == dir[..common]
            && (dir.len() >= self.literal.len() || self.literal[dir.len()] == b'/')
    }

    /// Adds the states that need no byte from token `at` on.
    fn reach(&self, at: usize, into: &mut Vec<State>) {
        let mut at = at;
        loop {
            add(into, State::At(at));
            match self.tokens.get(at) {
                Some(Token::Run | Token::All | Token::Dirs) => at += 1,
                _ => return,
            }
        }
    }

    fn step(&self, state: State, byte: u8, into: &mut Vec<State>) {
        let (State::At(at) | State::InDirs(at)) = state;
        let Some(token) = self.tokens.get(at) else {
            return;
        };
        match token {
            Token::Byte(want) if *want == byte => self.reach(at + 1, into),
            Token::One if byte != b'/' => self.reach(at + 1, into),
            Token::Class(negated, ranges) if in_class(*negated, ranges, byte) => {
                self.reach(at + 1, into);
            }
            Token::Run if byte != b'/' => self.reach(at, into),
            Token::All => self.reach(at, into),
            Token::Dirs => {
                add(into, State::InDirs(at));
                if byte == b'/' {
                    self.reach(at + 1, into);
                }
            }
            _ => {}
        }
    }
}

/// Where a match stands: before a token, or in the middle of what [`Token::Dirs`] takes, which must end in a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    At(usize),
    InDirs(usize),
}

fn add(states: &mut Vec<State>, state: State) {
    if !states.contains(&state) {
        states.push(state);
    }
}

fn in_class(negated: bool, ranges: &[(u8, u8)], byte: u8) -> bool {
    let listed = ranges
        .iter()
        .any(|(low, high)| (*low..=*high).contains(&byte));
    byte != b'/' && listed != negated
}

type Next<'a> = Option<(Token, &'a [u8])>;

/// The first token and the rest.
fn next(text: &[u8]) -> Result<Next<'_>, &'static str> {
    Ok(Some(match text {
        [] => return Ok(None),
        [b'*', b'*', rest @ ..] => match rest.strip_prefix(b"/").unwrap_or(rest) {
            [] => (Token::All, &[][..]),
            rest => (Token::Dirs, rest),
        },
        [b'*', rest @ ..] => (Token::Run, rest),
        [b'?', rest @ ..] => (Token::One, rest),
        [b'[', rest @ ..] => return class(rest).map(Some),
        [b'\\'] => return Err("it ends in a backslash"),
        [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (Token::Byte(*byte), rest),
    }))
}

/// A class after its opening bracket.
fn class(text: &[u8]) -> Result<(Token, &[u8]), &'static str> {
    let (negated, mut rest) = match text {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut ranges = Vec::new();
    loop {
        if let ([b']', left @ ..], false) = (rest, ranges.is_empty()) {
            return Ok((Token::Class(negated, ranges), left));
        }
        let (low, left) = class_byte(rest)?;
        let (high, left) = match left {
            [b'-', after @ ..] => class_byte(after)?,
            _ => (low, left),
        };
        if high < low {
            return Err("a range in brackets is backwards");
        }
        ranges.push((low, high));
        rest = left;
    }
}

fn class_byte(text: &[u8]) -> Result<(u8, &[u8]), &'static str> {
    match text {
        [b'\\', byte, rest @ ..] => Ok((*byte, rest)),
        [] | [b'-' | b']' | b'\\', ..] => Err("a bracket is not closed or empty"),
        [byte, rest @ ..] => Ok((*byte, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows from the documentation of Docker's rules and of Go's `filepath.Match`.
    #[test]
    fn patterns_match_what_dockers_do() {
        let rows = [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "abc", true),
            ("*", "a/b", false),
            ("*.md", "README.md", true),
            ("*.md", "docs/README.md", false),
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "a/b/temp", false),
            ("temp?", "tempa", true),
            ("temp?", "temp", false),
            ("temp?", "temp/", false),
            ("**", "a/b/c", true),
            ("**/*.go", "x.go", true),
            ("**/*.go", "a/b/x.go", true),
            ("**/file", "file", true),
            ("**/file", "a/xfile", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("a**b", "axb", false),
            ("a**b", "ax/b", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[a]", "/", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            (".*", ".git", true),
        ];
        for (pattern, path, expected) in rows {
            let compiled = Pattern::compile(pattern.as_bytes()).expect(pattern);
            assert_eq!(
                compiled.matches(path.as_bytes()),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn patterns_that_are_none_say_why() {
        for pattern in ["[", "[]", "[a", "[a-", "[b-a]", "a\\"] {
            assert!(Pattern::compile(pattern.as_bytes()).is_err(), "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = Pattern::compile(&b"**/*a".repeat(50)).expect("valid");
        assert!(!pattern.matches(&b"a/".repeat(2000)));
    }
}
