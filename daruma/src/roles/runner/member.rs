//! A package as a piece of a layer: its files as tar entries without an end, beside an index of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::sum::Sum;
use crate::tree::{Entry, Meta, Node, TreePath};

/// Raised whenever the bytes that come of the same `.deb`, or their index, differ from what an older daruma made.
pub(super) const FORMAT: u32 = 2;

/// A package's member on disk.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// What is in it.
    pub info: MemberInfo,
    /// The tar entries as they are.
    pub tar: PathBuf,
    /// The same as one gzip member.
    pub gzip: PathBuf,
}

/// The index of a member; stands beside it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MemberInfo {
    /// The member format that wrote it.
    pub format: u32,
    /// The package's name.
    pub package: String,
    /// Its control files, as far as configuring natively needs them.
    pub control: BTreeMap<String, ControlText>,
    /// Files, links and pipes, in the order of the tar.
    pub entries: Vec<Item>,
    /// Directories; they stand in the layer's skeleton.
    pub dirs: Vec<Item>,
    /// The tar as it was written.
    pub tar: Sum,
    /// Its compressed form as it was written.
    pub gzip: Sum,
}

/// A control file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ControlText {
    /// Permission bits.
    pub mode: u32,
    /// Its text.
    pub text: String,
}

/// Something at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    /// Where, on a merged system.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// What it is.
    pub what: What,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    /// A directory.
    Dir,
    /// A file: where its data begins in the member's tar, and its length.
    File {
        /// Offset of the data in bytes.
        at: u64,
        /// Length in bytes.
        size: u64,
    },
    /// A symbolic link's target.
    Symlink(String),
    /// Another name of this path.
    Hardlink(String),
    /// A named pipe.
    Fifo,
}

/// A member's index says something that it cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unrepresentable(pub String);

impl Item {
    /// The item for an entry whose data begins at `at`.
    pub(super) fn of(entry: &Entry<u64>, at: u64) -> Result<Self, Unrepresentable> {
        let what = match &entry.node {
            Node::Dir => What::Dir,
            Node::File(size) => What::File { at, size: *size },
            Node::Symlink(target) => What::Symlink(utf8(target)?),
            Node::Hardlink(target) => What::Hardlink(utf8(target.as_bytes())?),
            Node::Fifo => What::Fifo,
            Node::CharDevice(..) | Node::BlockDevice(..) => {
                return Err(Unrepresentable(format!("`{}` is a device", entry.path)));
            }
        };
        let Meta {
            mode,
            uid,
            gid,
            mtime,
            ..
        } = entry.meta;
        Ok(Self {
            path: utf8(entry.path.as_bytes())?,
            mode,
            uid,
            gid,
            mtime,
            what,
        })
    }

    /// The entry that this item stands for.
    pub(super) fn entry(&self) -> Result<Entry<u64>, crate::tree::InvalidPath> {
        let node = match &self.what {
            What::Dir => Node::Dir,
            What::File { size, .. } => Node::File(*size),
            What::Symlink(target) => Node::Symlink(target.clone().into_bytes()),
            What::Hardlink(target) => Node::Hardlink(TreePath::try_from(target.as_str())?),
            What::Fifo => Node::Fifo,
        };
        let path = TreePath::try_from(self.path.as_str())?;
        let (mode, uid, gid, mtime) = (self.mode, self.uid, self.gid, self.mtime);
        Ok(Entry {
            path,
            meta: Meta {
                mode,
                uid,
                gid,
                mtime,
                ..Meta::default()
            },
            node,
        })
    }
}

/// Debian's policy (10.10) asks for UTF-8 in file names; a package that does otherwise is refused by name.
fn utf8(bytes: &[u8]) -> Result<String, Unrepresentable> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Unrepresentable(format!("`{}` is not UTF-8", String::from_utf8_lossy(bytes))))
}
