//! What the command may do: its user, its capabilities, its system calls.

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::error::{During, Step};
use crate::ids::Ids;
use crate::seccomp;
use crate::spec::{Ownership, Privileges, Spec};
use crate::sys;

/// What root keeps: enough to install packages and to change users. Docker's default also has `MKNOD` and `NET_RAW`.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE)
    .union(CapabilitySet::SETFCAP);

/// Capability numbers fit 64 bits (capget(2)).
const CAPABILITY_BITS: u32 = 64;

/// Becomes the spec's user with the capabilities and system calls that it may have, for good.
pub(crate) fn give_away(spec: &Spec) -> Step<()> {
    limit_capabilities().during(|| "limit capabilities".to_owned())?;
    // While SYS_ADMIN is there: without it a filter needs `no_new_privs`, which package scripts must not have.
    let pretend = spec.ownership == Ownership::Pretended && spec.ids == Ids::Single;
    sys::install_filter(&seccomp::program(pretend)).during(|| "filter system calls".to_owned())?;
    if spec.ids != Ids::Single {
        become_user(spec.user).during(|| format!("become user {}:{}", spec.user.0, spec.user.1))?;
    }
    keep_capabilities(spec.user.0).during(|| "drop capabilities".to_owned())?;
    if spec.privileges == Privileges::Fixed {
        rustix::thread::set_no_new_privs(true).during(|| "forbid new privileges".to_owned())?;
    }
    Ok(())
}

fn limit_capabilities() -> Result<(), Errno> {
    rustix::thread::clear_ambient_capability_set()?;
    for bit in 0..CAPABILITY_BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if KEPT.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // Past the last that this kernel has.
            Err(Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}

fn become_user((uid, gid): (u32, u32)) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    rustix::thread::set_thread_groups(&[gid])?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)
}

fn keep_capabilities(uid: u32) -> Result<(), Errno> {
    let had = rustix::thread::capabilities(None)?.permitted;
    let kept = if uid == 0 {
        had & KEPT
    } else {
        CapabilitySet::empty()
    };
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)
}
