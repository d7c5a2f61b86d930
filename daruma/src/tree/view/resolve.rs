//! Following symbolic links inside a root.

use super::{View, ViewError, child};
use crate::tree::{Entry, Node, TreePath};

/// As many links as the kernel follows (`MAXSYMLINKS`, path_resolution(7)).
const LINKS: u32 = 40;

/// Components that one resolution may walk: what 40 links of the longest length could hold would keep us for seconds.
const STEPS: u32 = 20_000;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// To the root itself.
    Root,
    /// To an entry that is not a symbolic link, under its own path.
    Found(Entry<u64>),
    /// Nowhere.
    Missing,
}

/// What is left to walk (last component first), and where we are.
struct Walk {
    left: Vec<Vec<u8>>,
    at: Option<Entry<u64>>,
    links: u32,
}

/// Follows `path` from the root.
pub(super) fn resolve<V: View + ?Sized>(view: &V, path: &[u8]) -> Result<Resolved, ViewError> {
    let mut walk = Walk {
        left: Vec::new(),
        at: None,
        links: 0,
    };
    walk.push(path);
    for _ in 0..STEPS {
        let Some(name) = walk.left.pop() else {
            return Ok(walk.at.map_or(Resolved::Root, Resolved::Found));
        };
        if !walk.step(view, &name)? {
            return Ok(Resolved::Missing);
        }
        if walk.links > LINKS {
            break;
        }
    }
    let path = String::from_utf8_lossy(path).into_owned();
    Err(ViewError::Loop { path })
}

impl Walk {
    /// Puts a path's components before what is left.
    fn push(&mut self, path: &[u8]) {
        let names = path.split(|&b| b == b'/').rev();
        let real = names.filter(|name| !name.is_empty() && *name != b".");
        self.left.extend(real.map(<[u8]>::to_vec));
    }

    /// Walks one component; `false` where it leads nowhere.
    fn step<V: View + ?Sized>(&mut self, view: &V, name: &[u8]) -> Result<bool, ViewError> {
        if self.at.as_ref().is_some_and(|at| at.node != Node::Dir) {
            return Ok(false);
        }
        let here = self.at.as_ref().map(|at| &at.path);
        if name == b".." {
            let parent = here.and_then(TreePath::parent);
            self.at = match parent {
                Some(parent) => view.entry(&parent)?,
                None => None,
            };
            return Ok(true);
        }
        // A name that no tree can hold is a name that is not there.
        let Ok(path) = child(here, name) else {
            return Ok(false);
        };
        match view.entry(&path)? {
            None => return Ok(false),
            Some(entry) => self.enter(entry),
        }
        Ok(true)
    }

    fn enter(&mut self, entry: Entry<u64>) {
        let Node::Symlink(target) = &entry.node else {
            self.at = Some(entry);
            return;
        };
        self.links += 1;
        if target.starts_with(b"/") {
            self.at = None;
        }
        self.push(target);
    }
}
