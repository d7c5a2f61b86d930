//! `/dev`: the harmless devices of the host's, terminals of its own, shared memory.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dev, FileType, Mode, makedev};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::place::{Kind, Place, make};
use crate::error::{During, Step};

/// Devices that every command may use, with their numbers (the kernel's Documentation/admin-guide/devices.txt).
const DEVICES: [(&str, u32, u32); 6] = [
    ("full", 1, 7),
    ("null", 1, 3),
    ("random", 1, 8),
    ("tty", 5, 0),
    ("urandom", 1, 9),
    ("zero", 1, 5),
];

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
    for (name, major, minor) in DEVICES {
        device(place, &dev, name, makedev(major, minor))?;
    }
    place.mount("tmpfs", "/dev/shm", flags | MountFlags::NODEV, c"mode=1777")?;
    mount_terminals(place, flags)
}

fn fill(dev: &OwnedFd) -> Result<(), Errno> {
    for (name, target) in LINKS {
        rustix::fs::symlinkat(target, dev, name)?;
    }
    for name in ["pts", "shm"] {
        rustix::fs::mkdirat(dev, name, Mode::from_raw_mode(0o755))?;
    }
    Ok(())
}

/// Real root makes the device, which costs no mount; in a user namespace nobody may, and the host's is shown.
fn device(place: &mut Place, dir: &OwnedFd, name: &str, number: Dev) -> Step<()> {
    let mode = Mode::from_raw_mode(0o666);
    let outcome = rustix::fs::mknodat(dir, name, FileType::CharacterDevice, mode, number)
        // The mask took bits away.
        .and_then(|()| rustix::fs::chmodat(dir, name, mode, AtFlags::empty()));
    let path = format!("/dev/{name}");
    match outcome {
        Err(Errno::PERM) => {
            make(dir, name, Kind::File).during(|| format!("make {path} in the sandbox"))?;
            place.bind(Path::new(&path), &path, Kind::File)
        }
        other => other.during(|| format!("make {path} in the sandbox")),
    }
}

fn mount_terminals(place: &mut Place, flags: MountFlags) -> Step<()> {
    let [with_group, without] = TERMINALS;
    place
        .mount("devpts", "/dev/pts", flags, with_group)
        .or_else(|_| place.mount("devpts", "/dev/pts", flags, without))
}
