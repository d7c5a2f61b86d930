//! What a failed command says and returns: a kind, a chain of causes, and hints.

use std::error::Error;
use std::fmt::Write as _;

/// Decides the exit code and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The work could not be done: exit code 1.
    Failed,
    /// The command line or a file of the user's is wrong: exit code 2.
    Usage,
    /// The network or a server failed; the same command may succeed later: exit code 75.
    TryAgain,
    /// A process of the app's ended with this code, which is the exit code too.
    Process(u8),
}

/// A command that did not do what it was asked to.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    error: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

impl Failure {
    /// A failure of `kind` with its cause.
    pub(super) fn new(kind: Kind, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// This failure with advice; `hint` names a command that can be pasted.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A process of the app's ended with `code`; nothing is printed, its own output has said why.
    pub(super) fn process(code: u8) -> Self {
        Self::new(Kind::Process(code), "")
    }

    /// The command's exit code.
    pub(super) fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::TryAgain => 75,
            Kind::Process(code) => code,
        }
    }

    /// What is printed: the error, its causes, and the hints; empty where nothing is to be said.
    pub(super) fn render(&self) -> String {
        let error = self.error.to_string();
        if error.is_empty() {
            return String::new();
        }
        let mut out = format!("error: {error}\n");
        let mut cause = self.error.source();
        while let Some(error) = cause {
            let text = error.to_string().replace('\n', "\n    ");
            let _ = writeln!(out, "  caused by: {text}");
            cause = error.source();
        }
        for hint in &self.hints {
            let _ = writeln!(out, "hint: {hint}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read Procfile")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_shows_its_causes_and_hints_in_order() {
        let inner = std::io::Error::other("permission denied");
        let failure = Failure::new(Kind::Usage, Outer(inner)).hint("chmod a+r Procfile");
        insta::assert_snapshot!(failure.render(), @r"
        error: cannot read Procfile
          caused by: permission denied
        hint: chmod a+r Procfile
        ");
        assert_eq!(failure.code(), 2);
    }

    #[test]
    fn a_process_failure_is_silent_and_keeps_its_code() {
        let failure = Failure::process(3);
        assert_eq!((failure.code(), failure.render()), (3, String::new()));
    }
}
