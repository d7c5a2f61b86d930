//! Starting a sandbox beside `bwrap`: the same root and mounts, whole processes from outside.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use daruma_sandbox::{
    Ids, Launcher, Mount, Network, Outcome, OverlayApi, Ownership, Privileges, Spec, Stdio, Upper,
};
use fs_err as fs;

use super::Place;
use super::mirror::cause;
use super::process::{command, exists, timed};
use super::samples::Samples;
use super::table::{Measured, Row, Target};

/// How often each is started; they take turns.
const ROUNDS: usize = 50;

/// What runs inside.
const PROGRAM: &str = "/bin/true";

/// What it finds in its environment.
const PATH: &str = "/usr/bin:/bin";

pub(super) fn bench(place: &Place) -> io::Result<Vec<Row>> {
    if !exists("bwrap") {
        return Err(io::Error::other("bwrap is not installed"));
    }
    let (root, scratch) = (place.dir("root")?, place.dir("scratch")?);
    make_root(&root)?;
    let (mut ours, mut theirs, mut bare) =
        (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        ours.push(timed(
            command(&place.xtask)
                .arg("bench-sandbox")
                .arg(&root)
                .arg(&scratch),
        )?);
        theirs.push(timed(&mut bwrap(&root))?);
        bare.push(timed(&mut command(PROGRAM))?);
    }
    let row = |what: &str, ours, peer, target| Row {
        what: what.to_owned(),
        ours: Measured::Time(ours),
        peer,
        target,
    };
    let theirs = Some(("bwrap".to_owned(), theirs));
    Ok(vec![
        row("sandbox start", ours, theirs, Target::Within(1.5)),
        row("a bare process, for scale", bare, None, Target::Shown),
    ])
}

fn bwrap(root: &Path) -> Command {
    let mut command = command("bwrap");
    command.args([
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--die-with-parent",
    ]);
    command.arg("--bind").arg(root).arg("/");
    command.args(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    command.args([
        "--hostname",
        "localhost",
        "--clearenv",
        "--setenv",
        "PATH",
        PATH,
    ]);
    command.args(["--chdir", "/", "--", PROGRAM]);
    command
}

/// A root with one program and the libraries that it needs.
fn make_root(root: &Path) -> io::Result<()> {
    for dir in ["dev", "proc", "sys", "tmp", "etc"] {
        fs::create_dir_all(root.join(dir))?;
    }
    let mut files = libraries()?;
    files.push(PathBuf::from(PROGRAM));
    for file in files {
        let to = root.join(file.strip_prefix("/").unwrap_or(&file));
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::copy(&file, &to)?;
    }
    Ok(())
}

fn libraries() -> io::Result<Vec<PathBuf>> {
    let output = command("ldd").arg(PROGRAM).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(words.map(PathBuf::from).collect())
}

/// The process that is measured: starts the program in the root that it is given, and waits.
pub(crate) fn part() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(2).map(PathBuf::from);
    let (Some(root), Some(scratch)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: xtask bench-sandbox ROOT SCRATCH"));
    };
    let streams = [Stdio::Inherit; 3];
    let mut child = Launcher::default()
        .spawn(&spec(root, scratch), streams)
        .map_err(cause)?;
    match child.wait().map_err(cause)? {
        Outcome::Exited(0) => Ok(()),
        other => Err(io::Error::other(format!("{PROGRAM} ended with {other:?}"))),
    }
}

fn spec(root: PathBuf, scratch: PathBuf) -> Spec {
    Spec {
        layers: vec![root],
        scratch,
        upper: Upper::Memory,
        argv: vec![PROGRAM.to_owned()],
        env: BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]),
        cwd: "/".to_owned(),
        user: (0, 0),
        mounts: vec![Mount::Tmpfs {
            to: "/tmp".to_owned(),
        }],
        network: Network::Host,
        ids: Ids::detect(),
        privileges: Privileges::Fixed,
        ownership: Ownership::Real,
        overlay: OverlayApi::Newest,
        hostname: "localhost".to_owned(),
        terminal: None,
    }
}
