//! What is damaged is made again or named, never put into an image; what is away is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bench::{Said, World, bare, is_root, need, output, skipped};

type Damage = fn(&Path);

/// Ways to damage a file.
const DAMAGES: [(&str, Damage); 3] = [
    ("cut off", |path| {
        let file = fs::File::options().write(true).open(path).expect("opened");
        file.set_len(600).expect("cut");
    }),
    ("one byte changed", |path| {
        let mut bytes = fs::read(path).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        fs::write(path, bytes).expect("written");
    }),
    ("emptied", |path| fs::write(path, "").expect("written")),
];

fn files(dir: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .expect("a directory")
        .filter_map(Result::ok);
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(end));
    files.sort();
    files
}

fn largest(dir: &Path, end: &str) -> PathBuf {
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |found| found.len());
    files(dir, end)
        .into_iter()
        .max_by_key(size)
        .expect("a file")
}

fn forget_images(world: &World) {
    for dir in ["oci", "roots"] {
        let _ = fs::remove_dir_all(world.home.join(dir));
    }
}

#[test]
fn a_damaged_member_is_made_again() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let good = world.run(&["build", "--offline"]).ok();
    let debs = world.home.join("debs");
    for (what, damage) in DAMAGES {
        for end in [".tar", ".tar.gz", ".json"] {
            if (what, end) == ("one byte changed", ".json") {
                continue;
            }
            forget_images(&world);
            damage(&files(&debs, end)[7]);
            let again = world.run(&["build", "--offline"]);
            assert_eq!(
                (again.code, &again.out),
                (0, &good),
                "{end} {what}: {}",
                again.err
            );
        }
    }
}

#[test]
fn a_damaged_package_is_fetched_again() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let good = world.run(&["build"]).ok();
    let debs = world.home.join("debs");
    for (what, damage) in DAMAGES {
        forget_images(&world);
        let deb = &files(&debs, ".deb")[7];
        damage(deb);
        let name = deb
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        for member in files(&debs, "")
            .iter()
            .filter(|path| path.to_string_lossy().contains(&name))
        {
            if member != deb {
                fs::remove_file(member).expect("removed");
            }
        }
        let offline = world.run(&["build", "--offline"]);
        assert_eq!((offline.code, offline.out.as_str()), (1, ""), "{what}");
        assert!(
            offline.err.contains("cannot fetch offline: pool/"),
            "{what}: {}",
            offline.err
        );
        let again = world.run(&["build"]);
        assert_eq!(
            (again.code, &again.out),
            (0, &good),
            "{what}: {}",
            again.err
        );
    }
}

#[test]
fn a_damaged_blob_is_made_again_or_named_with_what_helps() {
    let world = match World::warm() {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let good = world.run(&["build", "--offline"]).ok();
    let blob = largest(&world.home.join("oci/blobs/sha256"), "");
    let tar = format!("tar:{}", world.dir.path().join("app.tar").display());
    for (what, damage) in DAMAGES {
        damage(&blob);
        let mut again = world.run(&["build", "--offline", "--output", &tar]);
        if again.code != 0 {
            // A size is seen at once; content only by those who read it.
            assert_eq!(what, "one byte changed", "{}", again.err);
            assert!(again.err.contains("daruma gc --verify"), "{}", again.err);
            assert!(
                world
                    .run(&["gc", "--verify"])
                    .ok()
                    .contains("removed the damaged blob")
            );
            again = world.run(&["build", "--offline", "--output", &tar]);
        }
        assert_eq!(
            (again.code, &again.out),
            (0, &good),
            "{what}: {}",
            again.err
        );
    }
    world.run(&["exec", "--", "true"]).ok();
}

#[test]
fn without_a_network_the_exit_code_says_try_again() {
    let world = match World::cold("shell-http").and_then(|world| need(&["unshare"]).map(|()| world))
    {
        Ok(world) if is_root() => world,
        Ok(_) => return skipped("it needs root"),
        Err(why) => return skipped(&why),
    };
    let mut cut = bare(Path::new("/usr/bin/unshare"), &world.home);
    cut.args(["--net", crate::bench::DARUMA, "build"])
        .current_dir(&world.app);
    let mut dead_proxy = world.command(&["build"]);
    for name in ["http_proxy", "https_proxy"] {
        dead_proxy.env(name, "http://127.0.0.1:9");
    }
    for (what, mut command) in [("no network", cut), ("a dead proxy", dead_proxy)] {
        let said = Said::of(&command.output().expect("run"));
        assert_eq!(said.code, 75, "{what}: {}", said.err);
        assert!(
            said.err.contains("hint: check the network"),
            "{what}: {}",
            said.err
        );
        assert!(!world.app.join("daruma.lock").exists(), "{what}");
    }
    world.run(&["build"]).ok();
}

#[test]
fn a_bare_environment_is_enough_for_a_cold_start() {
    let world = match World::cold("rack-debian") {
        Ok(world) => world,
        Err(why) => return skipped(&why),
    };
    let home = world.dir.path().join("of a user");
    fs::create_dir(&home).expect("a directory");
    let mut build = world.command(&["build"]);
    build
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", &home);
    output(&mut build).expect("built");
    assert!(home.join(".cache/daruma/oci/index.json").is_file());
    let mut nowhere = world.command(&["build"]);
    let said = Said::of(&nowhere.env_clear().output().expect("run"));
    assert_eq!(said.code, 1);
    assert!(said.err.contains("DARUMA_HOME"), "{}", said.err);
}

#[test]
fn a_full_disk_and_a_closed_directory_are_said_and_leave_nothing_wrong() {
    let world = match World::warm().and_then(|world| need(&["mount", "setpriv"]).map(|()| world)) {
        Ok(world) if is_root() => world,
        Ok(_) => return skipped("it needs root"),
        Err(why) => return skipped(&why),
    };
    let small = world.dir.path().join("small");
    fs::create_dir(&small).expect("a directory");
    // In a mount namespace, which ends with the command: a small disk, filled to several levels, then a larger one.
    let script = "set -e; cd \"$A\"; mount -t tmpfs -o size=8m tmpfs \"$S\"
        for size in 8m 40m 90m 150m; do
            mount -o remount,size=$size \"$S\"; code=0; DARUMA_HOME=\"$S/home\" \"$P\" build || code=$?
            echo \"$size $code\"
        done
        mount -o remount,size=900m \"$S\"; DARUMA_HOME=\"$S/home\" \"$P\" build";
    let mut unshare = bare(Path::new("/usr/bin/unshare"), &world.home);
    unshare
        .args(["--mount", "sh", "-c", script])
        .stderr(Stdio::piped());
    unshare
        .env("S", &small)
        .env("A", &world.app)
        .env("P", crate::bench::DARUMA);
    let said = Said::of(&unshare.output().expect("run"));
    let good = world.run(&["build", "--offline"]).ok();
    assert!(said.out.ends_with(&good), "{}{}", said.out, said.err);
    assert!(
        said.out.starts_with("8m 1\n40m 1\n"),
        "{}{}",
        said.out,
        said.err
    );
    assert!(said.err.contains("No space left on device"), "{}", said.err);

    let mut stranger = Command::new("setpriv");
    stranger.args([
        "--reuid",
        "42424",
        "--regid",
        "42424",
        "--clear-groups",
        crate::bench::DARUMA,
        "build",
    ]);
    stranger
        .current_dir(&world.app)
        .env("DARUMA_HOME", &world.home);
    let said = Said::of(&stranger.output().expect("run"));
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("Permission denied") && said.err.contains("/home/"),
        "{}",
        said.err
    );
}
