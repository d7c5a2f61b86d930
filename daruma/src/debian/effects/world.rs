//! The file system that scripts see: the unpacked packages with the changes made so far on top.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::input::{Action, Change, EffectsError, Files, Kind, Owned, Stat};
use crate::tree::TreePath;

/// Links followed before a path counts as a loop (Linux `MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// A changed path. `data` is `None` where the bytes are still the package's.
#[derive(Clone, Debug)]
struct Node {
    stat: Stat,
    data: Option<Rc<[u8]>>,
}

/// Packages plus changes. Paths are relative to the root and without links in their directories, `""` being the root;
/// [`World::resolve`] makes them from what scripts write.
pub(super) struct World<'a> {
    base: &'a dyn Files,
    nodes: BTreeMap<String, Option<Node>>,
}

/// The changes at one moment, to return to.
pub(super) struct Snapshot(BTreeMap<String, Option<Node>>);

impl<'a> World<'a> {
    pub(super) fn new(base: &'a dyn Files) -> Self {
        Self {
            base,
            nodes: BTreeMap::new(),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot(self.nodes.clone())
    }

    pub(super) fn restore(&mut self, snapshot: Snapshot) {
        self.nodes = snapshot.0;
    }

    /// Follows links in the directories of `path` and, if `last` says so, in its last component. `None` where a
    /// directory is missing or links loop; the last component itself may be missing.
    pub(super) fn resolve(&self, cwd: &str, path: &str, last: Follow) -> Option<String> {
        if path.is_empty() {
            return None;
        }
        let mut pending: Vec<String> = Vec::new();
        push_components(&mut pending, path);
        let mut at = if path.starts_with('/') {
            String::new()
        } else {
            cwd.to_owned()
        };
        let mut links = 0;
        while let Some(name) = pending.pop() {
            if name == ".." {
                at.truncate(at.rfind('/').unwrap_or(0));
                continue;
            }
            let next = child(&at, &name);
            let follow = last == Follow::Yes || !pending.is_empty() || path.ends_with('/');
            match self.lstat(&next).map(|stat| stat.kind) {
                Some(Kind::Symlink(target)) if follow => {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    let target = String::from_utf8(target).ok()?;
                    if target.starts_with('/') {
                        at.clear();
                    }
                    push_components(&mut pending, &target);
                }
                Some(Kind::Dir) => at = next,
                _ if pending.is_empty() => return Some(next),
                _ => return None,
            }
        }
        Some(at)
    }

    /// What stands at a resolved path.
    pub(super) fn lstat(&self, path: &str) -> Option<Stat> {
        if path.is_empty() {
            return Some(directory());
        }
        match self.nodes.get(path) {
            Some(node) => node.as_ref().map(|node| node.stat.clone()),
            None => self.base.stat(&TreePath::try_from(path).ok()?),
        }
    }

    /// The bytes of the file at a resolved path.
    pub(super) fn read(&self, path: &str) -> Option<Rc<[u8]>> {
        match self.nodes.get(path) {
            Some(None) => None,
            Some(Some(Node {
                data: Some(data), ..
            })) => Some(data.clone()),
            _ => {
                let bytes = self.base.read(&TreePath::try_from(path).ok()?)?;
                Some(Rc::from(bytes.as_ref()))
            }
        }
    }

    /// The names in a resolved directory, sorted by bytes.
    pub(super) fn list(&self, dir: &str) -> Vec<String> {
        let below = TreePath::try_from(dir).ok();
        let shipped = if below.is_none() && !dir.is_empty() {
            Vec::new()
        } else {
            self.base.list(below.as_ref())
        };
        let mut names: BTreeSet<String> = shipped
            .into_iter()
            .filter_map(|name| String::from_utf8(name).ok())
            .collect();
        let prefix = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        for (path, node) in self.nodes.range(prefix.clone()..) {
            let Some(name) = path.strip_prefix(&prefix) else {
                break;
            };
            if name.contains('/') {
                continue;
            }
            match node {
                Some(_) => names.insert(name.to_owned()),
                None => names.remove(name),
            };
        }
        names.into_iter().collect()
    }

    /// Puts a file there, keeping the permissions and owner of one that stands there already.
    pub(super) fn write(&mut self, path: &str, data: &[u8], mode: u32) {
        let stat = self
            .lstat(path)
            .filter(|stat| stat.kind == Kind::File)
            .unwrap_or(Stat {
                kind: Kind::File,
                mode,
                uid: 0,
                gid: 0,
            });
        self.put(path, stat, Some(Rc::from(data)));
    }

    /// Puts `stat` there, with `data` where it is a file whose bytes are new.
    pub(super) fn put(&mut self, path: &str, stat: Stat, data: Option<Rc<[u8]>>) {
        self.nodes
            .insert(path.to_owned(), Some(Node { stat, data }));
    }

    pub(super) fn symlink(&mut self, path: &str, target: &str) {
        let stat = Stat {
            kind: Kind::Symlink(target.as_bytes().to_vec()),
            mode: 0o777,
            uid: 0,
            gid: 0,
        };
        self.put(path, stat, None);
    }

    /// Changes permissions and owner of what stands there.
    pub(super) fn set_meta(&mut self, path: &str, change: impl FnOnce(&mut Stat)) {
        let Some(mut stat) = self.lstat(path) else {
            return;
        };
        change(&mut stat);
        let data = match self.nodes.get(path) {
            Some(Some(node)) => node.data.clone(),
            _ => None,
        };
        self.put(path, stat, data);
    }

    /// Removes one path; a directory must be empty, which the caller checks.
    pub(super) fn remove(&mut self, path: &str) {
        self.nodes.insert(path.to_owned(), None);
    }

    /// Moves one path that is not a directory.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let (Some(stat), data) = (self.lstat(from), self.read(from)) else {
            return;
        };
        self.put(to, stat, data);
        self.remove(from);
    }

    /// What differs from the packages, by path.
    pub(super) fn changes(&self) -> Result<Vec<Change>, EffectsError> {
        let mut changes = Vec::new();
        for (text, node) in &self.nodes {
            let path = TreePath::try_from(text.as_str()).map_err(EffectsError::Path)?;
            if let Some(action) = self.action(&path, node.as_ref()) {
                changes.push(Change { path, action });
            }
        }
        Ok(changes)
    }

    fn action(&self, path: &TreePath, node: Option<&Node>) -> Option<Action> {
        let shipped = self.base.stat(path);
        let Some(node) = node else {
            return shipped.map(|_| Action::Remove);
        };
        let meta = Owned {
            mode: node.stat.mode,
            uid: node.stat.uid,
            gid: node.stat.gid,
        };
        let same_bytes = || match &node.data {
            None => true,
            Some(data) => self.base.read(path).is_some_and(|old| *old == data[..]),
        };
        match shipped {
            Some(old) if old == node.stat && same_bytes() => None,
            Some(old) if old.kind == node.stat.kind && same_bytes() => Some(Action::Meta(meta)),
            _ => match &node.stat.kind {
                Kind::Dir => Some(Action::Mkdir(meta)),
                Kind::Symlink(target) => Some(Action::Symlink(target.clone())),
                Kind::File | Kind::Other => Some(Action::Write {
                    meta,
                    data: node.data.as_deref().unwrap_or_default().to_vec(),
                }),
            },
        }
    }
}

/// Whether the last component of a path is followed where it is a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    Yes,
    No,
}

fn directory() -> Stat {
    Stat {
        kind: Kind::Dir,
        mode: 0o755,
        uid: 0,
        gid: 0,
    }
}

pub(super) fn child(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

fn push_components(pending: &mut Vec<String>, path: &str) {
    let parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    pending.extend(parts.rev().map(str::to_owned));
}
