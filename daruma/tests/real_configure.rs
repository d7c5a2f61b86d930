//! Unknown scripts in a configure root: packages made on the spot with this machine's dpkg, and packages of Debian's
//! archive held against dpkg itself.

#![allow(clippy::print_stdout, reason = "tests say what they skip")]

#[path = "real_configure/images.rs"]
mod images;
#[path = "real_configure/reference.rs"]
mod reference;
#[path = "real_configure/world.rs"]
mod world;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use daruma::tree::{MemoryTree, Node, TreePath};
use images::{Project, text};
use testkit::Deb;
use world::World;

/// A program that no evaluator knows.
const SQUARES: &[u8] = b"#!/usr/bin/awk -f\nBEGIN { for (i = 1; i < 4; i++) print i * i }\n";

/// A package whose postinst is `lines` of a shell script.
fn package(lines: &str) -> Deb {
    files().script("postinst", &script(lines))
}

fn script(lines: &str) -> String {
    format!("#!/bin/sh\nset -e\n{lines}\n")
}

fn files() -> Deb {
    Deb::new("thing", "1")
        .dir("etc/")
        .dir("etc/thing/")
        .file("usr/bin/squares", 0o755, SQUARES)
        .file("etc/thing/shipped", 0o644, b"1\n")
        .file("etc/thing/old", 0o644, b"1\n")
}

fn world(lines: &str) -> Option<World> {
    world_of(package(lines))
}

fn world_of(package: Deb) -> Option<World> {
    match world::missing() {
        Some(why) => {
            println!("skipped: {why}");
            None
        }
        None => Some(World::new(&[package])),
    }
}

fn paths(layer: &MemoryTree) -> Vec<String> {
    layer.iter().map(|entry| entry.path.to_string()).collect()
}

#[test]
fn what_an_unknown_script_changes_is_in_the_image_and_what_ran_it_is_not() {
    let script = "squares > /etc/thing/squares\n\
                  chmod 600 /etc/thing/shipped\nrm /etc/thing/old\n\
                  mkdir -p /var/lib/thing /var/log/thing /tmp/thing\n\
                  sleep 0; echo 2 > /var/log/thing/log; echo patched > /usr/sbin/ldconfig";
    let Some(world) = world(script) else { return };
    let project = world.project("thing");
    let layers = project.build();
    assert_eq!(
        text(&layers[1], "etc/thing/squares").as_deref(),
        Some("1\n4\n9\n")
    );
    insta::assert_snapshot!(paths(&layers[1]).join("\n"), @r"
    etc
    etc/group
    etc/passwd
    etc/thing
    etc/thing/.wh.old
    etc/thing/shipped
    etc/thing/squares
    var
    var/lib
    var/lib/thing
    var/log
    var/log/thing
    ");
    let mode = |path: &str| {
        let path = TreePath::try_from(path).expect("a path");
        layers[1].get(&path).map(|entry| entry.meta.mode)
    };
    assert_eq!(mode("etc/thing/shipped"), Some(0o600));
    assert!(
        paths(&layers[0])
            .iter()
            .all(|path| !path.contains("dpkg/info"))
    );
    let lock = project.lock();
    let configure = lock
        .split("configure = [")
        .nth(1)
        .expect("pins to configure with");
    assert!(configure.contains("name = \"debconf\"") && configure.contains("name = \"dpkg\""));
}

#[test]
fn preinsts_and_triggers_run_as_well() {
    let write = script("squares > /etc/thing/squares");
    let triggered =
        script("case $1 in triggered) squares > /etc/thing/squares;; *) dpkg-trigger thing;; esac");
    let rows = [
        files().script("preinst", &write),
        files()
            .script("postinst", &triggered)
            .script("triggers", "interest thing\n"),
    ];
    for package in rows {
        let Some(world) = world_of(package) else {
            return;
        };
        let layers = world.project("thing").build();
        let squares = text(&layers[1], "etc/thing/squares");
        assert_eq!(squares.as_deref(), Some("1\n4\n9\n"));
    }
}

#[test]
fn a_locked_build_elsewhere_makes_the_same_runner() {
    let Some(world) = world("squares > /etc/thing/made") else {
        return;
    };
    let (first, second) = (world.project("thing"), world.project("thing"));
    let layers = first.build();
    fs_err::write(second.dir.join("daruma.lock"), first.lock()).expect("written");
    assert_eq!(second.build(), layers);
    assert_eq!(second.lock(), first.lock());
}

#[test]
fn scripts_that_cannot_be_taken_are_named_with_what_they_did() {
    let rows = [
        (
            "mkdir -p /boot; squares > /boot/thing",
            "cannot take what the scripts of thing wrote to /boot: no package has anything to write there",
        ),
        (
            "squares; exit 3",
            "cannot configure thing: dpkg ended with 1, after\nSetting up thing (1) ...\n1\n4\n9\n",
        ),
    ];
    for (script, expected) in rows {
        let Some(world) = world(script) else { return };
        let said = world.project("thing").fail(&["build"], 1);
        assert!(said.contains(expected), "{said}");
        assert!(
            said.contains("postinst of thing: line 3: `squares`: a program that is not known"),
            "{said}"
        );
    }
}

#[test]
fn what_is_lacking_to_run_scripts_is_an_error_that_names_them() {
    let Some(world) = world("squares > /etc/thing/made") else {
        return;
    };
    let project = world.project("thing");
    project.build();
    let lock = project.lock();
    let (before, rest) = lock.split_once("configure = [").expect("pins");
    let (_, after) = rest.split_once("\n]\n").expect("their end");
    fs_err::write(project.dir.join("daruma.lock"), format!("{before}{after}")).expect("written");
    let said = project.fail(&["--locked", "build"], 2);
    let expected = "error: cannot use daruma.lock as it is: it has no packages to run scripts with that daruma does not know:\npostinst of thing: line 3: `squares`: a program that is not known";
    assert!(said.contains(expected), "{said}");
    assert!(
        said.contains("hint: run the command without --locked"),
        "{said}"
    );

    let pins: Vec<&str> = rest.split("sha256 = \"").skip(1).take(2).collect();
    for entry in fs_err::read_dir(project.home.join("debs")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if pins.iter().any(|pin| name.starts_with(&pin[..64])) {
            fs_err::remove_file(&path).expect("removed");
        }
    }
    let home = project.home.clone();
    let other = Project {
        home,
        ..world.project("thing")
    };
    fs_err::write(other.dir.join("daruma.lock"), format!("{before}{after}")).expect("written");
    let said = other.fail(&["--offline", "build"], 1);
    let expected = "line 3: `squares`: a program that is not known\ncaused by: cannot fetch the packages that run them";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_build_that_is_killed_in_a_script_leaves_nothing_and_the_next_one_succeeds() {
    let Some(world) = world("sleep 5.03125; squares > /etc/thing/made") else {
        return;
    };
    let project = world.project("thing");
    let mut build = project
        .daruma(&["build"])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("daruma runs");
    until("the script runs", || sleeper().is_some());
    kill(&mut build);
    until("the script is gone", || sleeper().is_none());
    let home = project.home.to_string_lossy().into_owned();
    until("nothing is mounted", || !is_mounted_anywhere(&home));
    let layers = project.build();
    assert_eq!(
        text(&layers[1], "etc/thing/made").as_deref(),
        Some("1\n4\n9\n")
    );
    let left: Vec<String> = fs_err::read_dir(project.home.join("tmp"))
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with("sandbox-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

/// SIGKILL, as the kernel sends it where memory is short.
fn kill(build: &mut Child) {
    build.kill().expect("killed");
    build.wait().expect("ended");
}

/// The process of the script above, wherever its namespace.
fn sleeper() -> Option<String> {
    in_any_process("cmdline", "sleep\x005.03125\x00")
}

/// Whether any mount namespace has something of this directory.
fn is_mounted_anywhere(dir: &str) -> bool {
    in_any_process("mountinfo", dir).is_some()
}

fn in_any_process(file: &str, part: &str) -> Option<String> {
    let processes = fs_err::read_dir("/proc").expect("/proc");
    processes.flatten().find_map(|entry| {
        let bytes = std::fs::read(entry.path().join(file)).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.contains(part).then_some(text)
    })
}

fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn packages_of_the_archive_are_configured_as_dpkg_does_it() {
    if let Some(why) = reference::missing() {
        println!("skipped: {why}");
        return;
    }
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    // Kept between runs: it holds what was downloaded.
    let home = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("configure-home");
    let mut problems = Vec::new();
    let only = std::env::var("DARUMA_CONFIGURE_PACKAGE").ok();
    let wanted =
        |package: &&reference::Package| only.as_deref().is_none_or(|it| it == package.name);
    for package in reference::PACKAGES.iter().filter(wanted) {
        let manifest = format!("[runner]\npackages = [\"{}\"]\n", package.name);
        let project = Project::new(work.path(), &home, &manifest);
        let layers = project.build();
        problems.extend(reference::compare(package, &project, &layers, work.path()));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The layers as one tree of descriptions.
fn described(layers: &[MemoryTree]) -> std::collections::BTreeMap<String, String> {
    let mut out = std::collections::BTreeMap::new();
    for entry in layers.iter().flat_map(MemoryTree::iter) {
        let path = entry.path.to_string();
        if let Some(gone) = path
            .rsplit_once('/')
            .and_then(|(dir, name)| Some(format!("{dir}/{}", name.strip_prefix(".wh.")?)))
        {
            out.remove(&gone);
            continue;
        }
        let meta = &entry.meta;
        let owned = format!("{:o} {}:{}", meta.mode, meta.uid, meta.gid);
        let what = match &entry.node {
            Node::Dir => format!("directory {owned}"),
            Node::File(data) => format!("file {owned} {}", testkit::sha256(data)),
            Node::Symlink(target) => format!("link {}", String::from_utf8_lossy(target)),
            Node::Hardlink(target) => out.get(&target.to_string()).cloned().unwrap_or_default(),
            _ => "other".to_owned(),
        };
        out.insert(path, what);
    }
    out
}
