//! dpkg itself, in a root of its own: what a package's configuration changes, to hold ours against.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use daruma::lock::{Lock, PackagePin};
use daruma::tree::MemoryTree;

use super::images::Project;

/// A package whose dependencies have unknown scripts.
pub(crate) struct Package {
    /// What the runner is asked for.
    pub(crate) name: &'static str,
    /// The packages whose scripts are unknown.
    pub(crate) unknown: &'static [&'static str],
}

/// What is compared; all are unknown for different reasons.
pub(crate) const PACKAGES: &[Package] = &[
    // A Perl program that reads what other packages ship.
    Package {
        name: "mailcap",
        unknown: &["mailcap"],
    },
    // A compiled program that writes hundreds of files.
    Package {
        name: "shared-mime-info",
        unknown: &["shared-mime-info"],
    },
    // A user, a setuid program, and a random name that must not be kept.
    Package {
        name: "dbus",
        unknown: &["dbus-daemon"],
    },
    // A debconf frontend.
    Package {
        name: "exim4-config",
        unknown: &["exim4-config"],
    },
];

/// Differences that are meant, one row with its reason each. A directory stands for all below it.
const DIFFERS: &[(&str, &str)] = &[
    ("dev", "made by the sandbox, and by this test"),
    ("proc", "made by this test"),
    (
        "etc/passwd",
        "has the app's user, and none of packages that are not in the runner",
    ),
    ("etc/group", "the same"),
    ("etc/ld.so.cache", "knows the runner's libraries only"),
    ("etc/shells", "has the runner's shells only"),
    ("var/lib/shells.state", "the same"),
    (
        "var/lib/dpkg",
        "a runner has status.d; alternatives are compared",
    ),
    ("var/log", "logs of the configuration"),
    ("var/cache/debconf", "nothing asks later"),
    ("var/cache/ldconfig", "nothing runs ldconfig later"),
    ("etc/machine-id", "names one machine"),
    ("var/lib/dbus/machine-id", "names one machine"),
    ("etc/systemd", "an image has no init"),
    ("var/lib/systemd", "an image has no init"),
    ("usr/share/man", "a runner has no manuals"),
    ("run", "gone with the container"),
    ("tmp", "gone with the container"),
];

/// Why the comparison cannot be made here.
pub(crate) fn missing() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the packages are for amd64".to_owned());
    }
    if !rustix::process::geteuid().is_root() {
        return Some("only root can make the reference root".to_owned());
    }
    for tool in ["apt-get", "dpkg-deb", "chroot", "unshare"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return Some(format!("{tool} is not installed"));
        }
    }
    let format = ["indextargets", "--format", "$(ORIGIN)"];
    let origins = Command::new("apt-get").args(format).output();
    let text = origins.map_or(Vec::new(), |output| output.stdout);
    if !String::from_utf8_lossy(&text).contains("Debian") {
        return Some("apt has no mirror of Debian".to_owned());
    }
    None
}

/// Where ours differs from dpkg's: what dpkg changed when it configured the package, and what is in our second layer.
pub(crate) fn compare(
    package: &Package,
    project: &Project,
    layers: &[MemoryTree],
    work: &Path,
) -> Vec<String> {
    let ours = super::described(layers);
    let root = Root::unpacked(project, &work.join(package.name), package.unknown);
    let before = root.described();
    root.configure(package.unknown);
    let after = root.described();
    let all: Vec<&String> = before.keys().chain(after.keys()).collect();
    let changed = all
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .cloned();
    let changed: Vec<String> = changed.filter(|path| !is_meant(path)).collect();
    let written = layers[1].iter().map(|entry| entry.path.to_string());
    let written = written.filter(|path| !is_meant(path) && !path.contains("/.wh."));
    println!("{}: dpkg changed {} paths", package.name, changed.len());
    assert!(!changed.is_empty(), "{} shows nothing", package.name);
    let mut paths: Vec<String> = changed.into_iter().chain(written).collect();
    paths.sort();
    paths.dedup();
    paths
        .iter()
        .filter(|path| ours.get(*path) != after.get(*path))
        .map(|path| {
            let (ours, theirs) = (ours.get(path), after.get(path));
            format!(
                "{}: /{path}: {ours:?} here, {theirs:?} by dpkg",
                package.name
            )
        })
        .collect()
}

fn is_meant(path: &str) -> bool {
    let rows = DIFFERS.iter().map(|(row, _)| *row);
    let alternatives = path.starts_with("var/lib/dpkg/alternatives/");
    !alternatives
        && rows
            .into_iter()
            .any(|row| path == row || path.starts_with(&format!("{row}/")))
}

struct Root(PathBuf);

impl Root {
    /// All packages of the project's lock unpacked, and configured but for those `left`.
    fn unpacked(project: &Project, dir: &Path, left: &[&str]) -> Self {
        let lock = Lock::parse(&project.lock()).expect("a lock");
        let runner = &lock.targets[0].runner;
        let pins: Vec<&PackagePin> = runner.packages.iter().chain(&runner.configure).collect();
        let root = Self(dir.to_owned());
        for dir in ["dev", "proc", "debs", "var/lib/dpkg"] {
            fs_err::create_dir_all(root.0.join(dir)).expect("a directory");
        }
        for file in ["status", "available"] {
            fs_err::write(root.0.join("var/lib/dpkg").join(file), "").expect("written");
        }
        for pin in &pins {
            let deb = project
                .home
                .join("debs")
                .join(format!("{}.deb", pin.sha256));
            fs_err::copy(deb, root.0.join(format!("debs/{}.deb", pin.name))).expect("copied");
        }
        let others: Vec<&str> = pins
            .iter()
            .map(|pin| pin.name.as_str())
            .filter(|name| !left.contains(name))
            .collect();
        root.run(&format!(
            "dpkg-deb -x debs/base-files.deb .; for deb in debs/*.deb; do dpkg-deb -x $deb .; done\n\
             in_root dpkg --force-depends --install /debs/base-passwd.deb\n\
             in_root dpkg --force-depends --install /debs/base-files.deb\n\
             in_root sh -c 'dpkg --force-depends --unpack /debs/*.deb'\n\
             in_root dpkg --force-depends --configure {}\n\
             rm -r debs",
            others.join(" ")
        ));
        root
    }

    fn configure(&self, packages: &[&str]) {
        let packages = packages.join(" ");
        self.run(&format!(
            "in_root dpkg --force-depends --configure {packages}"
        ));
    }

    /// Runs a script in the root's directory, in a mount namespace that ends with it.
    fn run(&self, script: &str) {
        let head = "set -e\n\
            for name in null zero urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done\n\
            mount -t proc proc proc\n\
            in_root() { chroot . env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \"$@\"; }\n";
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg(format!("{head}{script}"))
            .current_dir(&self.0)
            .output()
            .expect("unshare runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
    }

    fn described(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        walk(&self.0, &self.0, &mut out);
        out
    }
}

fn walk(root: &Path, dir: &Path, out: &mut BTreeMap<String, String>) {
    for entry in fs_err::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let meta = fs_err::symlink_metadata(&path).expect("metadata");
        let owned = format!("{:o} {}:{}", meta.mode() & 0o7777, meta.uid(), meta.gid());
        let what = if meta.is_symlink() {
            format!(
                "link {}",
                fs_err::read_link(&path).expect("a link").display()
            )
        } else if meta.is_dir() {
            walk(root, &path, out);
            format!("directory {owned}")
        } else if meta.is_file() {
            let bytes = fs_err::read(&path).expect("readable");
            format!("file {owned} {}", testkit::sha256(&bytes))
        } else {
            "other".to_owned()
        };
        let name = path.strip_prefix(root).expect("below").to_string_lossy();
        out.insert(name.into_owned(), what);
    }
}
