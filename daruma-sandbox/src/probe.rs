//! What this machine allows, and where it does not, why and what would help.

use std::io;
use std::path::Path;

use crate::enter::Request;
use crate::error::SandboxError;
use crate::ids::Ids;
use crate::launch::{Launcher, Stdio};

/// What works on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The best way of mapping ids that works.
    pub ids: Ids,
    /// A better way that should have worked by the look of it, and why it does not.
    pub instead_of: Option<(Ids, String)>,
}

/// Tries what [`Ids::detect`] finds, then a single id.
pub fn probe(launcher: &Launcher) -> Result<Support, SandboxError> {
    let best = Ids::detect();
    let Err(error) = attempt(launcher, &best) else {
        return Ok(Support {
            ids: best,
            instead_of: None,
        });
    };
    if best == Ids::Single {
        return Err(error);
    }
    attempt(launcher, &Ids::Single).map(|()| Support {
        ids: Ids::Single,
        instead_of: Some((best, error.to_string())),
    })
}

fn attempt(launcher: &Launcher, ids: &Ids) -> Result<(), SandboxError> {
    let request = Request::Try(ids.clone());
    launcher.request(&request, [Stdio::Null; 3]).map(|_| ())
}

/// Settings that forbid namespaces: the file, the value that does, and what to say.
const SETTINGS: [(&str, &str, &str); 3] = [
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor keeps ordinary users from making user namespaces; run as root, or allow it with \
         `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "this kernel keeps ordinary users from making user namespaces; run as root, or allow it with \
         `sudo sysctl kernel.unprivileged_userns_clone=1`",
    ),
    (
        "/proc/sys/user/max_user_namespaces",
        "0",
        "the number of user namespaces is limited to none; run as root, or allow them with \
         `sudo sysctl user.max_user_namespaces=15000`",
    ),
];

/// Files that container engines leave in their containers.
const IN_CONTAINER: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Why namespaces were refused, and what would help.
pub(crate) fn explain(error: &io::Error) -> String {
    let setting = |file: &str| std::fs::read_to_string(file).ok();
    let container = IN_CONTAINER.iter().any(|file| Path::new(file).exists());
    let root = rustix::process::geteuid().is_root();
    reason(setting, container, root, error)
}

fn reason(
    setting: impl Fn(&str) -> Option<String>,
    container: bool,
    root: bool,
    error: &io::Error,
) -> String {
    if container {
        return format!(
            "this is a container whose engine forbids namespaces ({error}); start it with `--privileged`, \
             or build here with `daruma build --output tar:FILE` and run the images on the host"
        );
    }
    let forbids = |file: &str, value: &str| setting(file).is_some_and(|text| text.trim() == value);
    let known = SETTINGS
        .iter()
        .filter(|_| !root)
        .find(|(file, value, _)| forbids(file, value));
    match known {
        Some((.., remedy)) => (*remedy).to_owned(),
        None => format!(
            "the kernel refuses namespaces ({error}); `daruma build` needs none, and its images run anywhere"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_hindrance_is_named_with_its_remedy() {
        let error = io::Error::from_raw_os_error(libc::EPERM);
        for (file, value, remedy) in SETTINGS {
            let setting = |asked: &str| (asked == file).then(|| format!("{value}\n"));
            assert_eq!(reason(setting, false, false, &error), remedy);
        }
        let none = |_: &str| None;
        assert!(reason(none, true, true, &error).contains("--privileged"));
        assert!(reason(none, false, false, &error).contains("Operation not permitted"));
    }
}
