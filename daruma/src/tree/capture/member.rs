//! What a found thing is in the layer.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags, Stat, fstat, major, minor, readlinkat};

use super::CaptureError;
use super::walk::{Found, failed};
use crate::tree::pack::Member;
use crate::tree::whiteout;
use crate::tree::{Entry, IdMap, Meta, Node, TreePath, beneath, xattr};

/// The one attribute outside `user.` that images carry (OCI image-spec, layer.md, "File attributes").
const CAPABILITY: &str = "security.capability";

/// Makes members of what was found below `root`.
pub(super) struct Members<'a> {
    pub(super) root: &'a OwnedFd,
    pub(super) ids: &'a IdMap,
    pub(super) epoch: Option<i64>,
}

impl Members<'_> {
    /// One member, or two for an opaque directory.
    pub(super) fn of(&self, found: &Found) -> Result<Vec<Member>, CaptureError> {
        if whiteout::marker(&found.path).is_some() {
            return unsupported(
                &found.path,
                "names that begin with `.wh.` mean whiteouts in a layer",
            );
        }
        if found.kind() == FileType::CharacterDevice && found.stat.st_rdev == 0 {
            let name = whiteout::whiteout_of(&found.path);
            return Ok(vec![marker(name, &found.path)?]);
        }
        if let Some(first) = &found.first {
            return Ok(vec![self.plain(found, Node::Hardlink(first.clone()))?]);
        }
        match found.kind() {
            FileType::RegularFile => self.file(found),
            FileType::Directory => self.dir(found),
            kind => Ok(vec![self.plain(found, self.other(found, kind)?)?]),
        }
    }

    fn file(&self, found: &Found) -> Result<Vec<Member>, CaptureError> {
        let opened = self.open(found, beneath::FILE)?;
        let mut member = self.plain(found, Node::File(found.bytes()))?;
        member.entry.meta.xattrs = kept(&found.path, &attributes(&opened, found)?)?;
        member.data = Some(File::from(opened));
        Ok(vec![member])
    }

    fn dir(&self, found: &Found) -> Result<Vec<Member>, CaptureError> {
        let opened = self.open(found, beneath::DIR)?;
        let mut member = self.plain(found, Node::Dir)?;
        member.entry.meta.xattrs = attributes(&opened, found)?;
        let opaque = whiteout::is_opaque(&member.entry);
        member.entry.meta.xattrs = kept(&found.path, &member.entry.meta.xattrs)?;
        let mut members = vec![member];
        if opaque {
            members.push(marker(whiteout::opaque_in(Some(&found.path)), &found.path)?);
        }
        Ok(members)
    }

    fn other(&self, found: &Found, kind: FileType) -> Result<Node<u64>, CaptureError> {
        let device = (major(found.stat.st_rdev), minor(found.stat.st_rdev));
        match kind {
            FileType::Symlink => self.link_target(found).map(Node::Symlink),
            FileType::CharacterDevice => Ok(Node::CharDevice(device.0, device.1)),
            FileType::BlockDevice => Ok(Node::BlockDevice(device.0, device.1)),
            FileType::Fifo => Ok(Node::Fifo),
            _ => unsupported(&found.path, "its type is unknown"),
        }
    }

    fn link_target(&self, found: &Found) -> Result<Vec<u8>, CaptureError> {
        let opened = self.open(found, beneath::NAME)?;
        let target = readlinkat(opened, "", Vec::new());
        target
            .map(std::ffi::CString::into_bytes)
            .map_err(|errno| failed(&found.path, errno))
    }

    /// Opens what was found and makes sure that it is still the same.
    fn open(&self, found: &Found, flags: OFlags) -> Result<OwnedFd, CaptureError> {
        let fail = |errno| failed(&found.path, errno);
        let opened = beneath::open(self.root.as_fd(), &found.path, flags).map_err(fail)?;
        if !same(&fstat(&opened).map_err(fail)?, &found.stat) {
            let path = found.path.clone();
            return Err(CaptureError::Changed { path });
        }
        Ok(opened)
    }

    fn plain(&self, found: &Found, node: Node<u64>) -> Result<Member, CaptureError> {
        let (uid, gid) = (found.stat.st_uid, found.stat.st_gid);
        let path = found.path.clone();
        let Some(owner) = self.ids.to_tree(uid, gid) else {
            return Err(CaptureError::Owner { path, uid, gid });
        };
        let mtime = found.stat.st_mtime;
        let meta = Meta {
            mode: found.stat.st_mode & 0o7777,
            uid: owner.0,
            gid: owner.1,
            mtime: self.epoch.map_or(mtime, |epoch| mtime.min(epoch)),
            ..Meta::default()
        };
        let entry = Entry { path, meta, node };
        Ok(Member { entry, data: None })
    }
}

/// Permissions do not count: ours may have been widened for reading.
fn same(now: &Stat, then: &Stat) -> bool {
    let kind = |stat: &Stat| FileType::from_raw_mode(stat.st_mode);
    (now.st_dev, now.st_ino, kind(now), now.st_size)
        == (then.st_dev, then.st_ino, kind(then), then.st_size)
}

/// An empty file whose name says it all: the same for every user and at every time.
fn marker(name: Option<TreePath>, path: &TreePath) -> Result<Member, CaptureError> {
    let Some(path) = name else {
        return unsupported(path, "its name is too long for a whiteout");
    };
    let meta = Meta {
        mode: 0o644,
        ..Meta::default()
    };
    let node = Node::File(0);
    let entry = Entry { path, meta, node };
    Ok(Member { entry, data: None })
}

fn attributes(opened: &OwnedFd, found: &Found) -> Result<BTreeMap<String, Vec<u8>>, CaptureError> {
    xattr::of_file(opened.as_fd()).map_err(|errno| failed(&found.path, errno))
}

fn kept(
    path: &TreePath,
    all: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, CaptureError> {
    let mut kept = BTreeMap::new();
    for (name, value) in all {
        match whiteout::overlay_attribute(name) {
            // The content stands in a lower layer under another name: without it the entry would be a lie.
            Some("redirect" | "metacopy") => {
                return unsupported(path, "overlayfs keeps a part of it in a lower layer");
            }
            None if name.starts_with("user.") || name == CAPABILITY => {
                kept.insert(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    Ok(kept)
}

fn unsupported<T>(path: &TreePath, problem: &'static str) -> Result<T, CaptureError> {
    let path = path.clone();
    Err(CaptureError::Unsupported { path, problem })
}
