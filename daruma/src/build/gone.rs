//! Apps whose directory is no more, and what the store still has of them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{BuildError, Project, Session};
use crate::home::Home;
use crate::store::{AppId, Store};

/// The file that says where an app was built last.
fn record(home: &Home, app: &AppId) -> PathBuf {
    home.caches(app.as_str()).join("directory")
}

/// Notes where the app stands.
pub(super) fn remember(session: &Session<'_>, project: &Project) -> Result<(), BuildError> {
    let path = record(&session.home, &project.id);
    let dir = project.dir.as_os_str().as_bytes();
    if fs::read(&path).is_ok_and(|known| known == dir) {
        return Ok(());
    }
    Ok(session.home.write(&path, dir)?)
}

/// Takes the names from the images of apps whose directory is gone, so that a collection removes them; gives the apps.
/// An app of which it is not known where it stood stays.
pub fn forget_gone_apps(home: &Home, store: &Store) -> Result<Vec<AppId>, BuildError> {
    let mut gone = BTreeSet::new();
    for (name, _) in store.refs()? {
        if is_gone(home, &name.app) {
            store.remove_ref(&name)?;
            gone.insert(name.app);
        }
    }
    for app in &gone {
        fs::remove_dir_all(home.caches(app.as_str()))?;
    }
    Ok(gone.into_iter().collect())
}

fn is_gone(home: &Home, app: &AppId) -> bool {
    let Ok(bytes) = fs::read(record(home, app)) else {
        return false;
    };
    let dir = Path::new(OsStr::from_bytes(&bytes));
    matches!(dir.try_exists(), Ok(false))
}
