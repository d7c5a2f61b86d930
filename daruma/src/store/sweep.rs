//! The removing half of a collection.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

use crate::home::FileLock;
use crate::image::Digest;

use super::{GcPolicy, GcReport, Removed, Store, StoreError, blobs, roots};

/// Half-made files without a lock of their own are leftovers after this long without a write: a download that waits
/// longer for its next byte has failed long before.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Picks the field of a report that a removal counts for.
type Field = fn(&mut GcReport) -> &mut Removed;

/// A collection at work.
pub(super) struct Sweep<'a> {
    store: &'a Store,
    policy: &'a GcPolicy<'a>,
    report: GcReport,
    /// Directories that nothing names any more.
    trash: Vec<(PathBuf, Field)>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(store: &'a Store, policy: &'a GcPolicy<'a>) -> Self {
        Self {
            store,
            policy,
            report: GcReport::default(),
            trash: Vec::new(),
        }
    }

    /// Removes files and moves directories to the trash. The caller holds the store's lock exclusively.
    pub(super) fn unname(&mut self, live: &BTreeSet<Digest>) -> Result<(), StoreError> {
        for digest in self
            .store
            .blobs()?
            .into_iter()
            .filter(|digest| !live.contains(digest))
        {
            self.remove_file(&self.store.blob_path(digest), |report| &mut report.blobs);
        }
        self.roots(live)?;
        self.packages(live)?;
        self.leftovers()
    }

    /// Removes what was moved to the trash. Only collectors do, and one at a time.
    pub(super) fn empty_trash(mut self) -> GcReport {
        for (dir, field) in std::mem::take(&mut self.trash) {
            let bytes = bytes_below(&dir);
            match (self.policy.remove_root)(&dir) {
                Ok(()) => field(&mut self.report).add(bytes),
                Err(error) => self.report.stuck.push((dir, error.to_string())),
            }
        }
        self.report
    }

    fn roots(&mut self, live: &BTreeSet<Digest>) -> Result<(), StoreError> {
        for owners in entries(&self.store.home.roots())? {
            for root in entries(&owners)?
                .into_iter()
                .filter(|root| is_unused(root, live))
            {
                self.throw_away(&root, |report| &mut report.roots);
            }
        }
        Ok(())
    }

    fn packages(&mut self, live: &BTreeSet<Digest>) -> Result<(), StoreError> {
        let mut dirs = vec![self.store.home.debs()];
        while let Some(dir) = dirs.pop() {
            for path in entries(&dir)? {
                let Ok(meta) = fs::symlink_metadata(&path) else {
                    continue;
                };
                if meta.is_dir() {
                    dirs.push(path);
                } else if is_unused(&path, live) && is_older(&meta, self.policy.packages_unused_for)
                {
                    self.remove_file(&path, |report| &mut report.packages);
                }
            }
        }
        Ok(())
    }

    fn leftovers(&mut self) -> Result<(), StoreError> {
        for path in entries(&self.store.home.tmp())? {
            if self.trash.iter().any(|(dir, _)| *dir == path) {
                continue;
            }
            let Making::Abandoned(_lock) = self.making(&path)? else {
                continue;
            };
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => self.throw_away(&path, |report| &mut report.leftovers),
                Ok(_) => self.remove_file(&path, |report| &mut report.leftovers),
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
            let lock = FileLock::try_exclusive(&self.store.root_lock(digest))?;
            return Ok(lock.map_or(Making::Live, |lock| Making::Abandoned(Some(lock))));
        } else {
            name.starts_with(roots::TRASH_PREFIX)
                || fs::symlink_metadata(path).is_ok_and(|meta| is_older(&meta, STALE))
        };
        Ok(if abandoned {
            Making::Abandoned(None)
        } else {
            Making::Live
        })
    }

    fn throw_away(&mut self, dir: &Path, field: Field) {
        match self.store.to_trash(dir) {
            Ok(trash) => self.trash.push((trash, field)),
            Err(error) => self.report.stuck.push((dir.to_owned(), error.to_string())),
        }
    }

    fn remove_file(&mut self, path: &Path, field: Field) {
        let bytes = fs::symlink_metadata(path).map_or(0, |meta| meta.len());
        match fs::remove_file(path) {
            Ok(()) => field(&mut self.report).add(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.report.stuck.push((path.to_owned(), error.to_string())),
        }
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
