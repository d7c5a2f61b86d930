//! `/proc` and `/sys`, with what Docker hides or protects too.

use std::path::Path;

use rustix::mount::MountFlags;

use super::place::{Kind, Place};
use crate::error::Step;

/// Flags of all file systems that hold no programs and no devices.
const INERT: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);

/// Files and directories that tell about the host or its kernel.
const HIDDEN: [(&str, Kind); 10] = [
    ("/proc/acpi", Kind::Dir),
    ("/proc/asound", Kind::Dir),
    ("/proc/kcore", Kind::File),
    ("/proc/keys", Kind::File),
    ("/proc/latency_stats", Kind::File),
    ("/proc/sched_debug", Kind::File),
    ("/proc/scsi", Kind::Dir),
    ("/proc/timer_list", Kind::File),
    ("/sys/devices/virtual/powercap", Kind::Dir),
    ("/sys/firmware", Kind::Dir),
];

/// Files and directories that change the host's kernel.
const PROTECTED: [(&str, Kind); 5] = [
    ("/proc/bus", Kind::Dir),
    ("/proc/fs", Kind::Dir),
    ("/proc/irq", Kind::Dir),
    ("/proc/sys", Kind::Dir),
    ("/proc/sysrq-trigger", Kind::File),
];

/// What the host has mounted below its `/sys`, where that had to be shown for want of an own.
const MOUNTED_ON_SYS: [&str; 6] = [
    "/sys/fs/bpf",
    "/sys/fs/cgroup",
    "/sys/fs/pstore",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
];

/// An own `/proc`; where a container's masked one forbids that, the container's.
pub(super) fn mount_proc(place: &mut Place) -> Step<()> {
    if let Err(failure) = place.mount("proc", "/proc", INERT, c"") {
        place
            .bind(Path::new("/proc"), "/proc", Kind::Dir)
            .map_err(|_| failure)?;
    }
    hide(place, "/proc/")?;
    for (path, kind) in PROTECTED {
        if place.has(path) {
            place.protect(path, kind)?;
        }
    }
    Ok(())
}

/// An own `/sys`; where the network is the host's and root is not real, the host's, read only.
pub(super) fn mount_sys(place: &mut Place) -> Step<()> {
    if place
        .mount("sysfs", "/sys", INERT | MountFlags::RDONLY, c"")
        .is_err()
    {
        place.bind_read_only(Path::new("/sys"), "/sys", Kind::Dir)?;
        for dir in MOUNTED_ON_SYS {
            if place.has(dir) {
                cover(place, dir)?;
            }
        }
    }
    hide(place, "/sys/")
}

fn hide(place: &mut Place, below: &str) -> Step<()> {
    for (path, kind) in HIDDEN {
        if !path.starts_with(below) || !place.has(path) {
            continue;
        }
        match kind {
            Kind::Dir => cover(place, path)?,
            Kind::File => place.bind(Path::new("/dev/null"), path, kind)?,
        }
    }
    Ok(())
}

fn cover(place: &mut Place, dir: &str) -> Step<()> {
    place.mount("tmpfs", dir, INERT | MountFlags::RDONLY, c"size=0")
}
