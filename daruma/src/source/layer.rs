//! The source as a layer.

use std::io::Write;

use super::{Item, Kind, Source, SourceError};
use crate::tree::pack::{Member, pack};
use crate::tree::tar::Writer;
use crate::tree::{Entry, Meta, Node, TreePath};

/// Where the source stands in an image, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The directory that holds it, which becomes an entry too.
    pub prefix: TreePath,
    /// Owner of everything.
    pub uid: u64,
    /// Group of everything.
    pub gid: u64,
    /// Time of everything, seconds since 1970.
    pub mtime: i64,
}

impl Source {
    /// Appends the source to an archive, which the caller ends. A file that was changed since the source was opened is
    /// an error.
    pub fn write_layer<W: Write + Send>(
        &self,
        writer: &mut Writer<W>,
        placement: &Placement,
    ) -> Result<(), SourceError> {
        let prefix = placement.entry(placement.prefix.clone(), 0o755, Node::Dir);
        writer.append(&prefix, std::io::empty())?;
        pack(
            &self.items,
            Item::bytes,
            |item| Ok(vec![self.member(item, placement)?]),
            writer,
        )
    }

    fn member(&self, item: &Item, placement: &Placement) -> Result<Member, SourceError> {
        let path = placement.prefix.join(item.path.as_bytes());
        let path = path.map_err(|source| SourceError::Name {
            dir: self.root.clone(),
            source,
        })?;
        let mut data = None;
        let (mode, node) = match &item.kind {
            Kind::Dir => (0o755, Node::Dir),
            Kind::Symlink(target) => (0o777, Node::Symlink(target.clone())),
            Kind::File { mode, stamp } => {
                data = Some(self.open_file(item, stamp)?.into_file());
                (*mode, Node::File(stamp.size))
            }
        };
        let entry = placement.entry(path, mode, node);
        Ok(Member { entry, data })
    }
}

impl Placement {
    fn entry(&self, path: TreePath, mode: u32, node: Node<u64>) -> Entry<u64> {
        let meta = Meta {
            mode,
            uid: self.uid,
            gid: self.gid,
            mtime: self.mtime,
            ..Meta::default()
        };
        Entry { path, meta, node }
    }
}

impl Item {
    /// Bytes of data.
    pub fn bytes(&self) -> u64 {
        match &self.kind {
            Kind::File { stamp, .. } => stamp.size,
            Kind::Dir | Kind::Symlink(_) => 0,
        }
    }
}
