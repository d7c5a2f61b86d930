//! Puts mounts at places in the new root, whatever links the image has there.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags};

use super::points::Leftovers;
use crate::error::{During, Step};
use crate::sys;

/// What a mount point must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Dir,
}

/// The new root while mounts are put into it.
pub(super) struct Place {
    root: OwnedFd,
    leftovers: Leftovers,
}

impl Place {
    pub(super) fn new(root: OwnedFd) -> Self {
        Self {
            root,
            leftovers: Leftovers::default(),
        }
    }

    /// What had to be created in the root itself.
    pub(super) fn into_leftovers(self) -> Leftovers {
        self.leftovers
    }

    /// Whether there is something at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.open(path).is_ok()
    }

    /// Mounts a new file system at `to`.
    pub(super) fn mount(
        &mut self,
        kind: &str,
        to: &str,
        flags: MountFlags,
        options: &CStr,
    ) -> Step<()> {
        let target = self.point(to, Kind::Dir)?;
        let target = format!("/proc/self/fd/{}", target.as_raw_fd());
        rustix::mount::mount(kind, target, kind, flags, options)
            .during(|| format!("mount {kind} on {to} in the sandbox"))
    }

    /// Shows a tree of the host's at `to`.
    pub(super) fn bind(&mut self, from: &Path, to: &str, kind: Kind) -> Step<()> {
        let tree = clone_tree(CWD, from)?;
        self.attach(&tree, to, kind)
    }

    /// Shows a tree of the host's at `to`; nothing in it can be written.
    pub(super) fn bind_read_only(&mut self, from: &Path, to: &str, kind: Kind) -> Step<()> {
        let tree = clone_tree(CWD, from)?;
        sys::set_read_only(&tree).during(|| format!("make {} read only", from.display()))?;
        self.attach(&tree, to, kind)
    }

    /// Makes what is at `path` already read only.
    pub(super) fn protect(&mut self, path: &str, kind: Kind) -> Step<()> {
        let at = self
            .open(path)
            .during(|| format!("find {path} in the sandbox"))?;
        let tree = clone_tree(&at, Path::new(""))?;
        sys::set_read_only(&tree).during(|| format!("make {path} read only"))?;
        self.attach(&tree, path, kind)
    }

    fn attach(&mut self, tree: &OwnedFd, to: &str, kind: Kind) -> Step<()> {
        let target = self.point(to, kind)?;
        let flags =
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        rustix::mount::move_mount(tree, "", &target, "", flags)
            .during(|| format!("mount on {to} in the sandbox"))
    }

    /// What stands at `path` in the new root: no link leads out of it.
    pub(super) fn open(&self, path: &str) -> Result<OwnedFd, Errno> {
        open_within(&self.root, path)
    }

    /// Opens a mount point. The lowest layer has most of them; one that a link leads elsewhere is created where it leads.
    fn point(&mut self, path: &str, kind: Kind) -> Step<OwnedFd> {
        match self.open(path) {
            Err(Errno::NOENT) => self.create(path, kind),
            found => found,
        }
        .during(|| format!("make a mount point at {path} in the sandbox"))
    }

    fn create(&mut self, path: &str, kind: Kind) -> Result<OwnedFd, Errno> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').ok_or(Errno::NOENT)?;
        let dir = match self.open(parent) {
            Err(Errno::NOENT) => self.create(parent, Kind::Dir)?,
            found => found?,
        };
        make(&dir, name, kind)?;
        self.leftovers.add(path, kind);
        self.open(path)
    }
}

/// Makes an empty file or directory.
pub(super) fn make(dir: impl AsFd, name: &str, kind: Kind) -> Result<(), Errno> {
    match kind {
        Kind::Dir => rustix::fs::mkdirat(dir, name, Mode::from_raw_mode(0o755)),
        Kind::File => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o644)).map(|_| ())
        }
    }
}

/// Opens a path as a process would whose root is `root`.
pub(super) fn open_within(root: impl AsFd, path: &str) -> Result<OwnedFd, Errno> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::io::retry_on_intr(|| rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve))
}

/// A private copy of a tree of mounts, attached nowhere yet.
fn clone_tree(dir: impl AsFd, path: &Path) -> Step<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    rustix::mount::open_tree(dir, path, flags)
        .during(|| format!("open {} to mount it", path.display()))
}

/// Removes what [`make`] made.
pub(super) fn unmake(dir: impl AsFd, name: &str, kind: Kind) -> Result<(), Errno> {
    let flags = match kind {
        Kind::Dir => AtFlags::REMOVEDIR,
        Kind::File => AtFlags::empty(),
    };
    rustix::fs::unlinkat(dir, name, flags)
}
