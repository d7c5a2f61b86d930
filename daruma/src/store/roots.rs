//! Unpacked layers, filled once and shared.
//!
//! They are a cache and are not synced: a kill leaves whole roots only, a power failure may leave one that is not. To
//! remove `roots/` is always safe where nothing runs.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::home::FileLock;
use crate::image::Digest;
use crate::tree::IdMap;

use super::{Store, StoreError};

/// What names of roots in the making begin with.
pub(super) const TMP_PREFIX: &str = "root.";

/// What names of things that are being removed begin with.
pub(super) const TRASH_PREFIX: &str = "trash.";

/// The root inside the directory that is renamed: it may belong to another user, whose directories nobody else moves.
const INNER: &str = "fs";

/// A root that is there, and whether it was just filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedRoot {
    /// The directory that stands for the layer's `/`; to be read only.
    pub path: PathBuf,
    /// Whether it had to be filled.
    pub filled: bool,
}

impl Store {
    /// The unpacked layer with this diffID, owned on disk as `ids` says. Where it is missing, `fill` makes it in the
    /// empty directory that it is given; processes that want the same root at once wait for the first. It stays while
    /// this `Store` lives.
    pub fn cached_root<E: From<StoreError>>(
        &self,
        ids: &IdMap,
        diff_id: Digest,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<CachedRoot, E> {
        let owners = owners(ids);
        let home = self.home.roots().join(&owners).join(diff_id.hex());
        let path = home.join(INNER);
        if self.find_root(&home, diff_id)? {
            return Ok(CachedRoot {
                path,
                filled: false,
            });
        }
        let _lock = FileLock::exclusive(&self.root_lock(diff_id)).map_err(StoreError::from)?;
        if self.find_root(&home, diff_id)? {
            return Ok(CachedRoot {
                path,
                filled: false,
            });
        }
        let tmp = self
            .home
            .tmp()
            .join(format!("{TMP_PREFIX}{owners}.{}", diff_id.hex()));
        self.prepare(&tmp).map_err(StoreError::from)?;
        fill(&tmp.join(INNER)).inspect_err(|_| drop(remove_tree(&tmp)))?;
        self.keep_root(&tmp, &home, diff_id)?;
        Ok(CachedRoot { path, filled: true })
    }

    /// An empty directory in `tmp`; what a killed process left there is moved away, and removed where that is allowed.
    fn prepare(&self, tmp: &Path) -> io::Result<()> {
        if tmp.try_exists()? {
            drop(remove_tree(&self.to_trash(tmp)?));
        }
        fs::create_dir_all(tmp.join(INNER))?;
        // What `/` is in layers that do not say.
        fs::set_permissions(tmp.join(INNER), PermissionsExt::from_mode(0o755))
    }

    /// Moves a directory out of the way, so that a kill leaves no half of it under its name.
    pub(super) fn to_trash(&self, dir: &Path) -> io::Result<PathBuf> {
        let trash = tempfile::Builder::new()
            .prefix(TRASH_PREFIX)
            .tempdir_in(self.home.tmp())?;
        let trash = trash.keep();
        // An empty directory is replaced by the rename.
        fs::rename(dir, &trash)?;
        Ok(trash)
    }

    /// The lock of those who fill roots; 256 of them, so that they need no collection themselves.
    pub(super) fn root_lock(&self, diff_id: Digest) -> PathBuf {
        self.home
            .root()
            .join("locks")
            .join(format!("root.{}", &diff_id.hex()[..2]))
    }

    fn find_root(&self, path: &Path, diff_id: Digest) -> Result<bool, StoreError> {
        let _lock = self.lock_shared()?;
        let found = path.try_exists()?;
        if found {
            self.protect(&[diff_id])?;
        }
        Ok(found)
    }

    fn keep_root(&self, tmp: &Path, home: &Path, diff_id: Digest) -> Result<(), StoreError> {
        if let Some(parent) = home.parent() {
            fs::create_dir_all(parent)?;
        }
        let _lock = self.lock_shared()?;
        self.protect(&[diff_id])?;
        Ok(fs::rename(tmp, home)?)
    }
}

/// The directory name for a way of owning files: roots of one cannot serve another.
fn owners(ids: &IdMap) -> String {
    match ids {
        IdMap::Same => "same".to_owned(),
        IdMap::Single => "single".to_owned(),
        IdMap::Ranges { users, groups } => {
            let text = format!("{users:?} {groups:?}");
            format!("ranges-{}", Digest::of(text.as_bytes()).short())
        }
    }
}

/// Removes a directory tree, directories that forbid it to their owner included.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(path)?;
            fs::remove_dir_all(path)
        }
        result => result,
    }
}

/// Lets the owner of directories below `dir` change them.
fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, PermissionsExt::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}
