//! Trees on disk, with changes, and what differs between two.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use daruma::debian::effects::{Action, Change, Files, Kind, Owned, Stat};
use daruma::tree::TreePath;

use super::keystore;

/// Java's certificates, whose order and times differ.
const KEYSTORE: &str = "etc/ssl/certs/java/cacerts";

/// The unpacked packages on disk.
pub(crate) struct DiskFiles {
    pub(crate) root: PathBuf,
}

impl DiskFiles {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &TreePath) -> Option<Cow<'_, [u8]>> {
        fs_err::read(path.below(&self.root)).ok().map(Cow::Owned)
    }

    fn stat(&self, path: &TreePath) -> Option<Stat> {
        let path = path.below(&self.root);
        let meta = fs_err::symlink_metadata(&path).ok()?;
        let kind = if meta.is_symlink() {
            Kind::Symlink(
                fs_err::read_link(&path)
                    .ok()?
                    .as_os_str()
                    .as_bytes()
                    .to_vec(),
            )
        } else if meta.is_dir() {
            Kind::Dir
        } else if meta.is_file() {
            Kind::File
        } else {
            Kind::Other
        };
        Some(Stat {
            kind,
            mode: meta.mode() & 0o7777,
            uid: meta.uid().into(),
            gid: meta.gid().into(),
        })
    }

    fn list(&self, dir: Option<&TreePath>) -> Vec<Vec<u8>> {
        let path = dir.map_or(self.root.clone(), |dir| dir.below(&self.root));
        let entries = fs_err::read_dir(path).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().as_bytes().to_vec())
            .collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Dir,
    /// On disk.
    File(PathBuf),
    Bytes(Vec<u8>),
    Symlink(Vec<u8>),
    Other,
}

#[derive(Clone, Debug)]
struct Entry {
    what: What,
    meta: Owned,
}

/// Everything below a root by path.
pub(crate) struct Tree(BTreeMap<String, Entry>);

impl Tree {
    pub(crate) fn of(root: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        tree.walk(root, root);
        tree
    }

    fn walk(&mut self, root: &Path, dir: &Path) {
        for entry in fs_err::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let meta = fs_err::symlink_metadata(&path).expect("metadata");
            let what = if meta.is_symlink() {
                What::Symlink(
                    fs_err::read_link(&path)
                        .expect("a link")
                        .as_os_str()
                        .as_bytes()
                        .to_vec(),
                )
            } else if meta.is_dir() {
                What::Dir
            } else if meta.is_file() {
                What::File(path.clone())
            } else {
                What::Other
            };
            let owned = Owned {
                mode: meta.mode() & 0o7777,
                uid: meta.uid().into(),
                gid: meta.gid().into(),
            };
            let name = path
                .strip_prefix(root)
                .expect("below")
                .to_string_lossy()
                .into_owned();
            let descend = what == What::Dir;
            self.0.insert(name, Entry { what, meta: owned });
            if descend {
                self.walk(root, &path);
            }
        }
    }

    /// The tree after these changes.
    pub(crate) fn with(mut self, changes: &[Change]) -> Self {
        for change in changes {
            let path = change.path.to_string();
            let entry = match &change.action {
                Action::Remove => {
                    self.0.remove(&path);
                    continue;
                }
                Action::Meta(meta) => {
                    self.0.get_mut(&path).expect("what was shipped").meta = *meta;
                    continue;
                }
                Action::Write { meta, data } => Entry {
                    what: What::Bytes(data.clone()),
                    meta: *meta,
                },
                Action::Mkdir(meta) => Entry {
                    what: What::Dir,
                    meta: *meta,
                },
                Action::Symlink(target) => Entry {
                    what: What::Symlink(target.clone()),
                    meta: Owned {
                        mode: 0o777,
                        uid: 0,
                        gid: 0,
                    },
                },
            };
            self.0.insert(path, entry);
        }
        self
    }

    /// Where the trees differ and how; `self` is ours.
    pub(crate) fn differences(&self, theirs: &Self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (path, their) in &theirs.0 {
            match self.0.get(path) {
                None => found.push((
                    path.clone(),
                    format!("only dpkg makes it ({})", brief(their)),
                )),
                Some(our) => {
                    if let Some(what) = difference(path, our, their) {
                        found.push((path.clone(), what));
                    }
                }
            }
        }
        for (path, our) in &self.0 {
            if !theirs.0.contains_key(path) {
                found.push((path.clone(), format!("only we make it ({})", brief(our))));
            }
        }
        found
    }
}

fn bytes(what: &What) -> Option<Cow<'_, [u8]>> {
    match what {
        What::File(path) => Some(Cow::Owned(fs_err::read(path).expect("a file"))),
        What::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        _ => None,
    }
}

fn difference(path: &str, our: &Entry, their: &Entry) -> Option<String> {
    match (bytes(&our.what), bytes(&their.what)) {
        (Some(ours), Some(theirs)) if path == KEYSTORE => {
            let same = keystore::entries(&ours) == keystore::entries(&theirs);
            return (!same).then(|| "other certificates".to_owned());
        }
        (Some(ours), Some(theirs)) if ours != theirs => {
            let at = ours
                .iter()
                .zip(theirs.iter())
                .position(|(a, b)| a != b)
                .unwrap_or(ours.len().min(theirs.len()));
            let near = |data: &[u8]| {
                let end = data.len().min(at + 60);
                String::from_utf8_lossy(&data[at.saturating_sub(20)..end]).into_owned()
            };
            return Some(format!(
                "content differs at byte {at} of {} and {}: {:?} and {:?}",
                ours.len(),
                theirs.len(),
                near(&ours),
                near(&theirs)
            ));
        }
        (Some(_), Some(_)) => {}
        _ if our.what != their.what => {
            return Some(format!("{} here, {} by dpkg", brief(our), brief(their)));
        }
        _ => {}
    }
    let link = matches!(our.what, What::Symlink(_));
    if !link && our.meta != their.meta {
        return Some(format!("{:?} here, {:?} by dpkg", our.meta, their.meta));
    }
    None
}

fn brief(entry: &Entry) -> String {
    match &entry.what {
        What::Dir => "a directory".to_owned(),
        What::File(_) | What::Bytes(_) => "a file".to_owned(),
        What::Symlink(target) => format!("a link to {}", String::from_utf8_lossy(target)),
        What::Other => "a device".to_owned(),
    }
}
