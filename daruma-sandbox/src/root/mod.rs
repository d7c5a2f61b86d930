//! The file system of a sandbox, made in its own mount namespace and then taken as root.
//!
//! ```text
//! scratch/            a tmpfs over the caller's scratch directory, gone with the namespace
//!   0 1 2 …           links to the layers, highest first: short names keep mount options short
//!   points/           the lowest layer: an empty file or directory for each mount point, so that none reaches the upper
//!   u w               links to upper and work directories, or the directories themselves
//!   root/             the overlay, and on it /proc /sys /dev, the host's resolver files and the spec's mounts
//! ```
//! Mount points are resolved within the new root (`openat2` with `RESOLVE_IN_ROOT`), so that no link of an image's leads to
//! the host.

mod devices;
mod kernel;
mod overlay;
mod place;
mod points;

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::error::{During, Step};
use crate::spec::{Mount, Network, Spec};
use place::{Kind, Place};

pub(crate) use points::Leftovers;

/// Files of the host's that a command needs to reach the network by name.
const RESOLVER_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Builds the file system and makes it the root of this process and of those that it will start.
pub(crate) fn build(spec: &Spec) -> Step<Leftovers> {
    detach_from_host()?;
    enter_scratch(&spec.scratch)?;
    points::lay(spec)?;
    overlay::mount(spec)?;
    let mut place = Place::new(open_dir("root")?);
    kernel::mount_proc(&mut place)?;
    kernel::mount_sys(&mut place)?;
    devices::mount(&mut place)?;
    resolver_files(spec, &mut place)?;
    for mount in &spec.mounts {
        extra(mount, &mut place)?;
    }
    let leftovers = place.into_leftovers();
    pivot()?;
    Ok(leftovers)
}

/// Keeps what is mounted here from reaching the host, and what the host mounts from reaching here.
pub(crate) fn detach_from_host() -> Step<()> {
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", flags).during(|| "detach from the host's mounts".to_owned())
}

/// Whether this mount namespace may mount at all.
pub(crate) fn try_tmpfs() -> Step<()> {
    mount_tmpfs(Path::new("/"), c"size=4k")
}

fn mount_tmpfs(at: &Path, options: &std::ffi::CStr) -> Step<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("tmpfs", at, "tmpfs", flags, options)
        .during(|| format!("mount a tmpfs on {}", at.display()))
}

/// All later relative paths start in the scratch directory.
fn enter_scratch(scratch: &Path) -> Step<()> {
    mount_tmpfs(scratch, c"mode=0755")?;
    rustix::process::chdir(scratch).during(|| format!("enter {}", scratch.display()))?;
    for dir in ["points", "root"] {
        std::fs::create_dir(dir).during(|| format!("create {dir}"))?;
    }
    Ok(())
}

fn open_dir(path: &str) -> Step<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).during(|| format!("open {path}"))
}

fn resolver_files(spec: &Spec, place: &mut Place) -> Step<()> {
    if spec.network == Network::None {
        return Ok(());
    }
    for file in RESOLVER_FILES {
        if Path::new(file).is_file() && !spec.mounts.iter().any(|mount| mount.to() == file) {
            place.bind_read_only(Path::new(file), file, Kind::File)?;
        }
    }
    Ok(())
}

fn extra(mount: &Mount, place: &mut Place) -> Step<()> {
    match mount {
        Mount::Tmpfs { to } => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV;
            place.mount("tmpfs", to, flags, c"mode=1777")
        }
        Mount::Host {
            from,
            to,
            read_only,
        } => {
            let kind = if from.is_dir() { Kind::Dir } else { Kind::File };
            match read_only {
                true => place.bind_read_only(from, to, kind),
                false => place.bind(from, to, kind),
            }
        }
    }
}

/// Makes the new file system the root and lets go of the old one, with everything of the host's (pivot_root(2)).
fn pivot() -> Step<()> {
    let step = || "take the new root".to_owned();
    rustix::process::chdir("root").during(step)?;
    rustix::process::pivot_root(".", ".").during(step)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).during(step)?;
    rustix::process::chdir("/").during(step)
}
