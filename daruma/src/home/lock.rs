//! Locks between processes, released by the kernel whatever happens to their holder.

use std::io;
use std::path::Path;

use fs_err as fs;
use rustix::fs::{FlockOperation, flock};

/// An advisory lock on a file (`flock(2)`), held until this value is dropped or its process ends.
#[derive(Debug)]
pub struct FileLock {
    file: fs::File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // A child that another thread forked has the same open file until it executes its program, and with it the
        // lock; closing alone would not release it.
        let _ = flock(self.file.file(), FlockOperation::Unlock);
    }
}

impl FileLock {
    /// Waits until nobody else holds the lock.
    pub fn exclusive(path: &Path) -> io::Result<Self> {
        Self::take(path, FlockOperation::LockExclusive)
    }

    /// Waits until nobody holds the lock exclusively.
    pub fn shared(path: &Path) -> io::Result<Self> {
        Self::take(path, FlockOperation::LockShared)
    }

    /// Takes the lock if nobody else holds it; `None` if somebody does.
    pub fn try_exclusive(path: &Path) -> io::Result<Option<Self>> {
        match Self::take(path, FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn take(path: &Path, operation: FlockOperation) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        flock(file.file(), operation)?;
        Ok(Self { file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_is_seen_and_a_dropped_one_is_free() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("a/lock");
        let held = FileLock::exclusive(&path).expect("locked");
        assert!(FileLock::try_exclusive(&path).expect("tried").is_none());
        drop(held);
        assert!(FileLock::try_exclusive(&path).expect("tried").is_some());
    }
}
