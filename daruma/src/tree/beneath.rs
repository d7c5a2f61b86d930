//! Opening paths below a directory without ever following a symbolic link.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::TreePath;

/// Set once where the kernel (before 5.6) or a seccomp filter (Docker before 20.10) has no `openat2`.
static WITHOUT_OPENAT2: AtomicBool = AtomicBool::new(false);

/// Opens a directory that the caller names; links on the way to it are the caller's own.
pub(super) fn open_root(dir: &Path) -> rustix::io::Result<OwnedFd> {
    openat(CWD, dir, DIR.difference(OFlags::NOFOLLOW), Mode::empty())
}

/// Flags for a directory.
pub(super) const DIR: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Flags for a regular file; `NONBLOCK` so that a named pipe which takes its place stops nobody.
pub(super) const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Flags for naming a thing, whatever it is, a symbolic link included.
pub(super) const NAME: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens `path` below `root`; a symbolic link on the way is `ELOOP` or `ENOTDIR`.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &TreePath,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    if WITHOUT_OPENAT2.load(Ordering::Relaxed) {
        return open_by_component(root, path, flags);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, path.as_path(), flags, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => {
            let opened = open_by_component(root, path, flags)?;
            WITHOUT_OPENAT2.store(true, Ordering::Relaxed);
            Ok(opened)
        }
        other => other,
    }
}

/// The same with one `openat` for each component.
fn open_by_component(
    root: BorrowedFd<'_>,
    path: &TreePath,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let mut at: Option<OwnedFd> = None;
    if let Some(parent) = path.parent() {
        for name in parent.as_bytes().split(|&b| b == b'/') {
            let here = at.as_ref().map_or(root, AsFd::as_fd);
            at = Some(openat(here, name, DIR.union(OFlags::PATH), Mode::empty())?);
        }
    }
    let here = at.as_ref().map_or(root, AsFd::as_fd);
    openat(here, path.name(), flags, Mode::empty())
}

/// Whether an error says that nothing stands at the path itself: a link or a file in the middle leads nowhere.
pub(super) fn is_missing(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_open_the_same_and_follow_no_link() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs_err::create_dir_all(dir.path().join("a/b")).expect("new");
        fs_err::write(dir.path().join("a/b/file"), "x").expect("new");
        fs_err::os::unix::fs::symlink("a", dir.path().join("link")).expect("new");
        let root = open_root(dir.path()).expect("is there");
        let rows = [
            ("a/b/file", true),
            ("link/b/file", false),
            ("link", false),
            ("a/b/none", false),
            ("a/b/file/x", false),
        ];
        for (path, opens) in rows {
            let path = TreePath::try_from(path).expect("valid");
            let whole = open(root.as_fd(), &path, FILE).map(drop);
            let parts = open_by_component(root.as_fd(), &path, FILE).map(drop);
            for result in [whole, parts] {
                assert_eq!(result.is_ok(), opens, "{path}: {result:?}");
                assert!(result.err().is_none_or(is_missing), "{path}: {result:?}");
            }
        }
    }
}
