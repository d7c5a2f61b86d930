//! A directory on disk as a root; no link leads out of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Dir, FileType, OFlags, Stat, fstat, major, minor, readlinkat};
use rustix::io::Errno;

use super::{View, ViewError, child};
use crate::tree::{Entry, IdMap, Meta, Node, TreePath, beneath, xattr};

/// An unpacked root or layer.
#[derive(Debug)]
pub struct Disk {
    root: OwnedFd,
    ids: IdMap,
}

impl Disk {
    /// Opens a directory whose owners are those inside by `ids`; ids that the map does not have show as they are.
    pub fn open(dir: &Path, ids: IdMap) -> Result<Self, ViewError> {
        let root = beneath::open_root(dir).map_err(|errno| ViewError::Root {
            root: dir.display().to_string(),
            source: errno.into(),
        })?;
        Ok(Self { root, ids })
    }

    fn open_below(&self, path: &TreePath, flags: OFlags) -> Result<Option<OwnedFd>, ViewError> {
        match beneath::open(self.root.as_fd(), path, flags) {
            Ok(opened) => Ok(Some(opened)),
            Err(errno) if beneath::is_missing(errno) => Ok(None),
            Err(errno) => Err(failed(path, errno)),
        }
    }

    fn meta(&self, stat: &Stat) -> Meta {
        let as_it_is = (stat.st_uid.into(), stat.st_gid.into());
        let (uid, gid) = self
            .ids
            .to_tree(stat.st_uid, stat.st_gid)
            .unwrap_or(as_it_is);
        Meta {
            mode: stat.st_mode & 0o7777,
            uid,
            gid,
            mtime: stat.st_mtime,
            ..Meta::default()
        }
    }
}

impl View for Disk {
    /// Sockets are nothing: no image can hold one.
    fn entry(&self, path: &TreePath) -> Result<Option<Entry<u64>>, ViewError> {
        let Some(named) = self.open_below(path, beneath::NAME)? else {
            return Ok(None);
        };
        let stat = fstat(&named).map_err(|errno| failed(path, errno))?;
        let Some(node) = node(&named, &stat).map_err(|errno| failed(path, errno))? else {
            return Ok(None);
        };
        let mut meta = self.meta(&stat);
        if matches!(node, Node::File(_) | Node::Dir) {
            meta.xattrs = xattr::of_name(named.as_fd()).map_err(|errno| failed(path, errno))?;
        }
        let path = path.clone();
        Ok(Some(Entry { path, meta, node }))
    }

    fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>, ViewError> {
        let not_a_file = || ViewError::NotAFile { path: path.clone() };
        let opened = self
            .open_below(path, beneath::FILE)?
            .ok_or_else(not_a_file)?;
        let stat = fstat(&opened).map_err(|errno| failed(path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_a_file());
        }
        let mut data = Vec::new();
        File::from(opened)
            .take(max.saturating_add(1))
            .read_to_end(&mut data)
            .map_err(|source| read_error(path, source))?;
        if data.len() as u64 > max {
            let path = path.clone();
            return Err(ViewError::TooLarge { path, max });
        }
        Ok(data)
    }

    fn list(&self, dir: Option<&TreePath>) -> Result<Vec<TreePath>, ViewError> {
        let opened = match dir {
            Some(dir) => self.open_below(dir, beneath::DIR)?,
            None => Some(self.root.try_clone().map_err(|source| ViewError::Root {
                root: "/".to_owned(),
                source,
            })?),
        };
        let Some(opened) = opened else {
            return Ok(Vec::new());
        };
        let shown = || dir.map_or("/".to_owned(), TreePath::to_string);
        let fail = |errno: Errno| ViewError::Read {
            path: shown(),
            source: errno.into(),
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(&opened).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(child(dir, name)?),
            }
        }
        names.sort();
        Ok(names)
    }
}

fn node(named: &OwnedFd, stat: &Stat) -> rustix::io::Result<Option<Node<u64>>> {
    let device = (major(stat.st_rdev), minor(stat.st_rdev));
    Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Node::Dir,
        FileType::RegularFile => Node::File(u64::try_from(stat.st_size).unwrap_or(0)),
        FileType::Symlink => Node::Symlink(readlinkat(named, "", Vec::new())?.into_bytes()),
        FileType::CharacterDevice => Node::CharDevice(device.0, device.1),
        FileType::BlockDevice => Node::BlockDevice(device.0, device.1),
        FileType::Fifo => Node::Fifo,
        _ => return Ok(None),
    }))
}

fn failed(path: &TreePath, errno: Errno) -> ViewError {
    read_error(path, errno.into())
}

fn read_error(path: &TreePath, source: io::Error) -> ViewError {
    ViewError::Read {
        path: path.to_string(),
        source,
    }
}
