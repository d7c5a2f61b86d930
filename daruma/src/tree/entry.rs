//! One thing in a tree: metadata and what it is.

use std::collections::BTreeMap;

use super::TreePath;

/// Ownership, permissions and time of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with setuid, setgid and sticky (`0o7777`).
    pub mode: u32,
    /// Owner, as it stands inside the image.
    pub uid: u64,
    /// Group, as it stands inside the image.
    pub gid: u64,
    /// Seconds since 1970-01-01T00:00:00Z; images carry whole seconds only.
    pub mtime: i64,
    /// Extended attributes by full name (`security.capability`).
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// What an entry is. `D` holds a regular file's data: bytes, a place in a file, or its length alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<D> {
    /// A directory.
    Dir,
    /// A regular file.
    File(D),
    /// A symbolic link and its target, taken as it is.
    Symlink(Vec<u8>),
    /// Another name of an entry that came before it.
    Hardlink(TreePath),
    /// A character device: major, minor.
    CharDevice(u32, u32),
    /// A block device: major, minor.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// A path, its metadata and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<D> {
    /// Where it stands.
    pub path: TreePath,
    /// Its metadata.
    pub meta: Meta,
    /// What it is.
    pub node: Node<D>,
}

impl<D> Node<D> {
    /// The same node with a file's data as something else.
    pub fn map_data<E>(self, change: impl FnOnce(D) -> E) -> Node<E> {
        match self {
            Self::File(data) => Node::File(change(data)),
            Self::Dir => Node::Dir,
            Self::Symlink(target) => Node::Symlink(target),
            Self::Hardlink(target) => Node::Hardlink(target),
            Self::CharDevice(major, minor) => Node::CharDevice(major, minor),
            Self::BlockDevice(major, minor) => Node::BlockDevice(major, minor),
            Self::Fifo => Node::Fifo,
        }
    }
}

impl<D> Entry<D> {
    /// The same entry with a file's data as something else.
    pub fn map_data<E>(self, change: impl FnOnce(D) -> E) -> Entry<E> {
        Entry {
            path: self.path,
            meta: self.meta,
            node: self.node.map_data(change),
        }
    }
}
