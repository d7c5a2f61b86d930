//! The removing half of a collection. Its caller holds the store's lock exclusively.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use crate::home::FileLock;
use crate::image::Digest;

use super::{GcPolicy, GcReport, Removed, Store, StoreError, blobs, roots};

/// What names of things that are being removed begin with.
const TRASH_PREFIX: &str = "trash.";

/// Half-made files without a lock of their own are leftovers after this long without a write: a download that waits
/// longer for its next byte has failed long before.
const STALE: Duration = Duration::from_secs(24 * 3600);

impl Store {
    pub(super) fn sweep_blobs(
        &self,
        live: &BTreeSet<Digest>,
        report: &mut GcReport,
    ) -> Result<(), StoreError> {
        for digest in self
            .blobs()?
            .into_iter()
            .filter(|digest| !live.contains(digest))
        {
            remove_file(
                &self.blob_path(digest),
                &mut report.blobs,
                &mut report.stuck,
            );
        }
        Ok(())
    }

    pub(super) fn sweep_roots(
        &self,
        live: &BTreeSet<Digest>,
        policy: &GcPolicy<'_>,
        report: &mut GcReport,
    ) -> Result<(), StoreError> {
        for owners in entries(&self.home.roots())? {
            for root in entries(&owners)? {
                let digest = digest_in(&root);
                if digest.is_some_and(|digest| !live.contains(&digest)) {
                    self.discard_root(&root, policy, &mut report.roots, &mut report.stuck);
                }
            }
        }
        Ok(())
    }

    /// Moves a directory out of the way, so that a kill leaves no half of it under its name, and removes it.
    fn discard_root(
        &self,
        dir: &Path,
        policy: &GcPolicy<'_>,
        removed: &mut Removed,
        stuck: &mut Vec<(PathBuf, String)>,
    ) {
        let trash = tempfile::Builder::new()
            .prefix(TRASH_PREFIX)
            .tempdir_in(self.home.tmp());
        // An empty directory is replaced by the rename.
        let moved = trash.and_then(|trash| {
            let trash = trash.keep();
            fs::rename(dir, &trash).map(|()| trash)
        });
        match moved {
            Ok(trash) => remove_dir(&trash, policy, removed, stuck),
            // Whoever does not own the directory may not move it either: its owner removes it where it stands.
            Err(_) => remove_dir(dir, policy, removed, stuck),
        }
    }

    pub(super) fn sweep_packages(
        &self,
        live: &BTreeSet<Digest>,
        policy: &GcPolicy<'_>,
        report: &mut GcReport,
    ) -> Result<(), StoreError> {
        let mut dirs = vec![self.home.debs()];
        while let Some(dir) = dirs.pop() {
            for path in entries(&dir)? {
                match fs::symlink_metadata(&path) {
                    Ok(meta) if meta.is_dir() => dirs.push(path),
                    Ok(meta)
                        if is_unused(&path, live)
                            && is_older(&meta, policy.packages_unused_for) =>
                    {
                        remove_file(&path, &mut report.packages, &mut report.stuck);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    pub(super) fn sweep_tmp(
        &self,
        policy: &GcPolicy<'_>,
        report: &mut GcReport,
    ) -> Result<(), StoreError> {
        for path in entries(&self.home.tmp())? {
            let Making::Abandoned(_lock) = self.making(&path)? else {
                continue;
            };
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => {
                    remove_dir(&path, policy, &mut report.leftovers, &mut report.stuck);
                }
                Ok(_) => remove_file(&path, &mut report.leftovers, &mut report.stuck),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn making(&self, path: &Path) -> Result<Making, StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let abandoned = if name.starts_with(blobs::TMP_PREFIX) {
            !is_locked(path)?
        } else if let (true, Some(digest)) =
            (name.starts_with(roots::TMP_PREFIX), digest_after_dot(&name))
        {
            let lock = FileLock::try_exclusive(&self.root_lock(digest))?;
            return Ok(lock.map_or(Making::Live, |lock| Making::Abandoned(Some(lock))));
        } else {
            name.starts_with(TRASH_PREFIX)
                || fs::symlink_metadata(path).is_ok_and(|meta| is_older(&meta, STALE))
        };
        Ok(if abandoned {
            Making::Abandoned(None)
        } else {
            Making::Live
        })
    }
}

/// Whether somebody still makes something.
enum Making {
    /// Somebody does, or may.
    Live,
    /// Nobody does; the lock keeps others from beginning again while it is removed.
    Abandoned(Option<FileLock>),
}

/// Whether some process holds the file's lock.
fn is_locked(path: &Path) -> io::Result<bool> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        file => file?,
    };
    match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn remove_file(path: &Path, removed: &mut Removed, stuck: &mut Vec<(PathBuf, String)>) {
    let bytes = fs::symlink_metadata(path).map_or(0, |meta| meta.len());
    match fs::remove_file(path) {
        Ok(()) => removed.add(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => stuck.push((path.to_owned(), error.to_string())),
    }
}

fn remove_dir(
    path: &Path,
    policy: &GcPolicy<'_>,
    removed: &mut Removed,
    stuck: &mut Vec<(PathBuf, String)>,
) {
    let bytes = bytes_below(path);
    match (policy.remove_root)(path) {
        Ok(()) => removed.add(bytes),
        Err(error) => stuck.push((path.to_owned(), error.to_string())),
    }
}

/// The bytes of the files below a directory, as far as they can be read.
fn bytes_below(dir: &Path) -> u64 {
    let Ok(entries) = entries(dir) else { return 0 };
    let of = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_dir() => bytes_below(&path),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.into_iter().map(of).sum()
}

fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}

/// The digest that a file's or directory's name begins with.
fn digest_in(path: &Path) -> Option<Digest> {
    Digest::from_hex(path.file_name()?.to_str()?.get(..64)?).ok()
}

fn digest_after_dot(name: &str) -> Option<Digest> {
    Digest::from_hex(name.rsplit('.').next()?).ok()
}

/// Whether a file is named by a digest, and by none that must stay.
fn is_unused(path: &Path, live: &BTreeSet<Digest>) -> bool {
    digest_in(path).is_some_and(|digest| !live.contains(&digest))
}

fn is_older(meta: &std::fs::Metadata, than: Duration) -> bool {
    let age = meta
        .modified()
        .ok()
        .and_then(|time| SystemTime::now().duration_since(time).ok());
    age.is_some_and(|age| age >= than)
}
