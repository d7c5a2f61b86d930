//! Removing what was there, without following a link.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, Mode, openat, unlinkat};
use rustix::io::Errno;

use super::UnpackError;
use super::nodes::failed;
use crate::tree::{TreePath, beneath};

/// Removes whatever stands at `name`, with all that lies below it.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        // Linux says EISDIR for a directory, POSIX EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(Errno::NOENT) => return Ok(()),
        other => return other,
    }
    let dir = openat(parent, name, beneath::DIR, Mode::empty())?;
    for child in names(dir.as_fd())? {
        remove(dir.as_fd(), &child)?;
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Removes what stands at `path` in `parent`, except what is in `keep`.
pub(super) fn remove_but(
    parent: BorrowedFd<'_>,
    path: &TreePath,
    keep: &HashSet<TreePath>,
) -> Result<(), UnpackError> {
    if !keep.contains(path) {
        return remove(parent, path.name()).map_err(|errno| failed(path, "removing", errno));
    }
    match openat(parent, path.name(), beneath::DIR, Mode::empty()) {
        Ok(dir) => empty_but(dir.as_fd(), Some(path), keep),
        Err(errno) if beneath::is_missing(errno) => Ok(()),
        Err(errno) => Err(failed(path, "opening", errno)),
    }
}

/// Removes what lies in the open directory `path` (`None` is the root), except what is in `keep`.
pub(super) fn empty_but(
    dir: BorrowedFd<'_>,
    path: Option<&TreePath>,
    keep: &HashSet<TreePath>,
) -> Result<(), UnpackError> {
    let list_error = |errno| match path {
        Some(path) => failed(path, "listing", errno),
        None => UnpackError::Open {
            dir: "/".to_owned(),
            source: errno.into(),
        },
    };
    for name in names(dir).map_err(list_error)? {
        let child = match path {
            Some(path) => path.join(&name),
            None => TreePath::new(&name),
        };
        // A path too long to be one is nothing that an archive could keep.
        match child {
            Ok(child) => remove_but(dir, &child, keep)?,
            Err(_) => remove(dir, &name).map_err(list_error)?,
        }
    }
    Ok(())
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
