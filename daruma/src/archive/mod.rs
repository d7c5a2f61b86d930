//! Debian archives: which mirror, whose signature, which indexes, and the packages themselves.
//!
//! ```text
//! indexes/
//!   state/<distribution>/<suite>.json   what was accepted last: date, sha256, ETag
//!   inrelease/<sha256>                  accepted InRelease files
//!   packages/<sha256>                   decoded Packages files
//! debs/<sha256>.deb                     packages (`.part` while they come)
//! ```
//! Trust flows one way: a key of the keyring signs `InRelease`, that lists the sha256 of `Packages`, and that lists the sha256 of
//! every package. Where the bytes come from is of no importance, so mirrors may be tried in turn.

mod debs;
mod decode;
mod distribution;
mod error;
pub mod openpgp;
mod packages;
mod pockets;
mod release;
mod settings;
pub mod sources;
mod state;

use std::path::PathBuf;
use std::sync::Arc;

pub use distribution::{Distribution, Pocket, Root};
pub use error::ArchiveError;
pub use release::{InvalidRelease, ListedFile, Release};
pub use settings::{Expired, Network, Rollback, Settings};

use crate::home::Home;
use crate::http::{Client, Url};
use crate::image::Digest;
use crate::progress::Progress;
use openpgp::Fingerprint;

/// Where packages come from; a trait so that resolving can be tested without any archive.
pub trait Archive: Send + Sync {
    /// The verified indexes of `suite` (`trixie`) for `arch` (`amd64`), as they are now.
    fn snapshot(
        &self,
        suite: &str,
        arch: &str,
        progress: &dyn Progress,
    ) -> Result<Snapshot, ArchiveError>;

    /// Brings packages into the home; their paths come in the order of `debs`.
    fn fetch(&self, debs: &[DebRef], progress: &dyn Progress)
    -> Result<Vec<PathBuf>, ArchiveError>;
}

/// The indexes of one suite at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// As it was asked for: `trixie`, `stable`.
    pub suite: String,
    /// `amd64`.
    pub arch: String,
    /// Main, updates, security: those that the suite has.
    pub pockets: Vec<PocketIndex>,
}

/// One pocket's verified indexes.
#[derive(Clone, Debug)]
pub struct PocketIndex {
    /// Which.
    pub pocket: Pocket,
    /// Its directory below `dists`, e.g. `trixie-security`.
    pub suite: String,
    /// Its codename as signed.
    pub codename: String,
    /// The archive's root that it came from; never shown with a password, and not for the lock.
    pub base: Url,
    /// Of the `InRelease` file.
    pub inrelease: Digest,
    /// When it was made, in seconds since 1970.
    pub date: i64,
    /// The primary keys that signed it.
    pub signers: Vec<Fingerprint>,
    /// One index per component, in the order of the settings.
    pub packages: Vec<PackagesIndex>,
}

/// One `Packages` file.
#[derive(Clone)]
pub struct PackagesIndex {
    /// `main`.
    pub component: String,
    /// Of the decoded text.
    pub sha256: Digest,
    /// The text.
    pub text: Arc<str>,
}

impl std::fmt::Debug for PackagesIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} ({} bytes)",
            self.component,
            self.sha256.short(),
            self.text.len()
        )
    }
}

/// A package to fetch, as an index or a lock names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebRef {
    /// Which pocket's index lists it.
    pub pocket: Pocket,
    /// Below the archive's root, e.g. `pool/main/b/bash/bash_5.2_amd64.deb`.
    pub path: String,
    /// Of the file.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

/// The archive behind mirrors on the network.
#[derive(Debug)]
pub struct Mirrors {
    settings: Settings,
    client: Client,
    home: Home,
}

impl Mirrors {
    /// The pockets of `suite` with their directories below `dists`.
    pub fn pockets(&self, suite: &str) -> Vec<(Pocket, String)> {
        self.settings.distribution.pockets(suite)
    }

    /// Opens an archive; nothing is asked of the network yet.
    pub fn open(settings: Settings, home: Home) -> Result<Self, ArchiveError> {
        let http = settings.host.apply(settings.http.clone())?;
        Ok(Self {
            client: Client::new(http),
            settings,
            home,
        })
    }
}

impl Archive for Mirrors {
    fn snapshot(
        &self,
        suite: &str,
        arch: &str,
        progress: &dyn Progress,
    ) -> Result<Snapshot, ArchiveError> {
        pockets::snapshot(self, suite, arch, progress)
    }

    fn fetch(
        &self,
        debs: &[DebRef],
        progress: &dyn Progress,
    ) -> Result<Vec<PathBuf>, ArchiveError> {
        debs::fetch(self, debs, progress)
    }
}
