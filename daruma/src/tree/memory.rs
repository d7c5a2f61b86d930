//! A small tree as a value.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::ops::Bound;
use std::sync::Arc;

use super::tar::{Reader, TarError, Writer};
use super::{Entry, InvalidPath, Meta, Node, TreePath};

/// A file's data, shared between copies of a tree.
pub type Bytes = Arc<[u8]>;

/// A path is in a tree already, or is not one.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// There is something at the path.
    #[error("cannot put two things at `{path}`")]
    Twice {
        /// The path.
        path: TreePath,
    },
    /// The path is not one.
    #[error("cannot name an entry")]
    Path(#[from] InvalidPath),
    /// The archive cannot be read.
    #[error("cannot take a tree from an archive")]
    Tar(#[from] TarError),
    /// A file's data cannot be read from the archive.
    #[error("cannot read `{path}` from an archive")]
    Data {
        /// The file.
        path: TreePath,
        /// Why.
        source: std::io::Error,
    },
}

/// Entries by path, in the paths' byte order, so that parents come before children. Parents need not be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryTree(BTreeMap<TreePath, Entry<Bytes>>);

impl MemoryTree {
    /// A tree of things owned by root at time 0 with the usual modes.
    pub fn of<'a>(
        nodes: impl IntoIterator<Item = (&'a str, Node<Bytes>)>,
    ) -> Result<Self, MemoryError> {
        let mut tree = Self::default();
        for (path, node) in nodes {
            let path = TreePath::try_from(path)?;
            let meta = usual_meta(&node);
            tree.insert(Entry { path, meta, node })?;
        }
        Ok(tree)
    }

    /// All of an archive, in memory: the reader's limits are the bound.
    pub fn from_tar<R: Read>(reader: &mut Reader<R>) -> Result<Self, MemoryError> {
        let mut tree = Self::default();
        while let Some((entry, mut data)) = reader.next_entry()? {
            let mut bytes = Vec::new();
            data.read_to_end(&mut bytes)
                .map_err(|source| MemoryError::Data {
                    path: entry.path.clone(),
                    source,
                })?;
            tree.insert(entry.map_data(|_| Bytes::from(bytes)))?;
        }
        Ok(tree)
    }

    /// Adds an entry at a path where nothing is.
    pub fn insert(&mut self, entry: Entry<Bytes>) -> Result<(), MemoryError> {
        if self.0.contains_key(&entry.path) {
            return Err(MemoryError::Twice { path: entry.path });
        }
        self.0.insert(entry.path.clone(), entry);
        Ok(())
    }

    /// What stands at a path; hard links as such.
    pub fn get(&self, path: &TreePath) -> Option<&Entry<Bytes>> {
        self.0.get(path)
    }

    /// Removes what stands at a path, not what lies below it.
    pub fn remove(&mut self, path: &TreePath) -> Option<Entry<Bytes>> {
        self.0.remove(path)
    }

    /// All entries in the paths' byte order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<Bytes>> {
        self.0.values()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends all entries: in the paths' byte order, hard links after all others, because a link's target must have
    /// come before it.
    pub fn write_to<W: Write>(&self, writer: &mut Writer<W>) -> Result<(), TarError> {
        let is_link = |entry: &&Entry<Bytes>| matches!(entry.node, Node::Hardlink(_));
        let others = self.iter().filter(|entry| !is_link(entry));
        for entry in others.chain(self.iter().filter(is_link)) {
            let bytes = match &entry.node {
                Node::File(bytes) => bytes,
                _ => &Bytes::default(),
            };
            let sized = entry.clone().map_data(|bytes| bytes.len() as u64);
            writer.append(&sized, &bytes[..])?;
        }
        Ok(())
    }

    /// All entries below a directory (`None` is the root), not itself.
    pub(super) fn below(&self, dir: Option<&TreePath>) -> impl Iterator<Item = &Entry<Bytes>> {
        let prefix = match dir {
            Some(dir) => [dir.as_bytes(), b"/"].concat(),
            None => Vec::new(),
        };
        let from = (Bound::Included(prefix.as_slice()), Bound::Unbounded);
        let range = self.0.range::<[u8], _>(from);
        range
            .take_while(move |(path, _)| path.as_bytes().starts_with(&prefix))
            .map(|(_, entry)| entry)
    }

    /// The file that a hard link leads to; other entries are what they are. `None` for a link to nothing or in a loop.
    pub(super) fn linked(&self, path: &TreePath) -> Option<&Entry<Bytes>> {
        let mut at = self.get(path)?;
        for _ in 0..self.len() {
            match &at.node {
                Node::Hardlink(target) => at = self.get(target)?,
                _ => return Some(at),
            }
        }
        None
    }
}

fn usual_meta(node: &Node<Bytes>) -> Meta {
    let mode = match node {
        Node::Dir => 0o755,
        Node::Symlink(_) => 0o777,
        _ => 0o644,
    };
    Meta {
        mode,
        ..Meta::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tar::Limits;

    fn file(text: &str) -> Node<Bytes> {
        Node::File(Bytes::from(text.as_bytes()))
    }

    #[test]
    fn two_things_at_one_path_are_refused() {
        let twice = MemoryTree::of([("a", file("1")), ("a", Node::Dir)]);
        assert!(matches!(twice, Err(MemoryError::Twice { .. })), "{twice:?}");
    }

    #[test]
    fn a_tree_comes_back_from_its_archive_the_same() {
        let target = TreePath::try_from("z/file").expect("valid");
        let tree = MemoryTree::of([
            ("a-link", Node::Hardlink(target)),
            ("z/file", file("hello")),
            ("z", Node::Dir),
            ("s", Node::Symlink(b"z/file".to_vec())),
        ])
        .expect("valid");
        let mut writer = Writer::new(Vec::new());
        tree.write_to(&mut writer).expect("fits");
        let bytes = writer.finish().expect("memory");
        let mut reader = Reader::new(&bytes[..], Limits::default());
        assert_eq!(MemoryTree::from_tar(&mut reader).expect("valid"), tree);
        let mut reader = Reader::new(&bytes[..], Limits::default());
        let mut order = Vec::new();
        while let Some((entry, _)) = reader.next_entry().expect("valid") {
            order.push(entry.path.to_string());
        }
        assert_eq!(order, ["s", "z", "z/file", "a-link"]);
    }
}
