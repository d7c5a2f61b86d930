//! Nothing is left after any end, the caller's own by SIGKILL included.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use daruma_sandbox::{Launcher, Outcome, Spec, Stdio as Stream};

use crate::world::{CALLER, World, run, start};

/// With this variable set, the program starts a caller, kills it after so many microseconds, and ends with 0 if all
/// that descended from it is gone in time.
const SUPERVISOR: &str = "DARUMA_TEST_SUPERVISOR";

/// What the promise is.
const IN_TIME: Duration = Duration::from_secs(2);

/// Becomes a supervisor if the environment asks for one.
pub(crate) fn supervise_if_asked() {
    let Ok(delay) = std::env::var(SUPERVISOR) else {
        return;
    };
    let delay = Duration::from_micros(delay.parse().expect("a number"));
    // Orphans of the caller become children of this process, so that none is overlooked.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a subreaper");
    let mut caller = Command::new("/proc/self/exe")
        .env_remove(SUPERVISOR)
        .spawn()
        .expect("a caller");
    std::thread::sleep(delay);
    caller.kill().expect("killed");
    caller.wait().expect("waited");
    std::process::exit(i32::from(!all_gone_in_time()));
}

fn all_gone_in_time() -> bool {
    use rustix::process::{WaitOptions, wait};
    let begun = Instant::now();
    while begun.elapsed() < IN_TIME {
        match wait(WaitOptions::NOHANG) {
            Err(rustix::io::Errno::CHILD) => return true,
            Ok(Some(_)) => {}
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    false
}

fn supervise(world: &World, spec: &Spec, delay: u64) -> bool {
    let file = world.path("spec.json");
    fs::write(&file, serde_json::to_vec(spec).expect("a spec")).expect("written");
    Command::new("/proc/self/exe")
        .env(SUPERVISOR, delay.to_string())
        .env(CALLER, &file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("run")
        .success()
}

fn is_mounted(below: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    mounts.contains(&below.display().to_string())
}

/// Moments from before the launcher runs to when the command has long started.
#[test]
fn a_caller_that_is_killed_at_any_moment_leaves_nothing() {
    let world = World::new();
    let mut spec = world.spec("trap '' TERM INT HUP; sleep 1000 & sleep 1000");
    spec.upper = world.upper_dir();
    for round in 0..40 {
        let world = World::new();
        spec.upper = world.upper_dir();
        spec.scratch = world.path("scratch");
        // Spread over 80 ms without a pattern that the scheduler could share.
        let delay = round * 2003 % 80_000;
        assert!(
            supervise(&world, &spec, delay),
            "something is left after {delay} µs"
        );
        assert!(!is_mounted(world.dir.path()));
    }
}

#[test]
fn nothing_is_mounted_after_success_failure_and_a_start_that_failed() {
    for (script, outcome) in [
        ("exit 0", Outcome::Exited(0)),
        ("exit 9", Outcome::Exited(9)),
    ] {
        let world = World::new();
        let mut spec = world.spec(script);
        spec.upper = world.upper_dir();
        assert_eq!(run(&spec).outcome, outcome);
        assert!(!is_mounted(world.dir.path()));
    }
    let world = World::new();
    let mut spec = world.spec("");
    spec.layers.push(world.path("no-such-layer"));
    let error = Launcher::default()
        .spawn(&spec, [Stream::Null; 3])
        .expect_err("refused");
    assert!(
        error.to_string().starts_with("cannot mount 2 layers"),
        "{error}"
    );
    assert!(!is_mounted(world.dir.path()));
}

#[test]
fn a_launcher_that_is_killed_takes_the_sandbox_along() {
    let world = World::new();
    let mut child = start(&world.spec("sleep 1000"));
    let launcher =
        rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(launcher, rustix::process::Signal::KILL).expect("killed");
    assert_eq!(child.wait().expect("waited"), Outcome::Signalled(9));
}

#[test]
fn secrets_show_in_no_command_line_and_not_in_the_init() {
    let world = World::new();
    let secret = format!("secret-{}", std::process::id());
    let mut spec = world.spec("echo started; read line");
    spec.env.insert("SECRET".to_owned(), secret.clone());
    // A shell that waits for input: one process, which replaces itself by no other while it is looked at.
    let mut child = Launcher::default()
        .spawn(&spec, [Stream::Pipe, Stream::Pipe, Stream::Null])
        .expect("started");
    let mut stdout = child.take_stdout().expect("a pipe");
    std::io::Read::read_exact(&mut stdout, &mut [0; 8]).expect("started");
    let holders = |file: &str| -> usize {
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let texts = processes.filter_map(|entry| fs::read(entry.path().join(file)).ok());
        texts
            .filter(|text| String::from_utf8_lossy(text).contains(&secret))
            .count()
    };
    assert_eq!(holders("cmdline"), 0);
    // The control: the command itself has it, and nobody else.
    assert_eq!(holders("environ"), 1);
    child.kill();
    child.wait().expect("waited");
}
