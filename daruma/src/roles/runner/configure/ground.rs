//! What a script found when it began: the runner so far, and what else stands in the configure root.

use std::collections::{BTreeMap, BTreeSet};

use super::super::files::Merged;
use super::super::pieces::{Piece, Pieces};
use super::rules::{self, Shape, Verdict};
use crate::debian::effects::{Files as _, Kind};
use crate::tree::{Bytes, Entry, MemoryTree, Meta, Node, TreePath};

/// Whether the owners that a captured tree has are those that scripts asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    /// They are.
    Real,
    /// All belongs to the one id that there is.
    Lost,
}

/// The state before the scripts.
pub(super) struct Ground<'a> {
    /// The runner's packages.
    pub merged: &'a Merged<'a>,
    /// What was worked out natively.
    pub native: &'a Pieces,
    /// Paths of packages that are in the configure root only.
    pub foreign: BTreeSet<TreePath>,
    /// What configuring those packages changed.
    pub before: BTreeMap<TreePath, Entry<Bytes>>,
    /// What owners mean.
    pub owners: Owners,
    /// The layer's time, seconds since 1970.
    pub mtime: i64,
}

/// Comparing entries as a layer shows them.
pub(super) struct View;

impl View {
    /// Whether two entries at one path are the same but for their times.
    pub(super) fn same(a: &Entry<Bytes>, b: &Entry<Bytes>) -> bool {
        let meta = |entry: &Entry<Bytes>| {
            let Meta { mode, uid, gid, .. } = entry.meta;
            // Links have no permissions of their own.
            let mode = match entry.node {
                Node::Symlink(_) => 0o777,
                _ => mode,
            };
            (mode, uid, gid, entry.meta.xattrs.clone())
        };
        a.node == b.node && meta(a) == meta(b)
    }
}

impl Ground<'_> {
    /// Takes what configuring the other packages changed; what was only touched is as it was.
    pub(super) fn with_before(mut self, captured: &MemoryTree) -> Self {
        let changed = captured
            .iter()
            .map(|entry| self.normal(entry, captured))
            .filter(|entry| {
                self.entry(&entry.path)
                    .is_none_or(|old| !View::same(&old, entry))
            })
            .filter(|entry| rules::verdict(&entry.path, Shape::of(&entry.node)) != Verdict::Noise);
        self.before = changed.map(|entry| (entry.path.clone(), entry)).collect();
        self
    }

    /// A captured entry as a layer has it: dated, a file of its own where it was another name of one, and with the owner
    /// that it had where owners are lost.
    pub(super) fn normal(&self, entry: &Entry<Bytes>, captured: &MemoryTree) -> Entry<Bytes> {
        let mut entry = entry.clone();
        if let Node::Hardlink(target) = &entry.node
            && let Some(first) = captured.get(target)
        {
            entry.node = first.node.clone();
        }
        entry.meta.mtime = self.mtime;
        if self.owners == Owners::Lost
            && let Some(old) = self.entry(&entry.path)
        {
            (entry.meta.uid, entry.meta.gid) = (old.meta.uid, old.meta.gid);
        }
        entry
    }

    /// What stands at `path` in the runner.
    pub(super) fn entry(&self, path: &TreePath) -> Option<Entry<Bytes>> {
        match self.native.get(path) {
            Some(Piece::Put(entry)) => Some(entry.clone()),
            Some(Piece::Remove) => None,
            None => self.shipped(path),
        }
    }

    /// Whether a package of the runner ships `path`.
    pub(super) fn is_shipped(&self, path: &TreePath) -> bool {
        self.merged.item(path).is_some()
    }

    /// The paths directly in `dir`.
    pub(super) fn children(&self, dir: &TreePath) -> Vec<TreePath> {
        let shipped = self.merged.list(Some(dir)).into_iter();
        let shipped = shipped.filter_map(|name| dir.join(&name).ok());
        let native = self.native.keys();
        let native = native.filter(|path| path.parent().as_ref() == Some(dir));
        shipped.chain(native.cloned()).collect()
    }

    fn shipped(&self, path: &TreePath) -> Option<Entry<Bytes>> {
        let stat = self.merged.stat(path)?;
        let node = match stat.kind {
            Kind::Dir => Node::Dir,
            Kind::File => Node::File(Bytes::from(self.merged.read(path)?.as_ref())),
            Kind::Symlink(target) => Node::Symlink(target),
            Kind::Other => Node::Fifo,
        };
        let meta = Meta {
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            mtime: self.mtime,
            ..Meta::default()
        };
        let path = path.clone();
        Some(Entry { path, meta, node })
    }
}
