//! Where jobs' writes lie while they run.
//!
//! ```text
//! <tmp>/sandboxes.lock        held while an area is made or swept
//! <tmp>/sandbox-XXXXXX/       one area per engine
//!   lock                      held while the engine lives; one that is free marks the area as left behind
//!   run-XXXXXX/{scratch,work} one per job
//!   upper-XXXXXX/             what the job changed
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daruma_sandbox::{Ids, Launcher, Upper};
use fs_err as fs;
use tempfile::TempDir;

use crate::engine::Writes;
use crate::home::FileLock;

/// How the names of areas begin.
const PREFIX: &str = "sandbox-";

/// `OVERLAYFS_SUPER_MAGIC` (linux/magic.h): an overlay cannot be the upper directory of another.
const OVERLAYFS: i64 = 0x794c_7630;

/// Tried in turn where the temporary directory is on an overlay, as in a container.
const OTHER_PLACES: [&str; 3] = ["/var/tmp", "/tmp", "/dev/shm"];

/// An engine's directory; removed when the engine and its jobs are gone.
#[derive(Debug)]
pub(super) struct Area {
    dir: PathBuf,
    place: Place,
    launcher: Launcher,
    ids: Ids,
    _lock: FileLock,
}

/// Whether uppers can lie in an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Fit,
    OnOverlay,
}

impl Area {
    pub(super) fn open(tmp: &Path, launcher: Launcher, ids: Ids) -> io::Result<Self> {
        fs::create_dir_all(tmp)?;
        let (parent, place) = choose(tmp)?;
        sweep_as(&parent, &launcher, &ids)?;
        let _making = FileLock::shared(&parent.join("sandboxes.lock"))?;
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&parent)?
            .keep();
        let lock = FileLock::exclusive(&dir.join("lock"))?;
        Ok(Self {
            dir,
            place,
            launcher,
            ids,
            _lock: lock,
        })
    }

    fn remove(&self, dir: &Path) -> io::Result<()> {
        remove(&self.launcher, &self.ids, dir)
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // Left to the next sweep where it fails.
        let _ = self.remove(&self.dir);
    }
}

fn choose(tmp: &Path) -> io::Result<(PathBuf, Place)> {
    if !is_overlay(tmp)? {
        return Ok((tmp.to_owned(), Place::Fit));
    }
    for place in OTHER_PLACES.map(Path::new) {
        if !is_overlay(place)?
            && let Some(dir) = own_dir(place)
        {
            return Ok((dir, Place::Fit));
        }
    }
    Ok((tmp.to_owned(), Place::OnOverlay))
}

/// This user's directory in a place that everyone may write to; `None` if somebody else took its name.
fn own_dir(place: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let uid = rustix::process::geteuid().as_raw();
    let dir = place.join(format!("daruma-{uid}"));
    // One that is there already is fine if it is ours, which is checked either way.
    let _ = std::fs::DirBuilder::new().mode(0o700).create(&dir);
    let found = fs::symlink_metadata(&dir).ok()?;
    (found.is_dir() && found.uid() == uid).then_some(dir)
}

fn is_overlay(dir: &Path) -> io::Result<bool> {
    match rustix::fs::statfs(dir) {
        Ok(found) => Ok(found.f_type == OVERLAYFS),
        Err(rustix::io::Errno::NOENT) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Removes what engines of processes that were killed left below `tmp`; returns how many areas those were.
pub fn sweep(tmp: &Path) -> io::Result<usize> {
    sweep_as(tmp, &Launcher::default(), &Ids::detect())
}

fn sweep_as(tmp: &Path, launcher: &Launcher, ids: &Ids) -> io::Result<usize> {
    let _sweeping = FileLock::exclusive(&tmp.join("sandboxes.lock"))?;
    let mut swept = 0;
    for entry in fs::read_dir(tmp)? {
        let dir = entry?.path();
        let named = dir.file_name().and_then(|name| name.to_str());
        if named.is_some_and(|name| name.starts_with(PREFIX)) && is_left_behind(&dir) {
            swept += usize::from(remove(launcher, ids, &dir).is_ok());
        }
    }
    Ok(swept)
}

/// In a shared directory, areas of other users count as alive: their locks cannot be opened.
fn is_left_behind(dir: &Path) -> bool {
    FileLock::try_exclusive(&dir.join("lock")).is_ok_and(|lock| lock.is_some())
}

/// Jobs may leave directories that only their own root may enter.
fn remove(launcher: &Launcher, ids: &Ids, dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound && *ids != Ids::Same => {
            launcher.remove(ids, &[dir]).map_err(io::Error::other)?;
            match fs::remove_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The directories of one job, removed with this value.
#[derive(Debug)]
pub(super) struct RunDirs {
    area: Arc<Area>,
    dir: PathBuf,
    upper: Option<TempDir>,
    writes: Writes,
}

impl RunDirs {
    pub(super) fn create(area: &Arc<Area>, writes: Writes) -> io::Result<Self> {
        let make = |prefix| {
            tempfile::Builder::new()
                .prefix(prefix)
                .tempdir_in(&area.dir)
        };
        let dir = make("run-")?.keep();
        fs::create_dir(dir.join("scratch"))?;
        fs::create_dir(dir.join("work"))?;
        let upper = match area.place {
            Place::Fit => Some(upper_dir(make("upper-")?)?),
            Place::OnOverlay => None,
        };
        Ok(Self {
            area: Arc::clone(area),
            dir,
            upper,
            writes,
        })
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    pub(super) fn upper(&self) -> Upper {
        match &self.upper {
            Some(upper) => Upper::Dir {
                upper: upper.path().to_owned(),
                work: self.dir.join("work"),
            },
            None => Upper::Memory,
        }
    }

    /// What the job changed, where that was asked for, and the way its ids map.
    pub(super) fn take_changes(&mut self) -> Option<(TempDir, Ids)> {
        match self.writes {
            Writes::Keep => Some((self.upper.take()?, self.area.ids.clone())),
            Writes::Discard => None,
        }
    }
}

/// The upper directory's mode is that of `/` inside, where other users than root must be able to look.
fn upper_dir(dir: TempDir) -> io::Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(dir)
}

impl Drop for RunDirs {
    fn drop(&mut self) {
        // Left to the area's end, or to a sweep, where it fails.
        if let Some(upper) = self.upper.take() {
            let _ = self.area.remove(&upper.keep());
        }
        let _ = self.area.remove(&self.dir);
    }
}
