//! The same as an ordinary user: the tests of the other files, run by one, with subordinate ids and without.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use daruma_sandbox::{Ids, Launcher, Outcome, Ownership, probe};

use crate::world::{World, find, run, skip};

/// An id that no user of the machine has.
const UID: &str = "42424";

/// Runs tests of this program, by name, as an ordinary user; `subids` are the lines of subuid(5) that are seen.
fn as_user(world: &World, subids: &str, tests: &[&str]) -> Output {
    let program = world.path("tests");
    fs::copy("/proc/self/exe", &program).expect("copied");
    let home = world.path("home");
    fs::create_dir_all(&home).expect("a directory");
    for dir in [world.dir.path(), &home] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).expect("opened");
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("users")
        + &format!("daruma-test:x:{UID}:{UID}::/:/bin/sh\n");
    fs::write(world.path("passwd"), passwd).expect("written");
    fs::write(world.path("subids"), subids).expect("written");
    // The files of users are replaced in a mount namespace only.
    let script = "set -e; for f in subuid subgid; do test -e /etc/$f && mount --bind \"$D/subids\" /etc/$f; done; \
         mount --bind \"$D/passwd\" /etc/passwd; exec setpriv --reuid $U --regid $U --clear-groups \
         env TMPDIR=\"$D/home\" \"$D/tests\" --nocapture \"$@\"";
    Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .args(tests)
        .env("D", world.dir.path())
        .env("U", UID)
        .output()
        .expect("run")
}

fn assert_passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(!text.contains(" 0 passed"), "{text}");
}

const ALL: [&str; 5] = [
    "run::",
    "escape::",
    "lifeline::",
    "terminal::",
    "ordinary::",
];

fn cannot() -> Option<&'static str> {
    if Ids::detect() != Ids::Same {
        return Some("only root can become another user");
    }
    None
}

#[test]
fn all_works_for_an_ordinary_user_with_a_single_id() {
    if let Some(why) = cannot() {
        return skip(why);
    }
    let world = World::new();
    assert_passed(&as_user(&world, "", &ALL));
}

#[test]
fn all_works_for_an_ordinary_user_with_subordinate_ids() {
    if let Some(why) = cannot() {
        return skip(why);
    }
    if find("newuidmap").is_none() || !Path::new("/etc/subuid").exists() {
        return skip("newuidmap is not installed");
    }
    let world = World::new();
    assert_passed(&as_user(&world, "daruma-test:700000:65536\n", &ALL));
}

/// Run by the tests above; as root they only say so.
mod ordinary {
    use super::*;

    #[test]
    fn what_is_found_also_works() {
        let support = probe(&Launcher::default()).expect("some support");
        assert_eq!(support.ids, Ids::detect());
        assert_eq!(support.instead_of, None);
    }

    #[test]
    fn owners_are_real_with_ranges_and_pretended_with_one_id() {
        let world = World::new();
        let mut spec = world.spec("touch /f && chown 7:8 /f && stat -c %u:%g /f");
        spec.upper = world.upper_dir();
        spec.ownership = Ownership::Pretended;
        let ended = run(&spec);
        let shown = if spec.ids == Ids::Single {
            "0:0\n"
        } else {
            "7:8\n"
        };
        assert_eq!(
            (ended.stdout.as_str(), ended.outcome),
            (shown, Outcome::Exited(0)),
            "{}",
            ended.stderr
        );
    }

    #[test]
    fn a_single_id_fails_to_change_owners_where_nothing_is_pretended() {
        let world = World::new();
        let mut spec = world.spec("touch /f && chown 7:8 /f");
        spec.ids = Ids::Single;
        if Ids::detect() == Ids::Same {
            return skip("as root a single id is not used");
        }
        assert_eq!(run(&spec).outcome, Outcome::Exited(1));
    }

    #[test]
    fn directories_that_only_the_inner_root_may_enter_are_removed() {
        let world = World::new();
        let mut spec = world.spec("mkdir -p /d/e && touch /d/e/f && chown 7:8 /d/e /d/e/f && chmod 700 /d/e && chmod 0 /d");
        spec.upper = world.upper_dir();
        spec.ownership = Ownership::Pretended;
        assert_eq!(run(&spec).outcome, Outcome::Exited(0));
        let (upper, work) = (world.path("upper"), world.path("work"));
        Launcher::default()
            .remove(&spec.ids, &[&upper, &work])
            .expect("removed");
        assert!(!upper.exists() && !work.exists());
    }
}
