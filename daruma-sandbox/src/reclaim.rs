//! What a caller may not do to files whose owners are mapped, done by the root of a user namespace.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::child::Outcome;
use crate::enter::Request;
use crate::error::{During, SandboxError, Step};
use crate::ids::Ids;
use crate::launch::{Launcher, Stdio};

/// Who a file is to belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Relative to the directory that the call names; no part of it may be a link but the last.
    pub path: PathBuf,
    /// User inside.
    pub uid: u32,
    /// Group inside.
    pub gid: u32,
    /// Permission bits to set again, because a change of owner clears the setuid bit; `None` for a link.
    pub mode: Option<u32>,
}

impl Launcher {
    /// Removes directories with all below, whose files belong to ids mapped like `ids`. What is not there is no error.
    pub fn remove(&self, ids: &Ids, paths: &[&Path]) -> Result<(), SandboxError> {
        let request = Request::Remove {
            ids: ids.clone(),
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        };
        self.request(&request, [Stdio::Null; 3]).map(|_| ())
    }

    /// Gives files below `dir` to ids mapped like `ids`: how an ordinary user unpacks a layer with [`Ids::Ranges`].
    pub fn set_owners(&self, ids: &Ids, dir: &Path, owners: &[Owner]) -> Result<(), SandboxError> {
        let request = Request::SetOwners {
            ids: ids.clone(),
            dir: dir.to_owned(),
            owners: owners.to_vec(),
        };
        self.request(&request, [Stdio::Null; 3]).map(|_| ())
    }
}

/// Runs as root of a user namespace in which the owners are mapped.
pub(crate) fn remove_all(paths: &[PathBuf]) -> Step<Outcome> {
    for path in paths {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).during(|| format!("remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(Outcome::Exited(0))
}

/// Runs as root of a user namespace in which the owners are mapped.
pub(crate) fn set_owners(dir: &Path, owners: &[Owner]) -> Step<Outcome> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root =
        rustix::fs::open(dir, flags, Mode::empty()).during(|| format!("open {}", dir.display()))?;
    for owner in owners {
        set_owner(&root, owner)
            .during(|| format!("change the owner of {}", dir.join(&owner.path).display()))?;
    }
    Ok(Outcome::Exited(0))
}

fn set_owner(root: &OwnedFd, owner: &Owner) -> Result<(), Errno> {
    let parent = match owner
        .path
        .parent()
        .filter(|path| !path.as_os_str().is_empty())
    {
        Some(parent) => open_below(root, parent)?,
        None => rustix::io::fcntl_dupfd_cloexec(root, 0)?,
    };
    let name = owner.path.file_name().ok_or(Errno::INVAL)?;
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::chownat(
        &parent,
        name,
        Some(uid),
        Some(gid),
        AtFlags::SYMLINK_NOFOLLOW,
    )?;
    match owner.mode {
        Some(mode) => {
            rustix::fs::chmodat(&parent, name, Mode::from_raw_mode(mode), AtFlags::empty())
        }
        None => Ok(()),
    }
}

fn open_below(root: &OwnedFd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::io::retry_on_intr(|| rustix::fs::openat2(root, path, flags, Mode::empty(), resolve))
}
