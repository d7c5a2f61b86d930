//! The roles that images play.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an image is for, written `runner`, or `app-web` for the application image of process `web`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Runs package clients of ecosystems; no part of a builder or runner.
    Toolbox,
    /// Makes the builder's dependencies: compilers and headers.
    Toolchain,
    /// Compiles the application.
    Builder,
    /// The compiled application, kept without anything below it.
    Compiled,
    /// What the application runs on.
    Runner,
    /// The application on its runner, for one process.
    App(String),
}

/// The text is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the role of an image")]
pub struct InvalidRole(String);

/// The roles that have no process.
const PLAIN: [(Role, &str); 5] = [
    (Role::Toolbox, "toolbox"),
    (Role::Toolchain, "toolchain"),
    (Role::Builder, "builder"),
    (Role::Compiled, "compiled"),
    (Role::Runner, "runner"),
];

impl Role {
    /// The application image of a process: at most 63 ASCII letters, digits, `_` and `-`.
    pub fn app(process: &str) -> Result<Self, InvalidRole> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        match process.len() {
            1..=63 if process.bytes().all(fine) => Ok(Self::App(process.to_owned())),
            _ => Err(InvalidRole(format!("app-{process}"))),
        }
    }

    /// The role without its process, as the label says it.
    pub fn kind(&self) -> &'static str {
        match PLAIN.iter().find(|(role, _)| role == self) {
            Some((_, name)) => name,
            None => "app",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(process) => write!(f, "app-{process}"),
            plain => f.write_str(plain.kind()),
        }
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        if let Some((role, _)) = PLAIN.iter().find(|(_, name)| *name == text) {
            return Ok(role.clone());
        }
        Self::app(
            text.strip_prefix("app-")
                .ok_or_else(|| InvalidRole(text.to_owned()))?,
        )
    }
}

impl TryFrom<String> for Role {
    type Error = InvalidRole;

    fn try_from(text: String) -> Result<Self, InvalidRole> {
        text.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_survive_their_text_form_and_others_are_refused() {
        for text in [
            "toolbox",
            "toolchain",
            "builder",
            "compiled",
            "runner",
            "app-web",
            "app-runner",
        ] {
            assert_eq!(
                text.parse::<Role>().map(|role| role.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "app",
            "app-",
            "app-../web",
            "app-a/b",
            "Runner",
            &format!("app-{}", "a".repeat(64)),
        ] {
            assert!(text.parse::<Role>().is_err(), "{text}");
        }
    }
}
