//! Layers as one root: the upper hide what they whiteout, in either form.

use std::collections::{BTreeSet, HashSet};

use super::{View, ViewError};
use crate::tree::whiteout::{self, Marker};
use crate::tree::{Entry, Node, TreePath};

/// Views of layers, the upper first.
pub struct Stack<'a> {
    layers: Vec<Box<dyn View + 'a>>,
}

/// A layer, and what it has at a path.
type Hit<'a> = (&'a dyn View, Entry<u64>);

/// What one layer says about a path.
struct Look {
    entry: Option<Entry<u64>>,
    below: Below,
}

/// What lower layers have to say about a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// It counts.
    Visible,
    /// It is hidden.
    Hidden,
}

impl<'a> Stack<'a> {
    /// One root of `layers`, the upper first.
    pub fn new(layers: Vec<Box<dyn View + 'a>>) -> Self {
        Self { layers }
    }

    /// The layer that `path` comes from, and the entry.
    fn find(&self, path: &TreePath) -> Result<Option<Hit<'_>>, ViewError> {
        if whiteout::marker(path).is_some() {
            return Ok(None);
        }
        for layer in &self.layers {
            let look = look(layer.as_ref(), path)?;
            if let Some(entry) = look.entry {
                return Ok(Some((layer.as_ref(), entry)));
            }
            if look.below == Below::Hidden {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

impl View for Stack<'_> {
    fn entry(&self, path: &TreePath) -> Result<Option<Entry<u64>>, ViewError> {
        Ok(self.find(path)?.map(|(_, entry)| entry))
    }

    fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>, ViewError> {
        match self.find(path)? {
            Some((layer, _)) => layer.read(path, max),
            None => Err(ViewError::NotAFile { path: path.clone() }),
        }
    }

    fn list(&self, dir: Option<&TreePath>) -> Result<Vec<TreePath>, ViewError> {
        let mut names = BTreeSet::new();
        let mut hidden = HashSet::new();
        for layer in &self.layers {
            let Some(below) = look_in(layer.as_ref(), dir)? else {
                break;
            };
            merge(layer.as_ref(), dir, &mut names, &mut hidden)?;
            if below == Below::Hidden {
                break;
            }
        }
        Ok(names.into_iter().collect())
    }
}

/// What a layer says about `path`, looking at each directory on the way.
fn look(layer: &dyn View, path: &TreePath) -> Result<Look, ViewError> {
    let mut below = below_root(layer)?;
    for at in ancestors(path) {
        let gone = match whiteout::whiteout_of(&at) {
            Some(mark) => layer.entry(&mark)?.is_some(),
            None => false,
        };
        let here = layer.entry(&at)?;
        below = match &here {
            _ if gone => Below::Hidden,
            None => below,
            Some(entry) if entry.node == Node::Dir && !opaque(layer, entry)? => below,
            Some(_) => Below::Hidden,
        };
        let stop = here.as_ref().is_none_or(|entry| entry.node != Node::Dir);
        if at == *path || stop {
            let entry = here.filter(|entry| at == *path && !whiteout::is_device(&entry.node));
            return Ok(Look { entry, below });
        }
    }
    let entry = None;
    Ok(Look { entry, below })
}

/// Whether what lies in `dir` below this layer counts; `None` where the layer makes an end of the directory.
fn look_in(layer: &dyn View, dir: Option<&TreePath>) -> Result<Option<Below>, ViewError> {
    let Some(dir) = dir else {
        return below_root(layer).map(Some);
    };
    let look = look(layer, dir)?;
    Ok(match look.entry {
        Some(entry) if entry.node != Node::Dir => None,
        None if look.below == Below::Hidden => None,
        _ => Some(look.below),
    })
}

fn below_root(layer: &dyn View) -> Result<Below, ViewError> {
    let mark = whiteout::opaque_in(None);
    let opaque = mark.map_or(Ok(None), |mark| layer.entry(&mark))?.is_some();
    Ok(if opaque {
        Below::Hidden
    } else {
        Below::Visible
    })
}

fn opaque(layer: &dyn View, dir: &Entry<u64>) -> Result<bool, ViewError> {
    let marked = match whiteout::opaque_in(Some(&dir.path)) {
        Some(mark) => layer.entry(&mark)?.is_some(),
        None => false,
    };
    Ok(marked || whiteout::is_opaque(dir))
}

/// Adds a layer's names in `dir` that no upper layer hides, then hides what this layer does.
fn merge(
    layer: &dyn View,
    dir: Option<&TreePath>,
    names: &mut BTreeSet<TreePath>,
    hidden: &mut HashSet<TreePath>,
) -> Result<(), ViewError> {
    let mut gone = Vec::new();
    for path in layer.list(dir)? {
        match whiteout::marker(&path) {
            Some(Marker::Whiteout(path)) => gone.push(path),
            Some(_) => {}
            None if hidden.contains(&path) || names.contains(&path) => {}
            None if is_device(layer, &path)? => gone.push(path),
            None => _ = names.insert(path),
        }
    }
    hidden.extend(gone);
    Ok(())
}

fn is_device(layer: &dyn View, path: &TreePath) -> Result<bool, ViewError> {
    let entry = layer.entry(path)?;
    Ok(entry.is_some_and(|entry| whiteout::is_device(&entry.node)))
}

/// The path's ancestors and itself, the uppermost first.
fn ancestors(path: &TreePath) -> Vec<TreePath> {
    let mut all: Vec<_> = std::iter::successors(Some(path.clone()), TreePath::parent).collect();
    all.reverse();
    all
}
