//! An app that was started, and what is left of it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::World;

/// Only reached when something hangs.
const LONG: Duration = Duration::from_secs(60);

/// How soon everything is gone, whatever ended the app.
const SOON: Duration = Duration::from_secs(2);

/// What daruma says when an app answers.
pub(crate) const READY: &str = "will be available at";

/// An app in the foreground of its own terminal, or of none.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) port: u16,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts the app of `world` on a free port and waits until it says that it answers.
    pub(crate) fn start(world: &World) -> Self {
        let port = free_port();
        let mut command = world.command(&["start", "-p", &port.to_string()]);
        Self::spawn(&mut command, port)
    }

    /// As [`Running::start`], for a command that is made otherwise; both its streams are its output.
    pub(crate) fn spawn(command: &mut Command, port: u16) -> Self {
        Self::spawn_until(command, port, READY)
    }

    /// As [`Running::spawn`], for a program with another way to say that it answers.
    pub(crate) fn spawn_until(command: &mut Command, port: u16, ready: &str) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command
            .stdout(writer.try_clone().expect("a descriptor"))
            .stderr(writer);
        let child = command.spawn().expect("started");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self::watch(child, port, reader, ready)
    }

    /// Watches the output of `child`.
    pub(crate) fn watch(
        child: Child,
        port: u16,
        output: impl Read + Send + 'static,
        ready: &str,
    ) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let running = Self { child, port, log };
        running.until_it_says(ready);
        running
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }

    fn until_it_says(&self, text: &str) {
        let start = Instant::now();
        while !self.log().contains(text) {
            assert!(
                start.elapsed() < LONG,
                "it never said `{text}`:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The answer to a request, headers and all.
    pub(crate) fn get(&self, path: &str) -> String {
        get(self.port, path)
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("signalled");
    }

    /// Waits for the end; the exit code, -1 where a signal was the end.
    pub(crate) fn code(&mut self) -> i32 {
        self.child.wait().expect("ended").code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer of what listens on `port`.
pub(crate) fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connected");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Processes, each with the time of its start: a number alone is given again.
pub(crate) struct Family(Vec<(i32, String)>);

impl Family {
    /// A process and all that came from it.
    pub(crate) fn of(root: Pid) -> Self {
        let mut found = vec![root.as_raw_nonzero().get()];
        let all: Vec<(i32, i32)> = processes()
            .filter_map(|pid| Some((pid, parent(pid)?)))
            .collect();
        let mut next = 0;
        while next < found.len() {
            let children = all.iter().filter(|(_, parent)| *parent == found[next]);
            found.extend(children.map(|(pid, _)| *pid).collect::<Vec<_>>());
            next += 1;
        }
        Self(
            found
                .into_iter()
                .filter_map(|pid| Some((pid, started(pid)?)))
                .collect(),
        )
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn alive(&self) -> Vec<i32> {
        let same = |(pid, start): &&(i32, String)| started(*pid).as_ref() == Some(start);
        self.0.iter().filter(same).map(|(pid, _)| *pid).collect()
    }
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc")
        .expect("processes")
        .filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The fields of proc_pid_stat(5) from the third on.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

fn parent(pid: i32) -> Option<i32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// When a process began; `None` where it has ended, waited for or not.
fn started(pid: i32) -> Option<String> {
    let fields = stat(pid)?;
    (fields.first()? != "Z").then(|| fields.get(19).cloned())?
}

/// Waits until nobody of `family` runs and nothing of `home` is mounted.
pub(crate) fn assert_gone_soon(family: &Family, home: &Path) {
    let start = Instant::now();
    let home = home.display().to_string();
    loop {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let mounted: Vec<&str> = mounts.lines().filter(|line| line.contains(&home)).collect();
        let alive = family.alive();
        if mounted.is_empty() && alive.is_empty() {
            return;
        }
        assert!(start.elapsed() < SOON, "still there: {alive:?} {mounted:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What running apps keep in the temporary directory of `home`, its lock aside.
pub(crate) fn leftovers(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home.join("tmp"))
        .expect("tmp")
        .filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "sandboxes.lock").collect()
}
