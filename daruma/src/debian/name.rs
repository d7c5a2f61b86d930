//! Package and architecture names (deb-control(5), "Package", "Architecture").

use std::fmt;
use std::str::FromStr;

/// A binary package's name: lower-case letters, digits, `+`, `-`, `.`; at least two, the first a letter or a digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(Box<str>);

/// A Debian architecture (`amd64`, `all`, `any`): lower-case letters, digits and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture(Box<str>);

/// The text is not a name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Not a package name.
    #[error(
        "`{0}` is not a package name (lower-case letters, digits, `+`, `-` and `.`; at least two of them)"
    )]
    Package(String),
    /// Not an architecture.
    #[error("`{0}` is not a Debian architecture (lower-case letters, digits and `-`)")]
    Architecture(String),
}

/// Longest name that is accepted, in bytes: a component of a path in `/var/lib/dpkg/info` has to hold it and a suffix.
const MAX_NAME: usize = 200;

impl PackageName {
    /// Whether `text` is a package name.
    pub fn is_valid(text: &str) -> bool {
        let bytes = text.as_bytes();
        let letter = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        (2..=MAX_NAME).contains(&bytes.len())
            && letter(&bytes[0])
            && bytes
                .iter()
                .all(|b| letter(b) || matches!(b, b'+' | b'-' | b'.'))
    }

    /// A name that was checked where it was read.
    pub(super) fn trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Architecture {
    /// Packages that do not depend on the architecture.
    pub const ALL: &'static str = "all";

    /// Whether `text` is an architecture.
    pub fn is_valid(text: &str) -> bool {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fine)
    }

    /// The architecture's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackageName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName::Package(text.to_owned()))
        }
    }
}

impl FromStr for Architecture {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if Self::is_valid(text) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName::Architecture(text.to_owned()))
        }
    }
}

macro_rules! text_form {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into()
            }
        }
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(&self.0)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
text_form!(PackageName);
text_form!(Architecture);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_follow_the_policy() {
        for good in ["ruby", "libstdc++6", "0ad", "g++", "python3.13", "a0"] {
            assert!(PackageName::is_valid(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "Ruby",
            "-x",
            "a b",
            "a_b",
            "a/b",
            "ä1",
            "libc6:amd64",
        ] {
            assert!(!PackageName::is_valid(bad), "{bad}");
        }
        assert!(!PackageName::is_valid(&"a".repeat(MAX_NAME + 1)));
    }

    #[test]
    fn architectures_are_lower_case_words() {
        for (text, fine) in [
            ("amd64", true),
            ("kfreebsd-amd64", true),
            ("AMD64", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(Architecture::is_valid(text), fine, "{text}");
        }
    }
}
