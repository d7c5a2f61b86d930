//! A layer as what it does to each path, before it has bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::files::Merged;
use crate::tree::tar::{TarError, Writer};
use crate::tree::{Bytes, Entry, InvalidPath, Meta, Node, TreePath};

/// What a layer does to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Something stands there now.
    Put(Entry<Bytes>),
    /// What lower layers have there is gone.
    Remove,
}

/// A layer's pieces by path, parents first.
pub(super) type Pieces = BTreeMap<TreePath, Piece>;

/// Pieces cannot be written as a layer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PiecesError {
    /// A name is too long for what removes it.
    #[error("cannot remove a path from the layers below")]
    Path(#[from] InvalidPath),
    /// An entry cannot be written.
    #[error("cannot write a layer")]
    Tar(#[from] TarError),
}

/// The layer's tar entries without an end, by path; what it removes is dated `mtime`.
pub(super) fn layer(pieces: &Pieces, mtime: i64) -> Result<Vec<u8>, PiecesError> {
    let mut writer = Writer::new(Vec::new());
    for (path, piece) in pieces {
        let entry = match piece {
            Piece::Put(entry) => entry.clone(),
            Piece::Remove => whiteout(path, mtime)?,
        };
        let data = match &entry.node {
            Node::File(data) => data.clone(),
            _ => Bytes::default(),
        };
        writer.append(&entry.map_data(|data| data.len() as u64), &data[..])?;
    }
    Ok(writer.finish_member()?)
}

/// Adds the directories that pieces lie in, as the packages ship them where they do: who unpacks a layer by itself makes up those that
/// it lacks, and hides their permissions (`/root` is not for everyone).
pub(super) fn add_parents(pieces: &mut Pieces, merged: &Merged<'_>) -> Result<(), InvalidPath> {
    let mut dirs: BTreeSet<TreePath> = BTreeSet::new();
    for path in pieces.keys() {
        let parents = std::iter::successors(path.parent(), TreePath::parent);
        dirs.extend(parents.take_while(|dir| !pieces.contains_key(dir)));
    }
    for dir in dirs {
        let entry = match merged.item(&dir) {
            Some(item) => item.entry()?.map_data(|_| Bytes::default()),
            None => plain_dir(dir.clone(), merged.newest()),
        };
        pieces.insert(dir, Piece::Put(entry));
    }
    Ok(())
}

fn plain_dir(path: TreePath, mtime: i64) -> Entry<Bytes> {
    let meta = Meta {
        mode: 0o755,
        mtime,
        ..Meta::default()
    };
    let node = Node::Dir;
    Entry { path, meta, node }
}

/// Takes out what lies below `dir`.
pub(super) fn clear_below(pieces: &mut Pieces, dir: &TreePath) {
    let prefix = [dir.as_bytes(), b"/"].concat();
    let from = (Bound::Included(prefix.as_slice()), Bound::Unbounded);
    let below: Vec<TreePath> = pieces
        .range::<[u8], _>(from)
        .take_while(|(path, _)| path.as_bytes().starts_with(&prefix))
        .map(|(path, _)| path.clone())
        .collect();
    for path in below {
        pieces.remove(&path);
    }
}

/// The entry that removes `path` from the layers below (OCI image-spec, layer.md, "Whiteouts").
fn whiteout(path: &TreePath, mtime: i64) -> Result<Entry<Bytes>, PiecesError> {
    let name = [b".wh.", path.name()].concat();
    let path = match path.parent() {
        Some(parent) => parent.join(&name)?,
        None => TreePath::new(&name)?,
    };
    let meta = Meta {
        mode: 0o644,
        mtime,
        ..Meta::default()
    };
    let node = Node::File(Bytes::default());
    Ok(Entry { path, meta, node })
}
