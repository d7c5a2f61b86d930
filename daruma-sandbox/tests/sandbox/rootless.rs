//! The same as an ordinary user: the tests of the other files, run by one, with subordinate ids and without.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use daruma_sandbox::{Ids, Launcher, Outcome, Owner, Ownership, probe};

use crate::world::{World, find, proc_is_shared, run, say, skip};

/// An id that no user of the machine has.
const UID: &str = "42424";

/// Runs tests of this program, by name, as an ordinary user; `subids` are the lines of subuid(5) that are seen.
fn as_user(world: &World, subids: &str, tests: &[&str]) -> Output {
    as_user_after(world, "", subids, tests)
}

/// As [`as_user`], after shell commands that root runs in the mount namespace.
fn as_user_after(world: &World, before: &str, subids: &str, tests: &[&str]) -> Output {
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
    let script = format!("{before}{script}");
    Command::new("unshare")
        .args(["-m", "sh", "-c", &script, "sh"])
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

/// An engine's containers cover parts of `/proc`; the kernel then refuses a new one to a user namespace.
#[test]
fn commands_run_where_proc_is_masked_as_in_a_container() {
    if let Some(why) = cannot() {
        return skip(why);
    }
    let world = World::new();
    // Another `/proc` that somebody mounted, for a chroot, would do for the kernel.
    let masked = "mount -t tmpfs -o ro,size=0 tmpfs /proc/sys; grep ' - proc ' /proc/self/mountinfo \
         | cut -d' ' -f5 | grep -vx /proc | xargs -r umount -l; ";
    let output = as_user_after(&world, masked, "", &["run::", "ordinary::"]);
    assert_passed(&output);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("an own /proc: no"), "{text}");
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

    /// The price of a masked `/proc`, and that it is paid only there.
    #[test]
    fn processes_outside_show_only_where_proc_is_masked() {
        let shared = proc_is_shared();
        say(&format!(
            "an own /proc: {}",
            if shared { "no" } else { "yes" }
        ));
        let world = World::new();
        let script = format!("test -e /proc/{}", std::process::id());
        let wanted = Outcome::Exited(u8::from(!shared));
        assert_eq!(run(&world.spec(&script)).outcome, wanted);
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
            // Root has no use for a single id; the suite runs again as an ordinary user, where this counts.
            return;
        }
        assert_eq!(run(&spec).outcome, Outcome::Exited(1));
    }

    #[test]
    fn a_layer_is_given_to_the_ids_inside() {
        if Ids::detect() == Ids::Single {
            return skip("there is one id only");
        }
        let world = World::new();
        let layer = world.path("layer");
        fs::create_dir_all(layer.join("data")).expect("a directory");
        fs::write(layer.join("data/file"), "").expect("written");
        let mut spec = world.spec("stat -c %u:%g:%a /data/file");
        let owner = |path: &str| Owner {
            path: path.into(),
            uid: 1000,
            gid: 5,
            mode: Some(0o4711),
        };
        let launcher = Launcher::default();
        launcher
            .set_owners(&spec.ids, &layer, &[owner("data/file")])
            .expect("given");
        spec.layers.push(layer.clone());
        assert_eq!(run(&spec).stdout, "1000:5:4711\n");
        std::os::unix::fs::symlink("/etc", layer.join("link")).expect("a link");
        for path in ["link/passwd", "../secret"] {
            let refused = launcher.set_owners(&spec.ids, &layer, &[owner(path)]);
            assert!(refused.is_err(), "{path}");
        }
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
