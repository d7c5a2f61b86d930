//! What can go wrong between a mirror and the home.

use std::path::PathBuf;

use super::openpgp::{KeyringError, VerifyError};
use super::release::InvalidRelease;
use crate::http::{HttpError, Url};

/// An archive could not be used. No text holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The client's settings or a single request.
    #[error("cannot fetch from the archive")]
    Http(#[from] HttpError),
    /// A keyring file.
    #[error("cannot use {}", path.display())]
    Keyring {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyringError,
    },
    /// The name can be no suite, architecture or component.
    #[error("`{name}` is not the name of a {what}")]
    Name {
        /// What was given.
        name: String,
        /// `suite`, `architecture`.
        what: &'static str,
    },
    /// Its signature does not hold.
    #[error("cannot trust {url}")]
    Signature {
        /// The `InRelease` file.
        url: Url,
        /// Why.
        #[source]
        source: VerifyError,
    },
    /// Its text makes no sense, though it is signed.
    #[error("cannot read {url}")]
    Release {
        /// The `InRelease` file.
        url: Url,
        /// Why.
        #[source]
        source: InvalidRelease,
    },
    /// It is signed, but for something else.
    #[error("cannot use {url}: it is {found}, {expected} was asked for")]
    Other {
        /// The `InRelease` file.
        url: Url,
        /// What was asked for.
        expected: String,
        /// What it says that it is.
        found: String,
    },
    /// Past its `Valid-Until`.
    #[error(
        "cannot use {url}: it expired on {until}; the mirror is behind, or somebody holds newer indexes back. Name another mirror with DARUMA_DEBIAN_MIRROR, or accept it with --allow-expired"
    )]
    Expired {
        /// The `InRelease` file.
        url: Url,
        /// Its last good second.
        until: String,
    },
    /// Older than one already accepted.
    #[error(
        "cannot use {url}: it is of {date}, and one of {seen} was seen already. Name another mirror with DARUMA_DEBIAN_MIRROR, or accept it with --allow-rollback"
    )]
    Rollback {
        /// The `InRelease` file.
        url: Url,
        /// Its date.
        date: String,
        /// The newest date seen.
        seen: String,
    },
    /// It lists no index for what is wanted.
    #[error("cannot use {url}: it lists no {path}")]
    NotListed {
        /// The `InRelease` file.
        url: Url,
        /// The index.
        path: String,
    },
    /// An index is not what `InRelease` lists.
    #[error("cannot accept {url}: {what}")]
    Index {
        /// The index.
        url: Url,
        /// What is wrong.
        what: &'static str,
    },
    /// No mirror gave a usable index.
    #[error("cannot get the {suite} index from any mirror:{}", list(tried))]
    NoMirror {
        /// The suite's directory.
        suite: String,
        /// Every mirror's failure.
        tried: Vec<ArchiveError>,
    },
    /// Nothing is known and the network may not be asked.
    #[error(
        "cannot read the {suite} index offline: it was never fetched. Run the command once without --offline"
    )]
    Offline {
        /// The suite's directory.
        suite: String,
    },
    /// Packages that are not in the home, and the network may not be asked.
    #[error("cannot fetch offline: {}", paths.join(", "))]
    DebsOffline {
        /// Their pool paths.
        paths: Vec<String>,
    },
    /// Packages that no mirror has any more.
    #[error("the archive no longer has {}. Remove daruma.lock to resolve again", paths.join(", "))]
    Gone {
        /// Their pool paths.
        paths: Vec<String>,
    },
    /// Packages could not be fetched.
    #[error("cannot fetch {path}{}", others(*failed))]
    Deb {
        /// The first one's pool path.
        path: String,
        /// How many failed.
        failed: usize,
        /// Why the first did.
        #[source]
        source: HttpError,
    },
    /// A pool path that could lead elsewhere.
    #[error("cannot fetch `{path}`: it is no path in an archive's pool")]
    PoolPath {
        /// As the index or lock has it.
        path: String,
    },
    /// The home; the cause names the path.
    #[error("cannot keep the archive's files")]
    Home {
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn others(failed: usize) -> String {
    match failed {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    }
}

/// One line per mirror, with all causes: a list has no single source.
fn list(tried: &[ArchiveError]) -> String {
    let mut text = String::new();
    for error in tried {
        text += "\n  - ";
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            text += &error.to_string();
            cause = error.source();
            if cause.is_some() {
                text += ": ";
            }
        }
    }
    text
}
