//! Mount points: laid out in a layer below the image's, so that what is mounted on them leaves no trace in the upper.

use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::RESOLVER_FILES;
use super::place::{Kind, make, open_within, unmake};
use crate::error::{During, Step};
use crate::spec::{Mount, Spec};

/// Makes the lowest layer, `points`, in the working directory.
pub(super) fn lay(spec: &Spec) -> Step<()> {
    for (path, kind) in wanted(spec) {
        lay_one(&clamp(Path::new(path)), kind)?;
        if let Some(target) = link_target(spec, path) {
            lay_one(&target, kind)?;
        }
    }
    Ok(())
}

fn wanted(spec: &Spec) -> Vec<(&str, Kind)> {
    let fixed = ["/proc", "/sys", "/dev"].map(|dir| (dir, Kind::Dir));
    let files = RESOLVER_FILES.map(|file| (file, Kind::File));
    let mounts = spec.mounts.iter().map(|mount| (mount.to(), kind_of(mount)));
    fixed.into_iter().chain(files).chain(mounts).collect()
}

fn kind_of(mount: &Mount) -> Kind {
    match mount {
        Mount::Host { from, .. } if !from.is_dir() => Kind::File,
        _ => Kind::Dir,
    }
}

fn lay_one(path: &Path, kind: Kind) -> Step<()> {
    let full = Path::new("points").join(path);
    let step = || format!("make a mount point for /{}", path.display());
    if full.symlink_metadata().is_ok() {
        return Ok(());
    }
    if let Some(parent) = full.parent() {
        std::fs::create_dir_all(parent).during(step)?;
    }
    full.to_str()
        .map_or(Err(Errno::INVAL), |full| make(CWD, full, kind))
        .during(step)
}

/// Where the image has a link at `path`, the path that it leads to, one step far; deeper ones are met at the mount.
fn link_target(spec: &Spec, path: &str) -> Option<PathBuf> {
    let relative = clamp(Path::new(path));
    let mut candidates = spec.layers.iter().rev().map(|layer| layer.join(&relative));
    let highest = candidates.find(|path| path.symlink_metadata().is_ok())?;
    let target = std::fs::read_link(highest).ok()?;
    Some(clamp(&relative.parent()?.join(target)))
}

/// A path as seen from a root that nothing leads out of: without `/`, `.` and `..`.
fn clamp(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir => clean.clear(),
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

/// Mount points that had to be created in the root itself, because a link or a deletion hides the prepared one.
#[derive(Default)]
pub(crate) struct Leftovers {
    created: Vec<(String, Kind)>,
}

impl Leftovers {
    pub(super) fn add(&mut self, path: &str, kind: Kind) {
        self.created.push((path.to_owned(), kind));
    }

    /// Takes them out of the root again, newest first. One that the command put something into stays: it is a change.
    pub(crate) fn remove(&self) {
        for (path, kind) in self.created.iter().rev() {
            let _ = rustix::mount::unmount(path.as_str(), UnmountFlags::DETACH);
            let _ = remove_one(path, *kind);
        }
    }
}

fn remove_one(path: &str, kind: Kind) -> Result<(), Errno> {
    let (parent, name) = path.rsplit_once('/').ok_or(Errno::NOENT)?;
    let root = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    unmake(open_within(root, parent)?, name, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_root() {
        let rows = [
            ("/etc/hosts", "etc/hosts"),
            ("../../etc/./hosts", "etc/hosts"),
            ("/a/../../b", "b"),
            ("etc//x/", "etc/x"),
            ("a/b//../../../..", ""),
        ];
        for (path, clean) in rows {
            assert_eq!(clamp(Path::new(path)), Path::new(clean), "{path}");
        }
    }
}
