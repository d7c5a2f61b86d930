//! A root in which dpkg itself unpacks and configures.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use super::archive::run;

/// Days since 1970, as `/etc/shadow` counts.
pub(crate) fn today() -> u32 {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_secs();
    u32::try_from(seconds / 86_400).expect("a day")
}

/// A root with `/proc` and the devices that scripts use; unmounted at its end.
pub(crate) struct Root {
    path: PathBuf,
}

/// Installed one by one before anything else: the others' scripts need users and the links of the merged `/usr`.
const FIRST: [&str; 2] = ["base-passwd", "base-files"];
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

impl Root {
    /// dpkg's result for these packages; kept, as the same packages on the same day give the same.
    pub(crate) fn configured(set: &str, debs: &[PathBuf]) -> Self {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("effects-reference")
            .join(set);
        let root = Self {
            path: place.join("root"),
        };
        let key = format!("{} {debs:?}", today());
        if fs_err::read_to_string(place.join("key")).is_ok_and(|known| known == key) {
            return root;
        }
        let _ = fs_err::remove_dir_all(&place);
        root.make(debs);
        fs_err::write(place.join("key"), key).expect("a file");
        root
    }

    fn make(&self, debs: &[PathBuf]) {
        let root = self;
        let (essential, rest): (Vec<_>, Vec<_>) = debs.iter().partition(|deb| is_essential(deb));
        fs_err::create_dir_all(root.path.join("var/lib/dpkg")).expect("a directory");
        let base = |deb: &&&PathBuf| deb.to_string_lossy().contains("/base-files_");
        for deb in essential
            .iter()
            .filter(base)
            .chain(&essential)
            .copied()
            .chain(rest.iter().copied().filter(|deb| needed(deb)))
        {
            run(Command::new("dpkg-deb").arg("-x").args([deb, &root.path]));
        }
        root.prepare(debs);
        let is_first = |deb: &&String| FIRST.iter().any(|name| deb.contains(&format!("/{name}_")));
        for first in FIRST {
            let all = essential.iter().map(|deb| inside(deb));
            let names: Vec<String> = all
                .filter(|deb| deb.contains(&format!("/{first}_")))
                .collect();
            root.dpkg("--install", &names);
        }
        for group in [essential, rest] {
            let names: Vec<String> = group
                .iter()
                .map(|deb| inside(deb))
                .filter(|deb| !is_first(&deb))
                .collect();
            if !names.is_empty() {
                root.dpkg("--unpack", &names);
                root.dpkg("--configure", &["--pending".to_owned()]);
            }
        }
        root.tidy();
    }

    /// Where it stands.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&self, debs: &[PathBuf]) {
        for dir in ["debs", "proc", "dev"] {
            fs_err::create_dir_all(self.path.join(dir)).expect("a directory");
        }
        for file in ["status", "available"] {
            fs_err::write(self.path.join("var/lib/dpkg").join(file), "").expect("a file");
        }
        for deb in debs {
            let name = deb.file_name().expect("a name");
            fs_err::hard_link(deb, self.path.join("debs").join(name)).expect("a link");
        }
        for device in DEVICES {
            let path = self.path.join("dev").join(device);
            fs_err::write(&path, "").expect("a file");
            run(Command::new("mount")
                .arg("--bind")
                .arg(Path::new("/dev").join(device))
                .arg(&path));
        }
        run(Command::new("mount")
            .args(["-t", "proc", "proc"])
            .arg(self.path.join("proc")));
    }

    fn dpkg(&self, action: &str, operands: &[String]) {
        run(Command::new("chroot")
            .arg(&self.path)
            .args(["dpkg", "--force-depends", "--force-confdef", action])
            .args(operands)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("DEBCONF_NONINTERACTIVE_SEEN", "true"));
    }

    /// Takes away what only this test put there.
    fn tidy(&self) {
        self.unmount();
        for dir in ["debs", "dev"] {
            let _ = fs_err::remove_dir_all(self.path.join(dir));
        }
        fs_err::create_dir_all(self.path.join("dev")).expect("a directory");
    }

    fn unmount(&self) {
        let mounts = DEVICES
            .iter()
            .map(|device| format!("dev/{device}"))
            .chain(["proc".to_owned()]);
        for mount in mounts {
            let _ = Command::new("umount").arg(self.path.join(mount)).output();
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.unmount();
    }
}

fn inside(deb: &Path) -> String {
    format!(
        "/debs/{}",
        deb.file_name().expect("a name").to_string_lossy()
    )
}

fn is_essential(deb: &Path) -> bool {
    let field = run(Command::new("dpkg-deb").arg("-f").arg(deb).arg("Essential"));
    field.starts_with(b"yes")
}

/// What dpkg itself and its scripts need before anything is installed, beyond the essential packages.
fn needed(deb: &Path) -> bool {
    let name = deb.file_name().expect("a name").to_string_lossy();
    let libraries = ["lib", "gcc-", "zlib", "mawk", "debconf", "tar", "perl-base"];
    libraries.iter().any(|start| name.starts_with(start))
}
