//! The same images whoever builds them, wherever, with whatever settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::bench::{DARUMA, Said, Skip, World, bare, copy, is_root, need, output, skipped};

const EXAMPLES: [&str; 3] = ["shell-http", "static", "rack-debian"];

/// One way to build.
struct Way {
    user: &'static str,
    umask: &'static str,
    env: [(&'static str, &'static str); 4],
}

const WAYS: [Way; 2] = [
    Way {
        user: "0",
        umask: "022",
        env: [
            ("TZ", "UTC"),
            ("LANG", "C"),
            ("RAYON_NUM_THREADS", "1"),
            ("HOME", "/root"),
        ],
    },
    Way {
        user: "42424",
        umask: "077",
        env: [
            ("TZ", "Pacific/Kiritimati"),
            ("LANG", "tr_TR.UTF-8"),
            ("RAYON_NUM_THREADS", "3"),
            ("HOME", "/"),
        ],
    },
];

#[test]
fn two_users_with_different_settings_get_the_same_digests() {
    if !is_root() {
        return skipped("only root can become another user");
    }
    if let Err(why) = need(&["setpriv"]) {
        return skipped(&why);
    }
    for example in EXAMPLES {
        match WAYS.map(|way| digests(example, &way)) {
            [Ok(one), Ok(other)] => {
                assert!(one.len() >= 3, "{example}: {one:?}");
                assert_eq!(one, other, "{example}");
            }
            [Err(why), _] | [_, Err(why)] => return skipped(&why),
        }
    }
}

/// Role to manifest digest, of a build from nothing.
fn digests(example: &str, way: &Way) -> Result<BTreeMap<String, String>, Skip> {
    let world = World::cold(example)?;
    let inner = world.dir.path().join(format!("of {}", way.user));
    std::fs::create_dir(&inner).expect("a directory");
    let app = inner.join(example);
    copy(&world.app, &app);
    let script = "umask $U; test $U = 022 || chmod -R go= \"$1\"; chown -R $I:$I \"$1\"; shift
        exec setpriv --reuid $I --regid $I --clear-groups \"$@\"";
    let home = inner.join("home");
    let run = |arguments: &[&str]| {
        let mut command = bare(Path::new("/bin/sh"), &home);
        command
            .args(["-c", script, "sh"])
            .arg(&inner)
            .arg(DARUMA)
            .args(arguments);
        command
            .env("U", way.umask)
            .env("I", way.user)
            .envs(way.env)
            .current_dir(&app);
        Said::of(&command.output().expect("run"))
    };
    run(&["build"]).ok();
    let images: serde_json::Value =
        serde_json::from_str(&run(&["images", "--json"]).ok()).expect("JSON");
    let text =
        |image: &serde_json::Value, name: &str| image[name].as_str().expect("text").to_owned();
    let images = images.as_array().expect("a list").iter();
    Ok(images
        .map(|image| (text(image, "role"), text(image, "manifest")))
        .collect())
}

#[test]
fn a_release_needs_the_c_library_and_nothing_else() {
    let program = Path::new(DARUMA)
        .parent()
        .and_then(Path::parent)
        .map(|dir| dir.join("release/daruma"));
    let Some(program) = program.filter(|path| path.is_file()) else {
        return skipped("there is no release build");
    };
    let dynamic = output(Command::new("readelf").arg("-dW").arg(&program)).expect("readelf");
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let names: Vec<&str> = needed
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    // All of them are glibc: the C library, its mathematical part, and its loader.
    let allowed =
        |name: &&str| ["libc.so.6", "libm.so.6"].contains(name) || name.starts_with("ld-linux");
    assert!(names.iter().all(allowed), "{names:?}");
    let version = Command::new(&program)
        .arg("--version")
        .env_clear()
        .output()
        .expect("run");
    assert!(version.stdout.starts_with(b"daruma "), "{version:?}");
}
