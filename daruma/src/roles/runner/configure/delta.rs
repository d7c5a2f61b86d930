//! What scripts changed, one captured tree after the other, as pieces of the runner's second layer.

use std::collections::BTreeSet;

use super::ConfigureError;
use super::ground::{Ground, View};
use super::records;
use super::rules::{self, Verdict};
use crate::tree::{Bytes, Entry, MemoryTree, Node, TreePath};

use super::super::pieces::{self, Piece, Pieces};

/// How names begin that say what is gone (OCI image-spec, layer.md, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The name of what hides all that a directory has in lower layers.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The changes so far.
pub(super) struct Delta<'a> {
    ground: &'a Ground<'a>,
    pieces: Pieces,
}

/// The step whose changes are added, for messages.
struct Step<'a> {
    package: &'a str,
    captured: &'a MemoryTree,
}

impl<'a> Delta<'a> {
    /// Nothing yet.
    pub(super) fn new(ground: &'a Ground<'a>) -> Self {
        let pieces = Pieces::new();
        Self { ground, pieces }
    }

    /// The native pieces with the changes in them.
    pub(super) fn into_pieces(self) -> Pieces {
        let mut all = self.ground.native.clone();
        for (path, piece) in self.pieces {
            let is_dir = matches!(&piece, Piece::Put(entry) if entry.node == Node::Dir);
            if !is_dir {
                pieces::clear_below(&mut all, &path);
            }
            if piece == Piece::Remove && !self.ground.is_shipped(&path) {
                all.remove(&path);
            } else {
                all.insert(path, piece);
            }
        }
        all
    }

    /// Adds what configuring `package` changed.
    pub(super) fn add(
        &mut self,
        package: &str,
        captured: &MemoryTree,
    ) -> Result<(), ConfigureError> {
        let step = Step { package, captured };
        for entry in captured.iter() {
            match hidden(&entry.path) {
                Some(Hidden::Path(path)) => self.remove(&step, &path)?,
                Some(Hidden::Below(dir)) => self.hide_below(&step, &dir)?,
                None => self.put(&step, entry)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, step: &Step<'_>, entry: &Entry<Bytes>) -> Result<(), ConfigureError> {
        let Some(entry) = self.wanted(step, entry)? else {
            return Ok(());
        };
        if self.allows(step, &entry.path, entry.node == Node::Dir)? {
            if matches!(entry.node, Node::CharDevice(..) | Node::BlockDevice(..)) {
                return Err(step.unexplained(&entry.path));
            }
            if entry.node != Node::Dir {
                pieces::clear_below(&mut self.pieces, &entry.path);
            }
            self.pieces.insert(entry.path.clone(), Piece::Put(entry));
        }
        Ok(())
    }

    /// The entry as the runner has it; `None` where it says nothing new about the runner.
    fn wanted(
        &self,
        step: &Step<'_>,
        entry: &Entry<Bytes>,
    ) -> Result<Option<Entry<Bytes>>, ConfigureError> {
        let mut entry = self.ground.normal(entry, step.captured);
        if rules::verdict(&entry.path, entry.node == Node::Dir) == Verdict::Noise {
            return Ok(None);
        }
        let now = self.now(&entry.path);
        if let Some(before) = self.ground.before.get(&entry.path) {
            // A tool of the configure root made it, and the runner has nothing of the kind.
            let (false, Some(now)) = (View::same(before, &entry), &now) else {
                return Ok(None);
            };
            entry.node = merged(step, &entry, before, now)?;
        } else if now.is_none() && self.ground.foreign.contains(&entry.path) {
            return Ok(None);
        }
        Ok(now
            .is_none_or(|now| !View::same(&now, &entry))
            .then_some(entry))
    }

    fn remove(&mut self, step: &Step<'_>, path: &TreePath) -> Result<(), ConfigureError> {
        let Some(now) = self.now(path) else {
            return Ok(());
        };
        let is_dir = now.node == Node::Dir;
        if rules::verdict(path, is_dir) != Verdict::Noise && self.allows(step, path, is_dir)? {
            pieces::clear_below(&mut self.pieces, path);
            self.pieces.insert(path.clone(), Piece::Remove);
        }
        Ok(())
    }

    /// A directory that was made anew hides what it had, but for what was made in it again.
    fn hide_below(&mut self, step: &Step<'_>, dir: &TreePath) -> Result<(), ConfigureError> {
        let mut names: BTreeSet<TreePath> = self.ground.children(dir).into_iter().collect();
        names.extend(
            self.pieces
                .keys()
                .filter(|path| path.parent().as_ref() == Some(dir))
                .cloned(),
        );
        for path in names {
            match step.captured.get(&path).map(|entry| &entry.node) {
                None => self.remove(step, &path)?,
                Some(Node::Dir) => self.hide_below(step, &path)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What stands at `path` in the runner after the changes so far.
    fn now(&self, path: &TreePath) -> Option<Entry<Bytes>> {
        match self.pieces.get(path) {
            Some(Piece::Put(entry)) => Some(entry.clone()),
            Some(Piece::Remove) => None,
            None => self.ground.entry(path),
        }
    }

    fn allows(
        &self,
        step: &Step<'_>,
        path: &TreePath,
        is_dir: bool,
    ) -> Result<bool, ConfigureError> {
        match rules::verdict(path, is_dir) {
            Verdict::Keep => Ok(true),
            Verdict::Noise => Ok(false),
            Verdict::Unexplained => Err(step.unexplained(path)),
        }
    }
}

impl Step<'_> {
    fn unexplained(&self, path: &TreePath) -> ConfigureError {
        ConfigureError::Unexplained {
            package: self.package.to_owned(),
            path: path.clone(),
        }
    }
}

/// A file that a tool of the configure root changed before the script did: the script's own part of it.
fn merged(
    step: &Step<'_>,
    after: &Entry<Bytes>,
    before: &Entry<Bytes>,
    ours: &Entry<Bytes>,
) -> Result<Node<Bytes>, ConfigureError> {
    let text = |entry: &Entry<Bytes>| match &entry.node {
        Node::File(data) => std::str::from_utf8(data).ok().map(str::to_owned),
        _ => None,
    };
    if after.node == before.node {
        return Ok(ours.node.clone());
    }
    match (text(ours), text(before), text(after)) {
        (Some(ours), Some(old), Some(new)) if rules::has_records(&after.path) => {
            let text = records::merge(&ours, &old, &new);
            Ok(Node::File(text.into_bytes().into()))
        }
        _ => Err(ConfigureError::Mixed {
            package: step.package.to_owned(),
            path: after.path.clone(),
        }),
    }
}

/// What a captured name says is gone.
enum Hidden {
    Path(TreePath),
    Below(TreePath),
}

fn hidden(path: &TreePath) -> Option<Hidden> {
    let name = path.name().strip_prefix(WHITEOUT)?;
    let parent = path.parent();
    if path.name() == OPAQUE {
        return parent.map(Hidden::Below);
    }
    let path = match parent {
        Some(parent) => parent.join(name),
        None => TreePath::new(name),
    };
    path.ok().map(Hidden::Path)
}
