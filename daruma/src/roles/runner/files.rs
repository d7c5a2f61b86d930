//! The file system that a runner's packages make together, read from their members without unpacking.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

use fs_err as fs;

use super::layout::Layout;
use super::member::{Item, Member, What};
use crate::debian::effects::{Files, Kind, Stat};
use crate::tree::TreePath;

/// Largest file that is read whole: libraries whose names `ldconfig` looks up are the largest that anything here reads.
const MAX_READ: u64 = 512 << 20;

/// The merged tree.
pub(super) struct Merged<'a> {
    members: &'a [Member],
    open: Vec<OnceLock<Option<fs::File>>>,
    places: BTreeMap<&'a str, Place<'a>>,
    children: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

#[derive(Clone, Copy)]
struct Place<'a> {
    item: &'a Item,
    /// The member that holds it; `None` for the skeleton.
    member: Option<usize>,
}

impl<'a> Merged<'a> {
    /// The tree of these members in this layout.
    pub(super) fn new(members: &'a [Member], layout: &'a Layout) -> Self {
        let mut places: BTreeMap<&str, Place<'_>> = BTreeMap::new();
        for item in &layout.skeleton {
            places.insert(&item.path, Place { item, member: None });
        }
        for (number, member) in members.iter().enumerate() {
            let given_up = layout.given_up.get(&member.info.package);
            for item in &member.info.entries {
                if !given_up.is_some_and(|paths| paths.contains(&item.path)) {
                    places.insert(
                        &item.path,
                        Place {
                            item,
                            member: Some(number),
                        },
                    );
                }
            }
        }
        let mut children: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for path in places.keys() {
            let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
            children.entry(dir).or_default().insert(name);
        }
        let open = members.iter().map(|_| OnceLock::new()).collect();
        Self {
            members,
            open,
            places,
            children,
        }
    }

    /// The newest time of anything in the tree, seconds since 1970.
    pub(super) fn newest(&self) -> i64 {
        self.places
            .values()
            .map(|place| place.item.mtime)
            .max()
            .unwrap_or(0)
    }

    /// What stands at `path`.
    pub(super) fn item(&self, path: &TreePath) -> Option<&'a Item> {
        self.place(path).map(|place| place.item)
    }

    fn place(&self, path: &TreePath) -> Option<Place<'a>> {
        let text = std::str::from_utf8(path.as_bytes()).ok()?;
        self.places.get(text).copied()
    }

    /// The file that `place` holds or is another name of, with its member.
    fn file(&self, place: Place<'a>) -> Option<(usize, u64, u64)> {
        match &place.item.what {
            What::File { at, size } => Some((place.member?, *at, *size)),
            What::Hardlink(target) => self.file(*self.places.get(target.as_str())?),
            _ => None,
        }
    }
}

impl Files for Merged<'_> {
    fn read(&self, path: &TreePath) -> Option<Cow<'_, [u8]>> {
        let (member, at, size) = self.file(self.place(path)?)?;
        if size > MAX_READ {
            return None;
        }
        let open = || fs::File::open(&self.members[member].tar).ok();
        let file = self.open[member].get_or_init(open).as_ref()?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        file.file().read_exact_at(&mut bytes, at).ok()?;
        Some(Cow::Owned(bytes))
    }

    fn stat(&self, path: &TreePath) -> Option<Stat> {
        let item = self.item(path)?;
        let kind = match &item.what {
            What::Dir => Kind::Dir,
            What::File { .. } | What::Hardlink(_) => Kind::File,
            What::Symlink(target) => Kind::Symlink(target.clone().into_bytes()),
            What::Fifo => Kind::Other,
        };
        Some(Stat {
            kind,
            mode: item.mode,
            uid: item.uid,
            gid: item.gid,
        })
    }

    fn list(&self, dir: Option<&TreePath>) -> Vec<Vec<u8>> {
        let Ok(dir) = std::str::from_utf8(dir.map_or(b"", TreePath::as_bytes)) else {
            return Vec::new();
        };
        let names = self.children.get(dir).into_iter().flatten();
        names.map(|name| name.as_bytes().to_vec()).collect()
    }
}
