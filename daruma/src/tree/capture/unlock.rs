//! What belongs to us but that its mode keeps us from reading, as a job that was root inside may leave it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, Stat, chmodat};
use rustix::process::geteuid;

use crate::tree::{TreePath, beneath};

/// Things that were made readable; dropped, they have their modes again.
pub(super) struct Unlocked {
    pub(super) root: OwnedFd,
    locked: Vec<(TreePath, u32)>,
}

impl Unlocked {
    pub(super) fn new(root: OwnedFd) -> Self {
        let locked = Vec::new();
        Self { root, locked }
    }

    /// Makes what stands at `path`, in the open directory `dir`, readable for us where it is ours.
    pub(super) fn unlock(
        &mut self,
        dir: BorrowedFd<'_>,
        path: &TreePath,
        stat: &Stat,
    ) -> rustix::io::Result<()> {
        let needed = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => 0o400,
            FileType::Directory => 0o700,
            _ => return Ok(()),
        };
        let mode = stat.st_mode & 0o7777;
        let us = geteuid();
        if us.is_root() || us.as_raw() != stat.st_uid || mode & needed == needed {
            return Ok(());
        }
        let readable = Mode::from_raw_mode(mode | needed);
        chmodat(dir, path.name(), readable, AtFlags::empty())?;
        self.locked.push((path.clone(), mode));
        Ok(())
    }
}

impl Drop for Unlocked {
    /// Children come after their parents, which must stay open for them.
    fn drop(&mut self) {
        for (path, mode) in self.locked.iter().rev() {
            let parent = match path.parent() {
                Some(parent) => beneath::open(self.root.as_fd(), &parent, beneath::DIR),
                None => rustix::io::dup(&self.root),
            };
            if let Ok(parent) = parent {
                let mode = Mode::from_raw_mode(*mode);
                // Nothing can be done about a failure here, and the layer is whole already.
                _ = chmodat(parent, path.name(), mode, AtFlags::empty());
            }
        }
    }
}
