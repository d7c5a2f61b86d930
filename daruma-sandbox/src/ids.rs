//! How ids inside relate to ids outside (user_namespaces(7)), and what this machine allows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::{Failure, Step};

/// A file of sub-ids larger than this is not read; a line is about 20 bytes and a machine has at most 65,536 users.
const SUBIDS_MAX: u64 = 4 << 20;

/// How ids inside relate to ids outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// They are the same; needs root.
    Same,
    /// The caller is root inside, and its subordinate ids follow from 1 on (subuid(5)); needs `newuidmap`.
    Ranges {
        /// Subordinate users.
        users: Range,
        /// Subordinate groups.
        groups: Range,
    },
    /// The only user and group inside, whatever their numbers, are the caller outside.
    Single,
}

/// Subordinate ids of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Ids {
    /// The best that this process seems to be allowed, going by its ids and files; [`crate::probe()`] tries it.
    pub fn detect() -> Self {
        if rustix::process::geteuid().is_root() && may_administer() {
            return Self::Same;
        }
        Self::ranges().unwrap_or(Self::Single)
    }

    fn ranges() -> Option<Self> {
        helper("newuidmap")?;
        helper("newgidmap")?;
        let uid = rustix::process::getuid().as_raw();
        let name = user_name(uid);
        let of = |path: &str| {
            let text = read_bounded(Path::new(path))?;
            parse_subids(&text, name.as_deref(), uid)
        };
        Some(Self::Ranges {
            users: of("/etc/subuid")?,
            groups: of("/etc/subgid")?,
        })
    }

    /// Whether a user namespace is needed.
    pub(crate) fn need_user_namespace(&self) -> bool {
        *self != Self::Same
    }

    /// Maps the ids of process `pid`, which is in a new user namespace; `user` is who the command will be.
    pub(crate) fn write_maps(&self, pid: i32, user: (u32, u32)) -> Step<()> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        match self {
            Self::Same => Ok(()),
            Self::Ranges { users, groups } => {
                map_by_helper("newuidmap", pid, uid, *users)?;
                map_by_helper("newgidmap", pid, gid, *groups)
            }
            Self::Single => {
                let write = |file: &str, text: String| {
                    let path = format!("/proc/{pid}/{file}");
                    std::fs::write(&path, text)
                        .map_err(|error| refusal(format!("write {path}"), &error))
                };
                write("setgroups", "deny".to_owned())?;
                write("uid_map", format!("{} {uid} 1", user.0))?;
                write("gid_map", format!("{} {gid} 1", user.1))
            }
        }
    }
}

fn refusal(action: String, error: &std::io::Error) -> Failure {
    Failure {
        action,
        errno: error.raw_os_error().unwrap_or(libc::EPERM),
        refused: true,
    }
}

fn map_by_helper(name: &str, pid: i32, own: u32, range: Range) -> Step<()> {
    let program = helper(name).unwrap_or_else(|| PathBuf::from(name));
    let numbers = [0, own, 1, 1, range.first, range.count];
    let status = Command::new(&program)
        .arg(pid.to_string())
        .args(numbers.map(|n| n.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| refusal(format!("run {name}"), &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure {
        action: format!("map subordinate ids with {name} ({status})"),
        errno: libc::EPERM,
        refused: false,
    })
}

/// The launcher's environment is empty, so that the usual places are looked at instead of `PATH`.
fn helper(name: &str) -> Option<PathBuf> {
    [
        "/usr/bin",
        "/bin",
        "/usr/local/bin",
        "/usr/sbin",
        "/run/wrappers/bin",
    ]
    .iter()
    .map(|dir| Path::new(dir).join(name))
    .find(|path| path.is_file())
}

fn may_administer() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| {
        sets.effective
            .contains(rustix::thread::CapabilitySet::SYS_ADMIN)
    })
}

fn user_name(uid: u32) -> Option<String> {
    parse_user_name(&read_bounded(Path::new("/etc/passwd"))?, uid)
}

fn parse_user_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

fn read_bounded(path: &Path) -> Option<String> {
    let size = std::fs::metadata(path).ok()?.len();
    (size <= SUBIDS_MAX).then(|| std::fs::read_to_string(path).ok())?
}

/// The first range of a user, given by name or number, that has room for the ids of a Debian system.
fn parse_subids(text: &str, name: Option<&str>, uid: u32) -> Option<Range> {
    /// `nogroup` and `nobody` are 65534 (Debian policy 9.2.2).
    const NEEDED: u32 = 65_535;
    let number = uid.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let first = fields.next()?.parse().ok()?;
        let count = fields.next()?.parse().ok()?;
        let mine = Some(owner) == name || owner == number;
        (mine && count >= NEEDED).then_some(Range { first, count })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_ids_are_found_by_name_and_by_number_and_small_ranges_are_passed_over() {
        let text = "# comment\nann:100000:1000\nann:200000:65536\n4242:300000:65536\nbad:x:y\n";
        let rows = [
            (Some("ann"), 1, Some(200_000)),
            (None, 4242, Some(300_000)),
            (Some("bad"), 2, None),
            (Some("bob"), 3, None),
        ];
        for (name, uid, first) in rows {
            let found = parse_subids(text, name, uid).map(|range| range.first);
            assert_eq!(found, first, "{name:?} {uid}");
        }
    }

    #[test]
    fn a_user_is_named_by_the_third_field() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nann:x:7:7::/:/bin/sh\n";
        assert_eq!(parse_user_name(passwd, 7).as_deref(), Some("ann"));
        assert_eq!(parse_user_name(passwd, 8), None);
    }
}
