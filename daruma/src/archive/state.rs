//! What was accepted before: the memory against rollbacks, and the start for conditional requests.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::image::Digest;

/// The file format's version.
const FORMAT: u32 = 1;

/// The last accepted `InRelease` of one suite's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    format: u32,
    /// The newest `Date` accepted, in seconds since 1970.
    pub(super) newest: i64,
    /// Of the file in use.
    pub(super) sha256: Digest,
    /// The archive's root that it came from, without a password; an ETag is worth nothing elsewhere.
    pub(super) base: String,
    /// For a conditional request.
    pub(super) etag: Option<String>,
    /// For a conditional request.
    pub(super) last_modified: Option<String>,
}

impl Seen {
    pub(super) fn new(newest: i64, sha256: Digest, base: String) -> Self {
        Self {
            format: FORMAT,
            newest,
            sha256,
            base,
            etag: None,
            last_modified: None,
        }
    }
}

/// The files below `indexes/`.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    home: &'a Home,
    distribution: &'static str,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(home: &'a Home, distribution: &'static str) -> Self {
        Self { home, distribution }
    }

    /// What is known of a suite; a file of another version or a broken one counts as nothing known.
    pub(super) fn seen(&self, suite: &str) -> Option<Seen> {
        let text = fs::read_to_string(self.state_path(suite)).ok()?;
        let seen: Seen = serde_json::from_str(&text).ok()?;
        (seen.format == FORMAT).then_some(seen)
    }

    pub(super) fn remember(&self, suite: &str, seen: &Seen) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(seen).map_err(io::Error::other)?;
        self.home.write(&self.state_path(suite), &text)
    }

    /// A stored file whose content is still what its name says.
    pub(super) fn load(&self, kind: Kind, sha256: &Digest) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(kind, sha256)).ok()?;
        (Digest::of(&bytes) == *sha256).then_some(bytes)
    }

    /// The same as text; hashed and copied on two cores, because indexes are large.
    pub(super) fn load_text(&self, kind: Kind, sha256: &Digest) -> Option<Arc<str>> {
        let bytes = fs::read(self.path(kind, sha256)).ok()?;
        let (found, text) = rayon::join(
            || Digest::of(&bytes),
            || std::str::from_utf8(&bytes).map(Arc::from),
        );
        text.ok().filter(|_| found == *sha256)
    }

    pub(super) fn store(&self, kind: Kind, sha256: &Digest, bytes: &[u8]) -> io::Result<()> {
        self.home.write_cached(&self.path(kind, sha256), bytes)
    }

    fn path(&self, kind: Kind, sha256: &Digest) -> PathBuf {
        let folder = match kind {
            Kind::InRelease => "inrelease",
            Kind::Packages => "packages",
        };
        self.home.indexes().join(folder).join(sha256.hex())
    }

    fn state_path(&self, suite: &str) -> PathBuf {
        let folder = self.home.indexes().join("state").join(self.distribution);
        folder.join(format!("{suite}.json"))
    }
}

/// What kind of file is kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    InRelease,
    Packages,
}
