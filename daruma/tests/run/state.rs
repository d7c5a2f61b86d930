//! Which apps run: leases, state files, `stop`, also across a daruma that was killed.

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use daruma::home::Home;
use daruma::run::{
    AppId, Cause, HowStopped, ProcessState, RunDir, SuperviseOptions, Supervisor, forward_signals,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{
    HOME, HostEngine, LONG, Recorder, SCRIPT, no_forks, second_daruma, service, until,
};

fn app() -> AppId {
    "shop-1a2b".parse().expect("a name")
}

fn processes() -> Vec<ProcessState> {
    vec![ProcessState {
        name: "web".parse().expect("a name"),
        port: Some(3000),
        image: None,
    }]
}

fn run_dir() -> (tempfile::TempDir, RunDir) {
    let dir = tempfile::tempdir().expect("tempdir");
    let runs = RunDir::new(&Home::open(dir.path()).expect("opened"));
    (dir, runs)
}

#[test]
fn a_second_start_of_a_running_app_names_who_runs_it() {
    let (dir, runs) = run_dir();
    let _alone = no_forks();
    let lease = runs.claim(&app()).expect("claimed");
    let starting = runs.claim(&app()).expect_err("refused").to_string();
    assert!(
        starting.contains("it runs already as another process"),
        "{starting}"
    );
    lease.publish(None, processes(), 0).expect("published");
    let pid = std::process::id();
    let error = runs.claim(&app()).expect_err("refused").to_string();
    let expected =
        format!("cannot start shop-1a2b: it runs already as pid {pid} (`daruma stop` ends it)");
    assert_eq!(error, expected);
    assert_eq!(runs.list().expect("listed").len(), 1);
    drop(lease);
    assert!(!dir.path().join("run/shop-1a2b.json").exists());
    assert!(runs.list().expect("listed").is_empty());
    runs.claim(&app()).expect("free again");
}

#[test]
fn looking_never_disturbs_a_start() {
    let (_dir, runs) = run_dir();
    let _alone = no_forks();
    let publish = || {
        // The lookers get the free lock to themselves for a while.
        thread::sleep(Duration::from_millis(2));
        let lease = runs.claim(&app()).expect("never refused");
        lease.publish(None, processes(), 0).expect("published");
    };
    publish();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    runs.running(&app()).expect("looked");
                }
            });
        }
        let published =
            panic::catch_unwind(panic::AssertUnwindSafe(|| (0..100).for_each(|_| publish())));
        done.store(true, Ordering::Relaxed);
        published.expect("never refused");
    });
}

/// Also what the tests below run as another daruma, which then ends with the app's exit code.
#[test]
fn an_app_runs_under_the_real_signals_and_its_lease() {
    let (_dir, own) = run_dir();
    let other = std::env::var_os(HOME).map(|home| Home::open(home.as_ref()).expect("opened"));
    let runs = other.as_ref().map_or(own, RunDir::new);
    let script = std::env::var(SCRIPT).unwrap_or_else(|_| "echo up; sleep 0.1".to_owned());
    let engine = HostEngine;
    let recorder = Recorder::new();
    let supervisor = Supervisor::new(&engine, recorder.clone(), options());
    let _guard = forward_signals(&Supervisor::SIGNALS, supervisor.signals()).expect("listening");
    let lease = runs.claim(&app()).expect("claimed");
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            recorder.wait_for("web | up");
            lease.publish(None, processes(), 0).expect("published");
        });
        supervisor.run(&[service("web", &script)]).expect("ran")
    });
    drop(lease);
    if other.is_some() {
        std::process::exit(outcome.cause.code().into());
    }
    assert_eq!(outcome.cause, Cause::AllDone);
}

/// A grace that no test waits for.
fn options() -> SuperviseOptions {
    SuperviseOptions {
        grace: LONG * 10,
        ..SuperviseOptions::default()
    }
}

#[test]
fn the_second_ctrl_c_at_the_keyboard_kills() {
    let (dir, runs) = run_dir();
    let told = dir.path().join("told");
    let script = format!(
        "trap ': > {}' TERM; echo up; while :; do sleep 0.05; done",
        told.display()
    );
    let mut other = second_daruma(dir.path(), &script);
    let state = until(|| runs.running(&app()).expect("looked"));
    let interrupt = || {
        let pid = i32::try_from(state.pid)
            .ok()
            .and_then(Pid::from_raw)
            .expect("a pid");
        kill_process(pid, Signal::INT).expect("sent");
    };
    interrupt();
    until(|| told.exists().then_some(()));
    interrupt();
    let status = until(|| other.try_wait().expect("waited"));
    assert_eq!(status.code(), Some(130));
}

#[test]
fn a_killed_daruma_leaves_a_state_that_is_ignored_and_removed() {
    let (dir, runs) = run_dir();
    let mut other = second_daruma(dir.path(), "echo up; exec sleep 5");
    let state = until(|| runs.running(&app()).expect("looked"));
    assert_eq!((state.pid, &state.processes), (other.id(), &processes()));
    other.kill().expect("killed");
    other.wait().expect("waited");
    let path = dir.path().join("run/shop-1a2b.json");
    let _alone = no_forks();
    assert!(path.exists(), "kill -9 leaves the file");
    assert!(runs.list().expect("listed").is_empty());
    assert!(!path.exists(), "looking removes it");
    let error = runs.stop(&app(), LONG).expect_err("refused").to_string();
    assert_eq!(error, "cannot stop shop-1a2b: it does not run");
}

#[test]
fn stop_ends_another_daruma_and_its_app_in_order() {
    let (dir, runs) = run_dir();
    let mut other = second_daruma(dir.path(), "echo up; exec sleep 60");
    let pid = until(|| runs.running(&app()).expect("looked")).pid;
    let reaper = thread::spawn(move || other.wait().expect("waited").code());
    let stopped = runs.stop(&app(), LONG).expect("stopped");
    assert_eq!((stopped.pid, stopped.how), (pid, HowStopped::Terminated));
    assert_eq!(reaper.join().expect("joined"), Some(143));
    assert!(runs.list().expect("listed").is_empty());
}

#[test]
fn stop_kills_a_daruma_that_takes_longer_than_the_grace() {
    let (dir, runs) = run_dir();
    let script =
        "trap '' TERM; echo up; i=0; while [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done";
    let mut other = second_daruma(dir.path(), script);
    until(|| runs.running(&app()).expect("looked"));
    let stopped = runs
        .stop(&app(), Duration::from_millis(200))
        .expect("stopped");
    assert_eq!(stopped.how, HowStopped::Killed);
    other.wait().expect("waited");
    assert!(runs.running(&app()).expect("looked").is_none());
}
