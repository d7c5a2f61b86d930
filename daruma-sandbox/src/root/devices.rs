//! `/dev`: the harmless devices of the host's, terminals of its own, shared memory.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::Mode;
use rustix::mount::MountFlags;

use super::place::{Kind, Place, make};
use crate::error::{During, Step};

/// Devices that every command may use.
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// Links that programs expect.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Group `tty` of Debian; a user namespace of one id does not have it.
const TERMINALS: [&std::ffi::CStr; 2] = [
    c"newinstance,ptmxmode=0666,mode=0620,gid=5",
    c"newinstance,ptmxmode=0666,mode=0620",
];

/// Mounts `/dev`.
pub(super) fn mount(place: &mut Place) -> Step<()> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    place.mount("tmpfs", "/dev", flags, c"mode=0755,size=64k")?;
    let dev = place
        .open("/dev")
        .during(|| "open /dev in the sandbox".to_owned())?;
    fill(&dev).during(|| "fill /dev in the sandbox".to_owned())?;
    for name in DEVICES {
        let path = format!("/dev/{name}");
        place.bind(Path::new(&path), &path, Kind::File)?;
    }
    place.mount("tmpfs", "/dev/shm", flags | MountFlags::NODEV, c"mode=1777")?;
    mount_terminals(place, flags)
}

fn fill(dev: &OwnedFd) -> Result<(), rustix::io::Errno> {
    for name in DEVICES {
        make(dev, name, Kind::File)?;
    }
    for (name, target) in LINKS {
        rustix::fs::symlinkat(target, dev, name)?;
    }
    for name in ["pts", "shm"] {
        rustix::fs::mkdirat(dev, name, Mode::from_raw_mode(0o755))?;
    }
    Ok(())
}

fn mount_terminals(place: &mut Place, flags: MountFlags) -> Step<()> {
    let [with_group, without] = TERMINALS;
    place
        .mount("devpts", "/dev/pts", flags, with_group)
        .or_else(|_| place.mount("devpts", "/dev/pts", flags, without))
}
