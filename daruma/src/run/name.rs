//! Names of processes and apps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RunError;

/// The longest name: Heroku's Platform API accepts 128 characters for a process type.
const MAX_NAME: usize = 128;

/// The name of a process as a Procfile writes it: ASCII letters, digits, `_` and `-`, at most 128.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessName(String);

/// The identity of an app on this machine, safe as a file name: ASCII letters, digits, `_`, `-` and `.` (not first).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppId(String);

impl ProcessName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the process that serves HTTP.
    pub fn is_web(&self) -> bool {
        self.0 == "web"
    }
}

impl AppId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked(text: &str, kind: &'static str, extra: &str) -> Result<String, RunError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c) || extra.contains(c);
    let ok =
        (1..=MAX_NAME).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('.');
    if ok {
        Ok(text.to_owned())
    } else {
        Err(RunError::InvalidName {
            kind,
            text: text.to_owned(),
        })
    }
}

impl FromStr for ProcessName {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        checked(text, "process name", "").map(Self)
    }
}

impl FromStr for AppId {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        checked(text, "app name", ".").map(Self)
    }
}

impl TryFrom<String> for ProcessName {
    type Error = RunError;

    fn try_from(text: String) -> Result<Self, RunError> {
        text.parse()
    }
}

impl TryFrom<String> for AppId {
    type Error = RunError;

    fn try_from(text: String) -> Result<Self, RunError> {
        text.parse()
    }
}

impl From<ProcessName> for String {
    fn from(name: ProcessName) -> Self {
        name.0
    }
}

impl From<AppId> for String {
    fn from(id: AppId) -> Self {
        id.0
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for text in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a\0",
            "ウェブ",
            &"a".repeat(129),
        ] {
            assert!(text.parse::<AppId>().is_err(), "{text:?}");
            assert!(text.parse::<ProcessName>().is_err(), "{text:?}");
        }
        assert!("shop.v2-1a2b".parse::<AppId>().is_ok());
        assert!("a.b".parse::<ProcessName>().is_err());
        assert!("my_web-2".parse::<ProcessName>().is_ok());
    }
}
