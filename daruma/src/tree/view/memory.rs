//! A tree in memory as a root.

use super::{View, ViewError};
use crate::tree::{Entry, MemoryTree, Meta, Node, TreePath};

impl View for MemoryTree {
    /// A directory that is there only as a parent of something is one with mode 0755.
    fn entry(&self, path: &TreePath) -> Result<Option<Entry<u64>>, ViewError> {
        let Some(entry) = self.linked(path) else {
            let implied = self.below(Some(path)).next().is_some();
            return Ok(implied.then(|| implied_dir(path)));
        };
        let mut entry = entry.clone().map_data(|bytes| bytes.len() as u64);
        entry.path = path.clone();
        Ok(Some(entry))
    }

    fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>, ViewError> {
        let path = path.clone();
        match self.linked(&path).map(|entry| &entry.node) {
            Some(Node::File(bytes)) if bytes.len() as u64 > max => {
                Err(ViewError::TooLarge { path, max })
            }
            Some(Node::File(bytes)) => Ok(bytes.to_vec()),
            _ => Err(ViewError::NotAFile { path }),
        }
    }

    fn list(&self, dir: Option<&TreePath>) -> Result<Vec<TreePath>, ViewError> {
        let mut names: Vec<_> = self
            .below(dir)
            .filter_map(|entry| child_on_the_way(dir, &entry.path))
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}

fn implied_dir(path: &TreePath) -> Entry<u64> {
    Entry {
        path: path.clone(),
        meta: Meta {
            mode: 0o755,
            ..Meta::default()
        },
        node: Node::Dir,
    }
}

/// The path directly in `dir` that is `path` or leads to it.
fn child_on_the_way(dir: Option<&TreePath>, path: &TreePath) -> Option<TreePath> {
    let mut at = path.clone();
    loop {
        let parent = at.parent();
        if parent.as_ref() == dir {
            return Some(at);
        }
        at = parent?;
    }
}
