//! Where entries go: parents, what stands in the way, whiteouts, and what is done last.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, Mode, mkdirat, openat, statat};
use rustix::io::Errno;

use super::lower;
use super::nodes::{self, failed};
use super::{Options, UnpackError, Whiteouts};
use crate::tree::whiteout::{self, Marker};
use crate::tree::{Entry, Meta, Namespace, Node, TreePath, beneath};

/// An archive on its way to disk.
pub(super) struct Unpacking<'a> {
    root: Rc<OwnedFd>,
    options: &'a Options,
    /// What this archive put there or passed through: whiteouts hide only what was there before.
    ours: HashSet<TreePath>,
    /// Directories get their mode and time last, so that they can be filled.
    dirs: BTreeMap<TreePath, Meta>,
    /// The directory that was used last: entries come in runs.
    last: Option<(TreePath, Rc<OwnedFd>)>,
}

/// What stood where an entry goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Dir,
    Whiteout,
    Other,
}

impl<'a> Unpacking<'a> {
    pub(super) fn new(dir: &Path, options: &'a Options) -> Result<Self, UnpackError> {
        let root = beneath::open_root(dir).map_err(|errno| UnpackError::Open {
            dir: dir.display().to_string(),
            source: errno.into(),
        })?;
        Ok(Self {
            root: Rc::new(root),
            options,
            ours: HashSet::new(),
            dirs: BTreeMap::new(),
            last: None,
        })
    }

    /// Puts one entry in its place; returns how many bytes of data it had.
    pub(super) fn entry(
        &mut self,
        entry: &Entry<u64>,
        data: &mut impl BufRead,
    ) -> Result<u64, UnpackError> {
        match whiteout::marker(&entry.path) {
            Some(marker) => self.whiteout(&entry.path, marker).map(|()| 0),
            None if whiteout::is_device(&entry.node) => Err(UnpackError::Reserved {
                path: entry.path.clone(),
                problem: "a 0:0 character device is a whiteout to overlayfs",
            }),
            None => self.place(entry, data),
        }
    }

    fn place(&mut self, entry: &Entry<u64>, data: &mut impl BufRead) -> Result<u64, UnpackError> {
        let path = &entry.path;
        if let Node::Hardlink(target) = &entry.node {
            // The target must not be removed to make room for a link to it.
            return self.link(path, target).map(|()| 0);
        }
        let parent = self.parent(path)?;
        let before = before(parent.as_fd(), path)?;
        if entry.node == Node::Dir {
            self.dir(parent.as_fd(), entry, before)?;
            return Ok(0);
        }
        self.clear(parent.as_fd(), path, before)?;
        nodes::make(parent.as_fd(), entry, data, self.options)
    }

    fn link(&mut self, path: &TreePath, target: &TreePath) -> Result<(), UnpackError> {
        let missing = || UnpackError::LinkTarget {
            path: path.clone(),
            target: target.clone(),
        };
        if path == target || target.is_within(path) {
            return Err(missing());
        }
        let from = match target.parent() {
            Some(dir) => beneath::open(self.root.as_fd(), &dir, beneath::DIR)
                .map(Rc::new)
                .map_err(|_| missing())?,
            None => Rc::clone(&self.root),
        };
        if !matches!(before(from.as_fd(), target)?, Before::Other) {
            return Err(missing());
        }
        let parent = self.parent(path)?;
        let before = before(parent.as_fd(), path)?;
        self.clear(parent.as_fd(), path, before)?;
        rustix::fs::linkat(from, target.name(), parent, path.name(), AtFlags::empty())
            .map_err(|errno| failed(path, "making the link", errno))
    }

    /// Keeps a directory that is there; makes one that is not.
    fn dir(
        &mut self,
        parent: BorrowedFd<'_>,
        entry: &Entry<u64>,
        before: Before,
    ) -> Result<(), UnpackError> {
        let path = &entry.path;
        if before != Before::Dir {
            self.clear(parent, path, before)?;
            make_dir(parent, path)?;
        }
        self.dirs.insert(path.clone(), entry.meta.clone());
        if let (Before::Whiteout, Whiteouts::Overlay(namespace)) = (before, self.options.whiteouts)
        {
            // The whiteout hid a lower directory, which must not shine through.
            self.opaque(path, Some(path), namespace)?;
        }
        Ok(())
    }

    /// Removes what an entry replaces.
    fn clear(
        &mut self,
        parent: BorrowedFd<'_>,
        path: &TreePath,
        before: Before,
    ) -> Result<(), UnpackError> {
        if before == Before::Nothing {
            return Ok(());
        }
        if before == Before::Dir {
            self.last = None;
            self.dirs.retain(|dir, _| !dir.is_within(path));
        }
        lower::remove(parent, path.name()).map_err(|errno| failed(path, "replacing", errno))
    }

    /// The directory that holds `path`, made where it is missing.
    fn parent(&mut self, path: &TreePath) -> Result<Rc<OwnedFd>, UnpackError> {
        self.claim(path);
        let Some(parent) = path.parent() else {
            return Ok(Rc::clone(&self.root));
        };
        if let Some((last, fd)) = &self.last
            && *last == parent
        {
            return Ok(Rc::clone(fd));
        }
        let opened = match beneath::open(self.root.as_fd(), &parent, beneath::DIR) {
            Err(Errno::NOENT) => self.make_parents(&parent)?,
            other => other.map_err(|errno| parent_error(path, errno))?,
        };
        let opened = Rc::new(opened);
        self.last = Some((parent, Rc::clone(&opened)));
        Ok(opened)
    }

    /// Remembers that `path` and its parents are this archive's.
    fn claim(&mut self, path: &TreePath) {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            at = path.parent();
            if !self.ours.insert(path) {
                break;
            }
        }
    }

    fn make_parents(&mut self, dir: &TreePath) -> Result<OwnedFd, UnpackError> {
        let mut at: Option<OwnedFd> = None;
        let mut walked = Vec::new();
        for name in dir.as_bytes().split(|&b| b == b'/') {
            let here = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            if !walked.is_empty() {
                walked.push(b'/');
            }
            walked.extend_from_slice(name);
            match mkdirat(here, name, Mode::from_raw_mode(0o700)) {
                Ok(()) => self.implied(&walked),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(dir, "making a parent", errno)),
            }
            let here = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            let next = openat(here, name, beneath::DIR, Mode::empty());
            at = Some(next.map_err(|errno| parent_error(dir, errno))?);
        }
        at.ok_or_else(|| UnpackError::Parent { path: dir.clone() })
    }

    /// A directory that the archive does not have: root's, 0755, at time 0.
    fn implied(&mut self, path: &[u8]) {
        let meta = Meta {
            mode: 0o755,
            ..Meta::default()
        };
        if let Ok(path) = TreePath::new(path) {
            self.dirs.insert(path, meta);
        }
    }

    fn whiteout(&mut self, path: &TreePath, marker: Marker) -> Result<(), UnpackError> {
        match (marker, self.options.whiteouts) {
            (Marker::Reserved, _) => Err(UnpackError::Reserved {
                path: path.clone(),
                problem: "names that begin with `.wh..wh.` are reserved",
            }),
            (Marker::Whiteout(hidden), Whiteouts::Apply) => self.remove_lower(&hidden),
            (Marker::Opaque(dir), Whiteouts::Apply) => self.empty_lower(dir.as_ref()),
            (Marker::Whiteout(hidden), Whiteouts::Overlay(namespace)) => {
                self.hide(&hidden, namespace)
            }
            (Marker::Opaque(dir), Whiteouts::Overlay(namespace)) => {
                self.parent(path)?;
                self.opaque(path, dir.as_ref(), namespace)
            }
        }
    }

    fn remove_lower(&self, path: &TreePath) -> Result<(), UnpackError> {
        let parent = match path.parent() {
            Some(parent) => beneath::open(self.root.as_fd(), &parent, beneath::DIR),
            None => self.root.try_clone().map_err(|_| Errno::MFILE),
        };
        match parent {
            Ok(parent) => lower::remove_but(parent.as_fd(), path, &self.ours),
            Err(errno) if beneath::is_missing(errno) => Ok(()),
            Err(errno) => Err(failed(path, "opening its directory", errno)),
        }
    }

    fn empty_lower(&self, dir: Option<&TreePath>) -> Result<(), UnpackError> {
        let Some(dir) = dir else {
            return lower::empty_but(self.root.as_fd(), None, &self.ours);
        };
        match beneath::open(self.root.as_fd(), dir, beneath::DIR) {
            Ok(opened) => lower::empty_but(opened.as_fd(), Some(dir), &self.ours),
            Err(errno) if beneath::is_missing(errno) => Ok(()),
            Err(errno) => Err(failed(dir, "opening", errno)),
        }
    }

    /// A whiteout in overlayfs's form; what this archive itself has at the path stays.
    fn hide(&mut self, path: &TreePath, namespace: Namespace) -> Result<(), UnpackError> {
        let parent = self.parent(path)?;
        match before(parent.as_fd(), path)? {
            Before::Nothing => nodes::make_whiteout(parent.as_fd(), path),
            Before::Dir => self.opaque(path, Some(path), namespace),
            Before::Whiteout | Before::Other => Ok(()),
        }
    }

    /// Makes `dir` opaque because of the entry at `path`.
    fn opaque(
        &self,
        path: &TreePath,
        dir: Option<&TreePath>,
        namespace: Namespace,
    ) -> Result<(), UnpackError> {
        let Some(dir) = dir else {
            return nodes::set_opaque(self.root.as_fd(), path, namespace);
        };
        let opened = beneath::open(self.root.as_fd(), dir, beneath::DIR)
            .map_err(|errno| failed(dir, "opening", errno))?;
        nodes::set_opaque(opened.as_fd(), path, namespace)
    }

    /// Gives directories their owners, modes and times, children before parents.
    pub(super) fn finish(self) -> Result<(), UnpackError> {
        for (path, meta) in self.dirs.iter().rev() {
            let dir = match beneath::open(self.root.as_fd(), path, beneath::DIR) {
                Err(errno) if beneath::is_missing(errno) => continue,
                other => other.map_err(|errno| failed(path, "opening", errno))?,
            };
            nodes::dress(dir.as_fd(), path, meta, self.options)?;
        }
        Ok(())
    }
}

fn before(parent: BorrowedFd<'_>, path: &TreePath) -> Result<Before, UnpackError> {
    let stat = match statat(parent, path.name(), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(Before::Nothing),
        other => other.map_err(|errno| failed(path, "looking for it", errno))?,
    };
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Before::Dir,
        FileType::CharacterDevice if stat.st_rdev == 0 => Before::Whiteout,
        _ => Before::Other,
    })
}

fn make_dir(parent: BorrowedFd<'_>, path: &TreePath) -> Result<(), UnpackError> {
    mkdirat(parent, path.name(), Mode::from_raw_mode(0o700))
        .map_err(|errno| failed(path, "making the directory", errno))
}

fn parent_error(path: &TreePath, errno: Errno) -> UnpackError {
    match errno {
        Errno::LOOP | Errno::NOTDIR => UnpackError::Parent { path: path.clone() },
        errno => failed(path, "opening its directory", errno),
    }
}
