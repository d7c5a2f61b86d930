//! The name of an environment variable.

use std::fmt;
use std::str::FromStr;

/// One or more of `A-Z a-z 0-9 _ . -`. Shells can use only some of these: see [`EnvName::is_portable`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// The text is not a variable's name. It is not repeated: in a broken `.env` it may be a part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a variable name (one or more of A-Z, a-z, 0-9, `_`, `.` and `-`)")]
pub struct InvalidEnvName;

impl EnvName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a shell can name it (POSIX, XBD 3.216): letters, digits and `_`, no digit first.
    pub fn is_portable(&self) -> bool {
        !self.0.starts_with(|c: char| c.is_ascii_digit()) && !self.0.contains(['.', '-'])
    }
}

impl FromStr for EnvName {
    type Err = InvalidEnvName;

    fn from_str(text: &str) -> Result<Self, InvalidEnvName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(InvalidEnvName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_shell_s_grammar_are_taken_but_not_portable() {
        for (text, portable) in [
            ("A", true),
            ("_a1", true),
            ("a-b", false),
            ("a.b", false),
            ("1A", false),
        ] {
            let name: EnvName = text.parse().expect("valid");
            assert_eq!(name.is_portable(), portable, "{text}");
        }
        for text in ["", "A B", "A=B", "キー", "A\0"] {
            assert_eq!(text.parse::<EnvName>(), Err(InvalidEnvName), "{text}");
        }
    }
}
