//! Making one thing in an open directory, and giving it its owner, attributes, mode and time.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
    chmodat, chownat, fchmod, fchown, fsetxattr, futimens, lsetxattr, makedev, mknodat, openat,
    symlinkat, utimensat,
};
use rustix::io::Errno;

use super::{Devices, Options, UnpackError, Xattrs};
use crate::tree::whiteout;
use crate::tree::{Entry, IdMap, Meta, Namespace, Node, TreePath};

/// Nobody else reads a file before it has its owner.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Makes what is neither a directory nor a hard link where nothing is; returns how many bytes of data it had.
pub(super) fn make(
    parent: BorrowedFd<'_>,
    entry: &Entry<u64>,
    data: &mut impl BufRead,
    options: &Options,
) -> Result<u64, UnpackError> {
    let path = &entry.path;
    let name = path.name();
    match &entry.node {
        Node::File(_) => return make_file(parent, entry, data, options),
        Node::Symlink(target) => symlinkat(target.as_slice(), parent, name),
        Node::Fifo => mknodat(parent, name, FileType::Fifo, PRIVATE, 0),
        Node::CharDevice(..) | Node::BlockDevice(..) if options.devices == Devices::Omit => {
            return Ok(0);
        }
        Node::CharDevice(major, minor) => {
            let device = makedev(*major, *minor);
            mknodat(parent, name, FileType::CharacterDevice, PRIVATE, device)
        }
        Node::BlockDevice(major, minor) => {
            let device = makedev(*major, *minor);
            mknodat(parent, name, FileType::BlockDevice, PRIVATE, device)
        }
        Node::Dir | Node::Hardlink(_) => return Ok(0),
    }
    .map_err(|errno| failed(path, "making it", errno))?;
    dress_at(parent, entry, options)?;
    Ok(0)
}

fn make_file(
    parent: BorrowedFd<'_>,
    entry: &Entry<u64>,
    data: &mut impl BufRead,
    options: &Options,
) -> Result<u64, UnpackError> {
    let path = &entry.path;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(parent, path.name(), flags, PRIVATE)
        .map_err(|errno| failed(path, "making the file", errno))?;
    let mut file = File::from(file);
    let bytes = copy(data, &mut file, path)?;
    dress(file.as_fd(), path, &entry.meta, options)?;
    Ok(bytes)
}

/// Writes straight from the reader's buffer.
fn copy(from: &mut impl BufRead, to: &mut File, path: &TreePath) -> Result<u64, UnpackError> {
    let failed = |action, source| UnpackError::Place {
        path: path.clone(),
        action,
        source,
    };
    let mut bytes = 0;
    loop {
        let count = match from.fill_buf() {
            Ok([]) => return Ok(bytes),
            Ok(piece) => {
                to.write_all(piece).map_err(|e| failed("writing", e))?;
                piece.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("reading its data", error)),
        };
        from.consume(count);
        bytes += count as u64;
    }
}

/// Owner, attributes, mode and time of an open file or directory, in this order: a change of owner drops setuid bits
/// and capabilities, and all of them change the time.
pub(super) fn dress(
    file: BorrowedFd<'_>,
    path: &TreePath,
    meta: &Meta,
    options: &Options,
) -> Result<(), UnpackError> {
    if let Some((uid, gid)) = owner(path, meta, &options.ids)? {
        fchown(file, Some(uid), Some(gid)).map_err(|e| failed(path, "changing its owner", e))?;
    }
    set_xattrs(path, meta, options, |name, value| {
        fsetxattr(file, name, value, XattrFlags::empty())
    })?;
    fchmod(file, Mode::from_raw_mode(meta.mode))
        .map_err(|e| failed(path, "changing its mode", e))?;
    futimens(file, &times(meta)).map_err(|e| failed(path, "setting its time", e))
}

/// The same for what cannot be opened: links, devices and pipes, by name in their directory.
fn dress_at(
    parent: BorrowedFd<'_>,
    entry: &Entry<u64>,
    options: &Options,
) -> Result<(), UnpackError> {
    let (path, meta) = (&entry.path, &entry.meta);
    let name = path.name();
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    if let Some((uid, gid)) = owner(path, meta, &options.ids)? {
        chownat(parent, name, Some(uid), Some(gid), nofollow)
            .map_err(|e| failed(path, "changing its owner", e))?;
    }
    let mut by_name = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    by_name.extend_from_slice(name);
    set_xattrs(path, meta, options, |name, value| {
        lsetxattr(by_name.as_slice(), name, value, XattrFlags::empty())
    })?;
    if !matches!(entry.node, Node::Symlink(_)) {
        chmodat(
            parent,
            name,
            Mode::from_raw_mode(meta.mode),
            AtFlags::empty(),
        )
        .map_err(|e| failed(path, "changing its mode", e))?;
    }
    utimensat(parent, name, &times(meta), nofollow).map_err(|e| failed(path, "setting its time", e))
}

fn owner(path: &TreePath, meta: &Meta, ids: &IdMap) -> Result<Option<(Uid, Gid)>, UnpackError> {
    if *ids == IdMap::Single {
        return Ok(None);
    }
    let (uid, gid) = ids
        .to_disk(meta.uid, meta.gid)
        // The kernel takes the highest id for "leave it".
        .filter(|(uid, gid)| *uid != u32::MAX && *gid != u32::MAX)
        .ok_or_else(|| UnpackError::Owner {
            path: path.clone(),
            uid: meta.uid,
            gid: meta.gid,
        })?;
    Ok(Some((Uid::from_raw(uid), Gid::from_raw(gid))))
}

fn set_xattrs(
    path: &TreePath,
    meta: &Meta,
    options: &Options,
    set: impl Fn(&str, &[u8]) -> rustix::io::Result<()>,
) -> Result<(), UnpackError> {
    for (name, value) in &meta.xattrs {
        // From an archive these could redirect a directory to a place that its layer does not own.
        if whiteout::overlay_attribute(name).is_some() {
            continue;
        }
        match (set(name, value), options.xattrs) {
            (Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP), Xattrs::IfAllowed) => {}
            (result, _) => result.map_err(|e| failed(path, "setting an attribute", e))?,
        }
    }
    Ok(())
}

/// A whiteout in overlayfs's form, which ordinary users may make too since Linux 5.8.
pub(super) fn make_whiteout(parent: BorrowedFd<'_>, path: &TreePath) -> Result<(), UnpackError> {
    mknodat(parent, path.name(), FileType::CharacterDevice, PRIVATE, 0)
        .map_err(|errno| failed(path, "making a whiteout", errno))
}

/// Makes an open directory opaque to overlayfs; `marker` is the name that says so in the archive.
pub(super) fn set_opaque(
    dir: BorrowedFd<'_>,
    marker: &TreePath,
    namespace: Namespace,
) -> Result<(), UnpackError> {
    fsetxattr(dir, namespace.opaque(), b"y", XattrFlags::empty())
        .map_err(|errno| failed(marker, "making its directory opaque", errno))
}

fn times(meta: &Meta) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: meta.mtime,
            tv_nsec: 0,
        },
    }
}

pub(super) fn failed(path: &TreePath, action: &'static str, errno: Errno) -> UnpackError {
    UnpackError::Place {
        path: path.clone(),
        action,
        source: errno.into(),
    }
}
