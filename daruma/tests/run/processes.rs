//! Lifecycle and output of an app's processes.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::bench::{HostEngine, LONG, Recorder, job, nothing, service, supervise};
use daruma::engine::{Signal, Status};
use daruma::run::{
    Cause, Colour, LogFormat, Mask, OneOff, PrefixedLog, SignalTarget, SuperviseOptions,
    Supervisor, Terminal,
};

/// Runs until it is told to end, and says so.
const POLITE: &str = "trap 'echo got TERM; exit 0' TERM; echo up; while :; do sleep 0.05; done";

/// Says that it will not end.
const STUBBORN: &str = "trap 'echo no' TERM; echo up; while :; do sleep 0.05; done";

fn exited(process: &str, code: u8) -> Cause {
    Cause::Failed {
        process: process.parse().expect("a name"),
        status: Status::Exited(code),
    }
}

/// Sends these signals once every one of the processes is up.
fn signal_when_up(
    processes: &'static [&'static str],
    signals: &'static [Signal],
) -> impl Fn(&Recorder, &SignalTarget) {
    move |recorder, target| {
        for process in processes {
            recorder.wait_for(&format!("{process} | up"));
        }
        for signal in signals {
            target.send(*signal);
        }
    }
}

#[test]
fn the_first_failure_stops_the_rest_and_is_the_exit_code() {
    let services = [
        service("web", POLITE),
        service("worker", "echo failing >&2; sleep 0.5; exit 7"),
    ];
    let (outcome, seen) = supervise(&services, SuperviseOptions::default(), nothing);
    let outcome = outcome.expect("ran");
    assert_eq!(
        (outcome.cause.code(), &outcome.cause),
        (7, &exited("worker", 7))
    );
    assert_eq!(outcome.last_lines, ["failing"]);
    assert!(outcome.killed.is_empty());
    assert!(seen.has("web | got TERM"), "{seen:?}");
    assert!(
        seen.has("* worker exited with 7; stopping web (up to 10 s)"),
        "{seen:?}"
    );
}

#[test]
fn a_process_that_exits_with_0_leaves_the_others() {
    let services = [
        service("migrate", "exit 0"),
        service("web", "sleep 0.4; echo still here"),
    ];
    let (outcome, seen) = supervise(&services, SuperviseOptions::default(), nothing);
    assert_eq!(outcome.expect("ran").cause, Cause::AllDone);
    assert!(seen.has("web | still here"), "{seen:?}");
    assert_eq!(Cause::AllDone.code(), 0);
}

#[test]
fn a_process_ended_by_a_signal_is_a_failure_with_128_and_its_number() {
    let services = [service("web", "kill -9 $$")];
    let (outcome, _) = supervise(&services, SuperviseOptions::default(), nothing);
    assert_eq!(outcome.expect("ran").cause.code(), 137);
}

#[test]
fn sigterm_sighup_and_ctrl_c_reach_every_process_as_sigterm() {
    const CASES: [(&[Signal], u8); 3] = [
        (&[Signal::Terminate], 143),
        (&[Signal::Interrupt], 130),
        (&[Signal::Hangup], 129),
    ];
    for (signals, code) in CASES {
        let services = [service("web", POLITE), service("worker", POLITE)];
        let act = signal_when_up(&["web", "worker"], signals);
        let (outcome, seen) = supervise(&services, SuperviseOptions::default(), act);
        let outcome = outcome.expect("ran");
        assert_eq!((outcome.cause.code(), outcome.killed.len()), (code, 0));
        assert!(
            seen.has("web | got TERM") && seen.has("worker | got TERM"),
            "{seen:?}"
        );
    }
}

#[test]
fn what_ignores_sigterm_is_killed_after_the_grace() {
    let options = SuperviseOptions {
        grace: Duration::from_millis(300),
        ..SuperviseOptions::default()
    };
    let act = signal_when_up(&["web"], &[Signal::Terminate]);
    let (outcome, seen) = supervise(&[service("web", STUBBORN)], options, act);
    let outcome = outcome.expect("ran");
    assert_eq!(outcome.killed, ["web".parse().expect("a name")]);
    assert_eq!(outcome.cause.code(), 143);
    assert!(seen.has("* killing web"), "{seen:?}");
}

#[test]
fn the_second_ctrl_c_kills_without_waiting_for_the_grace() {
    let options = SuperviseOptions {
        grace: LONG,
        ..SuperviseOptions::default()
    };
    let act = signal_when_up(&["web"], &[Signal::Interrupt, Signal::Interrupt]);
    let (outcome, _) = supervise(&[service("web", STUBBORN)], options, act);
    let outcome = outcome.expect("ran");
    assert_eq!((outcome.cause.code(), outcome.killed.len()), (130, 1));
}

#[test]
fn a_signal_before_the_start_starts_nothing() {
    let engine = HostEngine;
    let recorder = Recorder::new();
    let supervisor = Supervisor::new(&engine, recorder.clone(), SuperviseOptions::default());
    supervisor.signals().send(Signal::Interrupt);
    let outcome = supervisor.run(&[service("web", "exit 3")]).expect("ran");
    assert_eq!(outcome.cause.code(), 130);
    assert!(!recorder.seen().has("* web started"));
}

#[test]
fn every_line_is_given_before_the_end_partial_long_and_foreign_ones_too() {
    let script = r"printf 'a\r\nb\nhunter2-secret\n\377\n'; printf 'err\n' >&2
        head -c 40000 /dev/zero | tr '\0' x; printf '\npartial'";
    let options = SuperviseOptions {
        mask: Mask::new(["hunter2-secret"]),
        ..SuperviseOptions::default()
    };
    let (outcome, seen) = supervise(&[service("web", script)], options, nothing);
    assert_eq!(outcome.expect("ran").cause, Cause::AllDone);
    let lines = seen.lines_of("web");
    let long: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with('x'))
        .collect();
    assert_eq!((long.len(), long.concat().len()), (3, 40_000));
    for expected in ["a", "b", "•••", "\u{fffd}", "err", "partial"] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected} in {lines:?}"
        );
    }
    assert!(!lines.iter().any(|line| line.contains("hunter2")));
    assert_eq!(
        seen.0.last().map(String::as_str),
        Some("* web exited with 0")
    );
}

#[test]
fn many_lines_of_several_processes_arrive_in_order_and_whole() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done";
    let services = ["a", "b", "c"].map(|name| service(name, script));
    let (outcome, seen) = supervise(&services, SuperviseOptions::default(), nothing);
    assert_eq!(outcome.expect("ran").cause, Cause::AllDone);
    let expected: Vec<String> = (0..3000).map(|n| format!("line {n}")).collect();
    for name in ["a", "b", "c"] {
        assert_eq!(seen.lines_of(name), expected, "{name}");
    }
}

#[test]
fn output_that_nobody_takes_stops_the_app() {
    let engine = HostEngine;
    let supervisor = Supervisor::new(&engine, Recorder::broken(), SuperviseOptions::default());
    let outcome = supervisor.run(&[service("web", "while :; do echo y; sleep 0.01; done")]);
    assert_eq!(outcome.expect("ran").cause, Cause::OutputClosed);
}

#[test]
fn a_process_that_cannot_be_started_stops_those_before_it_and_is_the_error() {
    let mut missing = service("worker", "");
    missing.job = job(&["/nonexistent/program"]);
    let services = [service("web", "exec sleep 60"), missing];
    let (outcome, seen) = supervise(&services, SuperviseOptions::default(), nothing);
    let error = outcome.expect_err("refused");
    assert_eq!(error.to_string(), "cannot start process `worker`");
    assert!(
        seen.has("* worker could not be run; stopping web (up to 10 s)"),
        "{seen:?}"
    );
    assert!(seen.has("* web was ended by signal 15"), "{seen:?}");
    assert!(!seen.has("* worker started"), "{seen:?}");
}

#[test]
fn a_process_that_is_given_twice_is_refused() {
    let services = [service("web", "exit 0"), service("web", "exit 0")];
    let (outcome, _) = supervise(&services, SuperviseOptions::default(), nothing);
    assert_eq!(
        outcome.expect_err("refused").to_string(),
        "cannot start `web` twice"
    );
}

#[test]
fn a_one_off_command_gets_its_signals_as_they_are_and_returns_its_status() {
    let engine = HostEngine;
    let quick = OneOff::start(&engine, &job(&["sh", "-c", "exit 9"]), Terminal::None);
    assert_eq!(
        quick.expect("started").wait().expect("ended"),
        Status::Exited(9)
    );
    let slow = OneOff::start(&engine, &job(&["sleep", "60"]), Terminal::None).expect("started");
    slow.signals().send(Signal::User1);
    let status = slow.wait().expect("ended");
    assert_eq!((status, status.code()), (Status::Signalled(10), 138));
}

/// A reader that stopped reading: writes wait until the other side of the channel goes.
struct Stuck(std::sync::mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_stopped_reading_cannot_keep_ctrl_c_from_ending_the_app() {
    let names = ["web".parse().expect("a name")];
    let format = LogFormat {
        colour: Colour::Off,
        clock: None,
    };
    let (_reader, stuck) = std::sync::mpsc::channel();
    let log = Arc::new(PrefixedLog::new(&names, format, Stuck(stuck), Vec::new()));
    let engine = HostEngine;
    let supervisor = Supervisor::new(&engine, log, SuperviseOptions::default());
    let target = supervisor.signals();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(move || {
            // Time to start and to fill the pipe; too little only makes this test easier.
            std::thread::sleep(Duration::from_millis(300));
            target.send(Signal::Interrupt);
            std::thread::sleep(Duration::from_millis(300));
            target.send(Signal::Interrupt);
        });
        supervisor.run(&[service("web", "exec yes")])
    });
    assert_eq!(outcome.expect("ran").cause.code(), 130);
}
