//! What stands in the directory, in order, and which of several names of one file is the first.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, Stat, openat, statat};
use rustix::io::Errno;

use super::unlock::Unlocked;
use super::{CaptureError, Choice, Options};
use crate::tree::{TreePath, beneath};

/// Something that is to be captured.
pub(super) struct Found {
    pub(super) path: TreePath,
    pub(super) stat: Stat,
    /// The file's first name, where this is another one.
    pub(super) first: Option<TreePath>,
}

impl Found {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Bytes of data that it adds to the archive.
    pub(super) fn bytes(&self) -> u64 {
        match (self.kind(), &self.first) {
            (FileType::RegularFile, None) => u64::try_from(self.stat.st_size).unwrap_or(0),
            _ => 0,
        }
    }
}

/// A directory that was walked.
pub(super) struct Walked {
    pub(super) unlocked: Unlocked,
    pub(super) found: Vec<Found>,
}

struct Walker<'a> {
    options: &'a Options<'a>,
    unlocked: Unlocked,
    found: Vec<Found>,
    /// Files with several names by device and inode.
    firsts: HashMap<(u64, u64), TreePath>,
}

/// Lists all that is chosen below `dir`.
pub(super) fn walk(dir: &Path, options: &Options<'_>) -> Result<Walked, CaptureError> {
    let root = beneath::open_root(dir).map_err(|errno| CaptureError::Open {
        dir: dir.display().to_string(),
        source: errno.into(),
    })?;
    let top = rustix::io::dup(&root).map_err(|errno| CaptureError::Open {
        dir: dir.display().to_string(),
        source: errno.into(),
    })?;
    let mut walker = Walker {
        options,
        unlocked: Unlocked::new(root),
        found: Vec::new(),
        firsts: HashMap::new(),
    };
    walker.dir(top.as_fd(), None)?;
    Ok(Walked {
        unlocked: walker.unlocked,
        found: walker.found,
    })
}

impl Walker<'_> {
    fn dir(&mut self, dir: BorrowedFd<'_>, path: Option<&TreePath>) -> Result<(), CaptureError> {
        let mut names = names(dir).map_err(|errno| match path {
            Some(path) => failed(path, errno),
            None => CaptureError::Read {
                path: ".".to_owned(),
                source: errno.into(),
            },
        })?;
        names.sort_unstable();
        for name in names {
            let child = match path {
                Some(path) => path.join(&name)?,
                None => TreePath::new(&name)?,
            };
            self.child(dir, &child)?;
        }
        Ok(())
    }

    fn child(&mut self, dir: BorrowedFd<'_>, path: &TreePath) -> Result<(), CaptureError> {
        let choice = (self.options.choose)(path);
        if choice == Choice::Leave {
            return Ok(());
        }
        let stat = statat(dir, path.name(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| failed(path, errno))?;
        self.unlocked
            .unlock(dir, path, &stat)
            .map_err(|errno| failed(path, errno))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::Socket && choice == Choice::Take {
            let first = self.first(path, &stat, kind);
            let path = path.clone();
            self.found.push(Found { path, stat, first });
        }
        if kind == FileType::Directory {
            let opened = openat(dir, path.name(), beneath::DIR, Mode::empty())
                .map_err(|errno| failed(path, errno))?;
            self.dir(opened.as_fd(), Some(path))?;
        }
        Ok(())
    }

    /// Whiteouts may share one inode (overlayfs does so) and are never links.
    fn first(&mut self, path: &TreePath, stat: &Stat, kind: FileType) -> Option<TreePath> {
        let whiteout = kind == FileType::CharacterDevice && stat.st_rdev == 0;
        if stat.st_nlink < 2 || kind == FileType::Directory || whiteout {
            return None;
        }
        let id = (stat.st_dev, stat.st_ino);
        let first = self.firsts.get(&id).cloned();
        if first.is_none() {
            self.firsts.insert(id, path.clone());
        }
        first
    }
}

fn names(dir: BorrowedFd<'_>) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        match entry?.file_name().to_bytes() {
            b"." | b".." => {}
            name => names.push(name.to_vec()),
        }
    }
    Ok(names)
}

pub(super) fn failed(path: &TreePath, errno: Errno) -> CaptureError {
    CaptureError::Read {
        path: path.to_string(),
        source: errno.into(),
    }
}
