//! An engine of plain commands, a sink that remembers, and the waiting that tests need.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use daruma::engine::{
    Changes, Engine, EngineError, EngineKind, Io, Job, Network, Running, Signal, Status, Stream,
    Writes,
};
use daruma::run::{
    LogLine, LogSink, Outcome, Readiness, RunError, RunEvent, Service, SignalTarget,
    SuperviseOptions, Supervisor,
};
use rustix::process::{Pid, Signal as Number, kill_process, kill_process_group};

/// Only reached when something hangs.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Tells the test binary that it is a second daruma, and which home it uses.
pub(crate) const HOME: &str = "DARUMA_TEST_HOME";

/// What that daruma runs as `web`.
pub(crate) const SCRIPT: &str = "DARUMA_TEST_SCRIPT";

/// The test that such a daruma runs.
const SECOND: &str = "state::an_app_runs_under_the_real_signals_and_its_lease";

/// Held exclusively while a process is made: until it calls exec, a new process has this one's locks too.
static FORKS: RwLock<()> = RwLock::new(());

/// No process is made while this is held.
pub(crate) fn no_forks() -> RwLockReadGuard<'static, ()> {
    FORKS.read().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    let _alone = FORKS.write().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Runs a job's command on this machine, in a process group of its own.
#[derive(Clone, Copy)]
pub(crate) struct HostEngine;

impl Engine for HostEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Sandbox
    }

    fn start(&self, job: &Job, io: Io) -> Result<Box<dyn Running>, EngineError> {
        let program = job.argv[0].clone();
        let mut command = Command::new(&program);
        command
            .args(&job.argv[1..])
            .env_clear()
            .envs(&job.env)
            .process_group(0);
        command
            .stdin(stdio(io.stdin))
            .stdout(stdio(io.stdout))
            .stderr(stdio(io.stderr));
        match spawn(&mut command) {
            Ok(child) => Ok(Box::new(HostRunning {
                pid: Pid::from_child(&child),
                over: Arc::default(),
                child,
            })),
            Err(error) => Err(EngineError::Start {
                program,
                reason: error.to_string(),
            }),
        }
    }
}

fn stdio(stream: Stream) -> Stdio {
    match stream {
        Stream::Inherit => Stdio::inherit(),
        Stream::Null => Stdio::null(),
        Stream::Pipe => Stdio::piped(),
    }
}

struct HostRunning {
    pid: Pid,
    over: Arc<Mutex<bool>>,
    child: Child,
}

impl Running for HostRunning {
    fn stdin(&mut self) -> Option<Box<dyn Write + Send>> {
        self.child.stdin.take().map(|pipe| Box::new(pipe) as _)
    }

    fn stdout(&mut self) -> Option<Box<dyn Read + Send>> {
        self.child.stdout.take().map(|pipe| Box::new(pipe) as _)
    }

    fn stderr(&mut self) -> Option<Box<dyn Read + Send>> {
        self.child.stderr.take().map(|pipe| Box::new(pipe) as _)
    }

    fn signaller(&self) -> Arc<dyn Fn(Signal) + Send + Sync> {
        let (pid, over) = (self.pid, Arc::clone(&self.over));
        Arc::new(move |signal| {
            if *over.lock().expect("locked") {
                return;
            }
            let _ = match signal {
                Signal::Kill => kill_process_group(pid, Number::KILL),
                Signal::User1 => kill_process(pid, Number::USR1),
                _ => kill_process(pid, Number::TERM),
            };
        })
    }

    fn wait(&mut self) -> Result<Status, EngineError> {
        let status = self.child.wait()?;
        *self.over.lock().expect("locked") = true;
        let _ = kill_process_group(self.pid, Number::KILL);
        let number = |n: i32| u8::try_from(n).unwrap_or(255);
        Ok(match status.signal() {
            Some(signal) => Status::Signalled(number(signal)),
            None => Status::Exited(number(status.code().unwrap_or(255))),
        })
    }

    fn changes(&mut self) -> Option<Changes> {
        None
    }
}

/// A job of plain arguments.
pub(crate) fn job(argv: &[&str]) -> Job {
    Job {
        layers: Vec::new(),
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        env: BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").expect("a PATH"))]),
        cwd: "/".to_owned(),
        user: (1000, 1000),
        mounts: Vec::new(),
        network: Network::Host,
        writes: Writes::Discard,
        pretend_ownership: false,
    }
}

/// A process that nobody waits for.
pub(crate) fn service(name: &str, script: &str) -> Service {
    Service {
        name: name.parse().expect("a name"),
        job: job(&["sh", "-c", script]),
        port: None,
        readiness: Readiness::NotAwaited,
    }
}

/// A process that is awaited on this port.
pub(crate) fn web(port: u16, script: &str) -> Service {
    Service {
        port: Some(port),
        readiness: Readiness::Accepts {
            url: format!("http://localhost:{port}/"),
        },
        ..service("web", script)
    }
}

/// What a sink was told: `name | line` and `* event`.
#[derive(Debug)]
pub(crate) struct Seen(pub(crate) Vec<String>);

impl Seen {
    /// Whether exactly this was told.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.iter().any(|seen| seen == text)
    }

    /// The lines of one process.
    pub(crate) fn lines_of(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name} | ");
        let lines = self.0.iter().filter_map(|seen| seen.strip_prefix(&prefix));
        lines.map(str::to_owned).collect()
    }
}

/// A sink that remembers.
pub(crate) struct Recorder {
    seen: Mutex<Vec<String>>,
    more: Condvar,
    broken: bool,
}

impl Recorder {
    /// One that takes everything.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            more: Condvar::new(),
            broken: false,
        })
    }

    /// One whose lines go nowhere, like a closed pipe.
    pub(crate) fn broken() -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            more: Condvar::new(),
            broken: true,
        })
    }

    /// Waits until something was told that begins with `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        let missing = |seen: &mut Vec<String>| !seen.iter().any(|seen| seen.starts_with(text));
        let seen = self.seen.lock().expect("locked");
        let (seen, waited) = self
            .more
            .wait_timeout_while(seen, LONG, missing)
            .expect("waited");
        assert!(!waited.timed_out(), "no `{text}` in {seen:?}");
    }

    /// All that was told so far.
    pub(crate) fn seen(&self) -> Seen {
        Seen(self.seen.lock().expect("locked").clone())
    }

    fn add(&self, text: String) {
        self.seen.lock().expect("locked").push(text);
        self.more.notify_all();
    }
}

impl LogSink for Recorder {
    fn line(&self, line: LogLine<'_>) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.add(format!(
            "{} | {}",
            line.process,
            String::from_utf8_lossy(line.bytes)
        ));
        Ok(())
    }

    fn event(&self, event: RunEvent<'_>) {
        self.add(format!("* {event}"));
    }
}

/// Runs these services while `act` watches and sends signals.
pub(crate) fn supervise(
    services: &[Service],
    options: SuperviseOptions,
    act: impl Fn(&Recorder, &SignalTarget) + Send + Sync,
) -> (Result<Outcome, RunError>, Seen) {
    let recorder = Recorder::new();
    let engine = HostEngine;
    let supervisor = Supervisor::new(&engine, Arc::clone(&recorder) as Arc<dyn LogSink>, options);
    let target = supervisor.signals();
    let outcome = thread::scope(|scope| {
        let (recorder, act) = (&recorder, &act);
        scope.spawn(move || act(recorder, &target));
        supervisor.run(services)
    });
    (outcome, recorder.seen())
}

/// For [`supervise`]: lets the services run.
pub(crate) fn nothing(_: &Recorder, _: &SignalTarget) {}

/// A port that was free a moment ago and that no other test is given; below the range that the kernel hands out itself
/// (`net.ipv4.ip_local_port_range` begins at 32768).
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 400).expect("small") * 50;
    loop {
        let port = first + GIVEN.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

/// Asks until there is an answer.
pub(crate) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < LONG, "no answer");
        thread::sleep(Duration::from_millis(10));
    }
}

/// This test binary as a second daruma that runs `script` as `web`.
pub(crate) fn second_daruma(home: &Path, script: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command
        .args(["--exact", SECOND, "--nocapture"])
        .env(HOME, home)
        .env(SCRIPT, script)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    spawn(&mut command).expect("started")
}
