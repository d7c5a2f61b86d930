//! What the same packages are in a system that Debian's own tools make.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Skip, is_root, kept, need, output};

/// A `debootstrap --variant=minbase` of trixie with these packages and nothing that is merely recommended.
pub(crate) fn system(packages: &str) -> Result<PathBuf, Skip> {
    if !is_root() {
        return Err("it needs root".to_owned());
    }
    need(&["debootstrap", "chroot"])?;
    let root = kept("real-apps-trixie");
    let mirror = mirror()?;
    let mut debootstrap = Command::new("debootstrap");
    output(
        debootstrap
            .args(["--variant=minbase", "trixie"])
            .arg(&root)
            .arg(mirror),
    )?;
    let mut apt = Command::new("chroot");
    let install =
        format!("apt-get install -y -qq --no-install-recommends {packages} && apt-get clean");
    apt.arg(&root)
        .args(["sh", "-c", &install])
        .env("DEBIAN_FRONTEND", "noninteractive");
    output(&mut apt)?;
    Ok(root)
}

fn mirror() -> Result<String, Skip> {
    let mut apt = Command::new("apt-get");
    let targets = output(apt.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Identifier: Packages",
        "Component: main",
    ]))?;
    let main = targets.lines().find(|uri| !uri.contains("security"));
    main.map(str::to_owned)
        .ok_or_else(|| "apt has no mirror".to_owned())
}

/// Bytes of all files below `root`, the package manager's indexes aside; hard links count once.
pub(crate) fn size(root: &Path) -> u64 {
    let mut du = Command::new("du");
    du.args([
        "-s",
        "--apparent-size",
        "-B1",
        "--exclude=var/lib/apt/lists",
        "--exclude=var/cache",
    ]);
    let said = output(du.arg(".").current_dir(root)).expect("du");
    said.split_whitespace()
        .next()
        .and_then(|bytes| bytes.parse().ok())
        .expect("a number")
}
