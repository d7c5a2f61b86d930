//! Builds that end before their time: killed at any moment, or without room.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use testkit::{Bench, World};

use crate::background::nothing_is_left;
use crate::shop::{self, Shop};
use crate::store;

/// As many moments as the project promises to survive.
const KILLS: usize = 50;

/// A generator of numbers that are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A cold bench in `world` with the shop's files.
fn cold(world: &World) -> Bench {
    let bench = shop::bench(world);
    shop::declare(&bench, world, "");
    shop::fill(&bench);
    bench
}

#[test]
fn a_build_killed_at_any_moment_is_completed_by_the_next() {
    let Some(shop) = Shop::open() else { return };
    let start = Instant::now();
    let expected = shop.build();
    let whole = u64::try_from(start.elapsed().as_micros()).expect("short");
    let mut random = Random(0x6461_7275_6d61);
    let moments: Vec<Duration> = (0..KILLS)
        .map(|_| Duration::from_micros(random.below(whole)))
        .collect();
    let queue = Mutex::new(moments.into_iter());
    let next = || queue.lock().expect("locked").next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(moment) = next() {
                    let bench = cold(&shop.world);
                    killed_after(&bench, moment);
                    let outcome = bench.run(&["build", "-q"]).success();
                    assert_eq!(shop::digests(&outcome), expected, "killed after {moment:?}");
                    is_sound(&bench);
                }
            });
        }
    });
}

fn killed_after(bench: &Bench, moment: Duration) {
    let mut command = bench.command(&["build", "-q"]);
    let mut child = command.stdout(Stdio::null()).spawn().expect("started");
    std::thread::sleep(moment);
    child.kill().expect("killed");
    child.wait().expect("waited");
    nothing_is_left(bench);
}

/// Every blob is what its name says, nothing runs, and `gc` finds nothing that it cannot remove.
fn is_sound(bench: &Bench) {
    store::verify(&bench.cache());
    nothing_is_left(bench);
    let swept = bench.run(&["gc"]).success();
    assert!(!swept.stderr.contains("warning"), "{swept}");
    store::verify(&bench.cache());
    let again = bench.run(&["build"]).success();
    assert_eq!(again.stderr.matches(" unchanged").count(), 3, "{again}");
}

#[test]
fn ctrl_c_in_a_build_ends_it_and_the_next_completes_it() {
    let Some(shop) = Shop::open() else { return };
    let path = shop
        .world
        .server
        .paths("/perl-base/")
        .pop()
        .expect("a path");
    shop.world
        .server
        .fault(&path, testkit::Fault::HangAfter(1_000));
    let build = crate::background::Background::start(&shop.bench, &["build"]);
    crate::background::until("the download", || {
        shop.world.server.count("/perl-base/") > 0
    });
    build.signal(rustix::process::Signal::INT);
    assert_eq!(build.end().code(), 130);
    shop.world.server.heal();
    shop.build();
    is_sound(&shop.bench);
}

#[test]
fn what_a_killed_daruma_was_writing_is_no_part_of_the_source() {
    let Some(shop) = Shop::open() else { return };
    let first = shop.build();
    shop.bench.write(".daruma-Ab3dE9.tmp", "half a lock");
    assert_eq!(shop.build(), first);
}

/// Builds with a home of so much room, then with enough; the home is copied to where it can be looked at.
const SCRIPT: &str = r#"
mount -t tmpfs -o "size=$1" tmpfs "$DARUMA_HOME" || exit 99
"$0" build -q
code=$?
mount -o remount,size=1g "$DARUMA_HOME" || exit 99
"$0" build -q > "$2/built" || exit 98
cp -a "$DARUMA_HOME" "$2/kept" || exit 99
exit $code
"#;

#[test]
fn a_full_disk_is_a_clear_error_and_room_heals_it() {
    let Some(shop) = Shop::open() else { return };
    let expected = shop.build();
    if !can_mount() {
        println!("skipped: this user cannot mount a small file system");
        return;
    }
    let mut failures = 0;
    for room in ["100k", "1m", "4m", "7m", "10m", "13m", "16m", "100m"] {
        let bench = cold(&shop.world);
        fs_err::create_dir(bench.cache()).expect("a place to mount");
        let outcome = with_room(&bench, room);
        let built = fs_err::read_to_string(bench.path("built")).unwrap_or_default();
        let rows = expected
            .iter()
            .all(|(name, digest)| built.contains(&format!("{name}  {digest}")));
        assert!(
            rows,
            "with {room}, then room, the same is built:\n{outcome}"
        );
        store::verify(&bench.path("kept"));
        if outcome.code() != 0 {
            failures += 1;
            assert_eq!(outcome.code(), 1, "{outcome}");
            assert!(
                outcome.stderr.contains("No space left on device"),
                "{room}: {outcome}"
            );
        }
    }
    assert!(
        (3..8).contains(&failures),
        "{failures} sizes were too small"
    );
}

/// In a mount namespace of its own, so that nothing is left on this machine.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::getuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

fn can_mount() -> bool {
    let mount = ["mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    let output = unshare().args(mount).output();
    output.is_ok_and(|output| output.status.success())
}

fn with_room(bench: &Bench, room: &str) -> testkit::Outcome {
    let ordinary = bench.command::<&str>(&[]);
    let mut command = unshare();
    command
        .args(["sh", "-c", SCRIPT])
        .arg(shop::DARUMA)
        .arg(room)
        .arg(bench.path(""));
    command.env_clear().current_dir(bench.project());
    command.envs(
        ordinary
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    bench.finish(command)
}

/// A place that is no directory, or that nobody may write to.
#[test]
fn a_home_that_cannot_be_used_is_named() {
    let bench = Bench::new(shop::DARUMA);
    let file = bench.path("file");
    fs_err::write(&file, "").expect("a file");
    let bench = bench.env("DARUMA_HOME", file.to_string_lossy());
    bench.write("Procfile", "web: true\n");
    insta::assert_snapshot!(bench.run(&["build"]), @"
    exit code 1
    --- stderr
    error: cannot prepare the cache directory
      caused by: failed to create directory `[DIR]/file/tmp`: Not a directory (os error 20)
    ");
    let bench = bench
        .env("DARUMA_HOME", "")
        .env("HOME", "")
        .env("XDG_CACHE_HOME", "");
    insta::assert_snapshot!(bench.run(&["images"]), @"
    exit code 1
    --- stderr
    error: cannot find a cache directory: neither DARUMA_HOME, XDG_CACHE_HOME nor HOME is set
    ");
    let bench = bench.env("DARUMA_HOME", "/proc/daruma");
    insta::assert_snapshot!(bench.run(&["images"]), @"
    exit code 1
    --- stderr
    error: cannot prepare the cache directory
      caused by: failed to create directory `/proc/daruma/tmp`: No such file or directory (os error 2)
    ");
}
