//! What a script may write, and which of its writes a runner does without.

use super::super::paths::{self, Fate};
use crate::tree::{Bytes, Node, TreePath};

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is a part of the runner.
    Keep,
    /// A runner does without it.
    Noise,
    /// No package has anything to write there.
    Unexplained,
}

/// What was written, as far as rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A directory, or something that is to be looked into as if it were one.
    Dir,
    /// A file without content.
    Empty,
    /// Anything else.
    Full,
}

impl Shape {
    /// The shape of a node.
    pub(super) fn of(node: &Node<Bytes>) -> Self {
        match node {
            Node::Dir => Self::Dir,
            Node::File(data) if data.is_empty() => Self::Empty,
            _ => Self::Full,
        }
    }
}

/// Which paths a row is about.
enum Place {
    /// One path.
    At(&'static str),
    /// A directory with all that it holds.
    Tree(&'static str),
    /// What a directory holds, but no directories in it and no empty files.
    ContentIn(&'static str),
    /// What has a path that begins so.
    Begins(&'static str),
}

use Place::{At, Begins, ContentIn, Tree};

/// Left out, one row or group of rows with its reason each.
const NOISE: &[Place] = &[
    // Gone with the container that configures.
    Tree("dev"),
    Tree("proc"),
    Tree("run"),
    Tree("sys"),
    Tree("tmp"),
    Tree("var/tmp"),
    // Logs of the configuration. Directories for logs stay, and empty ones: services want to find theirs.
    ContentIn("var/log"),
    // Answers and states of tools that a runner does not have.
    Tree("var/cache/apt"),
    Tree("var/cache/debconf"),
    Tree("var/lib/apt"),
    Tree("var/lib/ucf"),
    Tree("var/lib/dpkg/info"),
    Tree("var/lib/dpkg/parts"),
    Tree("var/lib/dpkg/triggers"),
    Tree("var/lib/dpkg/updates"),
    At("var/lib/dpkg/available"),
    At("var/lib/dpkg/available-old"),
    At("var/lib/dpkg/diversions-old"),
    At("var/lib/dpkg/lock"),
    At("var/lib/dpkg/lock-frontend"),
    At("var/lib/dpkg/statoverride-old"),
    At("var/lib/dpkg/status"),
    At("var/lib/dpkg/status-old"),
    // Knows libraries of packages that are not in the runner; the one that is worked out natively stays.
    At("etc/ld.so.cache"),
    Tree("var/cache/ldconfig"),
    // What programs keep in root's home for themselves (seeds, histories, caches).
    Begins("root/."),
    // Copies of what was there before, and locks.
    At("etc/.pwd.lock"),
    At("etc/group-"),
    At("etc/gshadow-"),
    At("etc/passwd-"),
    At("etc/shadow-"),
    At("etc/subgid-"),
    At("etc/subuid-"),
    Tree("var/backups"),
    // Names one machine; the same in all that run an image would be wrong, and another in each build as well.
    At("etc/machine-id"),
    At("var/lib/dbus/machine-id"),
    // Secrets, made by chance: all who have an image would have them.
    Begins("etc/ssh/ssh_host_"),
    At("etc/ssl/certs/ssl-cert-snakeoil.pem"),
    At("etc/ssl/private/ssl-cert-snakeoil.key"),
    // Says what an init starts; a runner has none.
    Tree("etc/rc0.d"),
    Tree("etc/rc1.d"),
    Tree("etc/rc2.d"),
    Tree("etc/rc3.d"),
    Tree("etc/rc4.d"),
    Tree("etc/rc5.d"),
    Tree("etc/rc6.d"),
    Tree("etc/rcS.d"),
    Tree("etc/systemd/system"),
    Tree("etc/systemd/user"),
    Tree("var/lib/systemd"),
];

/// Where packages may write (Filesystem Hierarchy Standard 3.0); all else is a mistake that must be seen.
const EXPLAINED: &[&str] = &[
    "etc",
    "home",
    "opt",
    "srv",
    "usr",
    "var/cache",
    "var/games",
    "var/lib",
    "var/local",
    "var/log",
    "var/mail",
    "var/opt",
    "var/spool",
    "var/www",
];

/// Files of one record a line that several packages add to; keyed by what stands before the first colon.
const LINES: &[&str] = &[
    "etc/group",
    "etc/gshadow",
    "etc/passwd",
    "etc/shadow",
    "etc/shells",
    "etc/subgid",
    "etc/subuid",
    "var/lib/dpkg/statoverride",
];

/// The verdict on a write to `path`.
pub(super) fn verdict(path: &TreePath, shape: Shape) -> Verdict {
    let noise = NOISE.iter().any(|place| place.has(path, shape));
    if noise
        || matches!(
            paths::fate(path, shape == Shape::Dir),
            Ok(Fate::Drop | Fate::IfUsed(_))
        )
    {
        return Verdict::Noise;
    }
    if EXPLAINED.iter().any(|dir| is_within(path, dir)) {
        Verdict::Keep
    } else {
        Verdict::Unexplained
    }
}

/// Whether `node` is a link to something beside it that is left out.
pub(super) fn leads_to_noise(path: &TreePath, node: &Node<Bytes>) -> bool {
    let (Node::Symlink(target), Some(dir)) = (node, path.parent()) else {
        return false;
    };
    !target.contains(&b'/')
        && dir
            .join(target)
            .is_ok_and(|target| verdict(&target, Shape::Full) == Verdict::Noise)
}

/// Whether lines of `path` can be taken apart.
pub(super) fn has_records(path: &TreePath) -> bool {
    LINES.iter().any(|line| path.as_bytes() == line.as_bytes())
}

impl Place {
    fn has(&self, path: &TreePath, shape: Shape) -> bool {
        match self {
            At(place) => path.as_bytes() == place.as_bytes(),
            Tree(dir) => is_within(path, dir),
            ContentIn(dir) => shape == Shape::Full && is_within(path, dir),
            Begins(start) => path.as_bytes().starts_with(start.as_bytes()),
        }
    }
}

fn is_within(path: &TreePath, dir: &str) -> bool {
    path.as_bytes() == dir.as_bytes() || below(path, dir).is_some()
}

fn below<'a>(path: &'a TreePath, dir: &str) -> Option<&'a [u8]> {
    let rest = path.as_bytes().strip_prefix(dir.as_bytes())?;
    rest.strip_prefix(b"/")
}

#[cfg(test)]
mod tests {
    use super::Shape::{Dir, Empty, Full};
    use super::*;

    #[test]
    fn a_link_goes_with_what_it_leads_to() {
        let rows = [
            ("etc/ssl/certs/1234abcd.0", "ssl-cert-snakeoil.pem", true),
            ("etc/ssl/certs/1234abcd.0", "ISRG_Root_X1.pem", false),
            ("etc/x", "/dev/null", false),
        ];
        for (path, target, expected) in rows {
            let path = TreePath::try_from(path).expect("a path");
            let node = Node::Symlink(target.into());
            assert_eq!(leads_to_noise(&path, &node), expected, "{path} {target}");
        }
    }

    #[test]
    fn writes_are_kept_left_out_or_refused() {
        let rows = [
            ("etc/mailcap", Full, Verdict::Keep),
            ("usr/lib/x/y.cache", Full, Verdict::Keep),
            ("var/lib/dpkg/alternatives/awk", Full, Verdict::Keep),
            ("var/lib/dpkg/status", Full, Verdict::Noise),
            ("var/log/nginx", Dir, Verdict::Keep),
            ("var/log/nginx/error.log", Empty, Verdict::Keep),
            ("var/log/nginx/access.log", Full, Verdict::Noise),
            ("etc/machine-id", Full, Verdict::Noise),
            ("etc/ssh/ssh_host_rsa_key", Full, Verdict::Noise),
            ("etc/ssh/sshd_config", Full, Verdict::Keep),
            ("etc/rc2.d/S01cron", Full, Verdict::Noise),
            ("etc/rcx", Full, Verdict::Keep),
            ("root/.rnd", Full, Verdict::Noise),
            ("root/notes", Full, Verdict::Unexplained),
            ("tmp/x", Full, Verdict::Noise),
            ("usr/share/info/dir", Full, Verdict::Noise),
            ("app/x", Full, Verdict::Unexplained),
            ("boot/x", Full, Verdict::Unexplained),
            ("var/new", Dir, Verdict::Unexplained),
            ("etcetera", Full, Verdict::Unexplained),
        ];
        for (path, shape, expected) in rows {
            let path = TreePath::try_from(path).expect("a path");
            assert_eq!(verdict(&path, shape), expected, "{path}");
        }
    }
}
