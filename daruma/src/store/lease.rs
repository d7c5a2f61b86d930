//! Leases: what live processes rely on.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use crate::image::Digest;

use super::{Store, StoreError};

/// Protects blobs, what manifests among them lead to, and unpacked roots from [`Store::gc`] until it is dropped or its
/// process ends, however that happens.
#[derive(Debug)]
pub struct Lease {
    /// Holds the flock that says that somebody lives; digests already written to it.
    state: Mutex<(NamedTempFile, BTreeSet<Digest>)>,
}

impl Lease {
    /// A lease of nothing yet. The caller holds the store's lock, so that no collection sees the file without its flock.
    fn create(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let file = tempfile::Builder::new().prefix("lease.").tempfile_in(dir)?;
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            state: Mutex::new((file, BTreeSet::new())),
        })
    }

    /// Adds digests, in one write. The caller holds the store's lock.
    fn add(&self, digests: &[Digest]) -> io::Result<()> {
        // Whoever panicked meanwhile wrote whole lines or none.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, known) = &mut *state;
        let new: Vec<Digest> = digests
            .iter()
            .copied()
            .filter(|digest| !known.contains(digest))
            .collect();
        let lines: Vec<String> = new.iter().map(Digest::hex).chain([String::new()]).collect();
        file.write_all(lines.join("\n").as_bytes())?;
        known.extend(new);
        Ok(())
    }
}

impl Store {
    /// Protects digests (of manifests, layers, or diffIDs of unpacked roots) beyond the life of this `Store`. Fails if
    /// it cannot be written; says nothing of whether they are there.
    pub fn lease(&self, digests: &[Digest]) -> Result<Lease, StoreError> {
        let _lock = self.lock_shared()?;
        let lease = Lease::create(&self.oci("leases"))?;
        lease.add(digests)?;
        Ok(lease)
    }

    /// Protects digests while this `Store` lives. The caller holds the store's lock.
    pub(super) fn protect(&self, digests: &[Digest]) -> Result<(), StoreError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let lease = match &mut *session {
            Some(lease) => lease,
            none => none.insert(Lease::create(&self.oci("leases"))?),
        };
        Ok(lease.add(digests)?)
    }

    /// What live leases list; those of the dead are removed. The caller holds the store's lock exclusively.
    pub(super) fn leased(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let mut digests = BTreeSet::new();
        for entry in fs::read_dir(self.oci("leases"))? {
            let path = entry?.path();
            match read_live(&path) {
                Ok(Some(text)) => digests.extend(listed(&text)),
                Ok(None) => fs::remove_file(&path)?,
                // Dropped by its owner since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(digests)
    }
}

/// The digests that a lease lists.
fn listed(text: &str) -> impl Iterator<Item = Digest> {
    text.lines().filter_map(|hex| Digest::from_hex(hex).ok())
}

/// The text of a lease whose owner lives.
fn read_live(path: &Path) -> io::Result<Option<String>> {
    let file = fs::File::open(path)?;
    match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => fs::read_to_string(path).map(Some),
        Err(error) => Err(error.into()),
    }
}
