//! What can go wrong, inside and outside.

use std::io;

use serde::{Deserialize, Serialize};

/// The sandbox failed, not the command in it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The caller's side could not do something.
    #[error("cannot {action}")]
    Caller {
        /// What, as a verb and a thing.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A spec that cannot be written down, e.g. with a path that is not UTF-8.
    #[error("cannot write the sandbox's spec")]
    Spec(#[source] serde_json::Error),
    /// The kernel or its settings refuse a sandbox.
    #[error("cannot make a sandbox: {reason}")]
    Refused {
        /// Why, and what the user can do.
        reason: String,
    },
    /// Something inside could not be done before the command started.
    #[error("cannot {action}")]
    Inside {
        /// What, as a verb and a thing.
        action: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The launcher ended without a word; it was killed, or the program does not call `enter_if_asked`.
    #[error("cannot start the sandbox: its launcher ended without a report")]
    Silent,
}

/// A step inside that failed, as it travels to the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What, as a verb and a thing.
    pub(crate) action: String,
    /// `errno(3)`.
    pub(crate) errno: i32,
    /// Whether the namespaces themselves were refused.
    pub(crate) refused: bool,
}

/// `Result` of a step inside.
pub(crate) type Step<T> = Result<T, Failure>;

/// Names the step that a result belongs to.
pub(crate) trait During<T> {
    /// On failure, says that `action` failed.
    fn during(self, action: impl FnOnce() -> String) -> Step<T>;
}

impl<T> During<T> for Result<T, rustix::io::Errno> {
    fn during(self, action: impl FnOnce() -> String) -> Step<T> {
        self.map_err(|errno| Failure {
            action: action(),
            errno: errno.raw_os_error(),
            refused: false,
        })
    }
}

impl<T> During<T> for io::Result<T> {
    fn during(self, action: impl FnOnce() -> String) -> Step<T> {
        self.map_err(|error| Failure {
            action: action(),
            errno: error.raw_os_error().unwrap_or(libc::EIO),
            refused: false,
        })
    }
}

impl From<Failure> for SandboxError {
    fn from(failure: Failure) -> Self {
        let source = io::Error::from_raw_os_error(failure.errno);
        if failure.refused {
            return Self::Refused {
                reason: crate::probe::explain(&source),
            };
        }
        Self::Inside {
            action: failure.action,
            source,
        }
    }
}
