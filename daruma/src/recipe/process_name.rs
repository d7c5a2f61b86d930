//! The name of a process type.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::app_name::component;

/// `[A-Za-z0-9_-]{1,63}`, the names that every Procfile reader shares. `web` sorts before all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessName(String);

/// The text is not a process name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a process name (1 to 63 of A-Z, a-z, 0-9, `_` and `-`, at least one a letter or digit)"
)]
pub struct InvalidProcessName(String);

impl ProcessName {
    /// The longest name, in characters (the buildpack specification's bound).
    pub const MAX: usize = 63;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `web`, the process that is published.
    pub fn is_web(&self) -> bool {
        self.0 == "web"
    }

    /// Whether this is `release`, the process that runs once before a release and never in `start`.
    pub fn is_release(&self) -> bool {
        self.0 == "release"
    }

    /// The name as the last part of an image's name, which has no upper case: `Web` is `web`, `my_job` stays.
    pub fn image_part(&self) -> String {
        component(&self.0, Self::MAX)
    }
}

impl FromStr for ProcessName {
    type Err = InvalidProcessName;

    fn from_str(text: &str) -> Result<Self, InvalidProcessName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let valid = text.len() <= Self::MAX
            && text.bytes().all(allowed)
            && text.bytes().any(|b| b.is_ascii_alphanumeric());
        if !valid {
            return Err(InvalidProcessName(text.chars().take(Self::MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ProcessName {
    type Error = InvalidProcessName;

    fn try_from(text: String) -> Result<Self, InvalidProcessName> {
        text.parse()
    }
}

impl From<ProcessName> for String {
    fn from(name: ProcessName) -> Self {
        name.0
    }
}

impl Ord for ProcessName {
    fn cmp(&self, other: &Self) -> Ordering {
        (!self.is_web(), &self.0).cmp(&(!other.is_web(), &other.0))
    }
}

impl PartialOrd for ProcessName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProcessName {
        text.parse().expect("valid")
    }

    #[test]
    fn names_that_no_reader_agrees_on_are_refused() {
        for text in ["", "a.b", "ウェブ", "a b", "-", "__", &"x".repeat(64)] {
            assert!(text.parse::<ProcessName>().is_err(), "{text}");
        }
        for text in ["web", "my-web", "my_web", "Web", "1", &"x".repeat(63)] {
            assert!(text.parse::<ProcessName>().is_ok(), "{text}");
        }
    }

    #[test]
    fn web_comes_first_and_the_others_by_name() {
        let mut names = [name("worker"), name("cli"), name("web"), name("Web")];
        names.sort();
        assert_eq!(
            names.map(|n| n.to_string()),
            ["web", "Web", "cli", "worker"]
        );
    }

    #[test]
    fn an_image_s_name_takes_the_process_in_lower_case() {
        for (process, part) in [("Web", "web"), ("my_job", "my_job"), ("a-_b-", "a-b")] {
            assert_eq!(name(process).image_part(), part);
        }
    }
}
