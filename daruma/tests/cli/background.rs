//! A command that runs beside the test, and what is left of it afterwards.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Bench, Outcome};

/// Only reached when something hangs.
const LONG: Duration = Duration::from_secs(60);

/// The command; killed with this value where it still runs.
pub(crate) struct Background<'b> {
    bench: &'b Bench,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl<'b> Background<'b> {
    /// Starts daruma in the bench's project.
    pub(crate) fn start(bench: &'b Bench, args: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let [stdout, stderr] = ["out", "err"].map(|name| bench.path(&format!("{name}.{number}")));
        let file = |path: &Path| Stdio::from(File::create(path).expect("a file"));
        let mut command = bench.command(args);
        command.stdout(file(&stdout)).stderr(file(&stderr));
        let child = command.spawn().expect("started");
        Self {
            bench,
            child,
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has shown `text`.
    pub(crate) fn wait_for(&mut self, text: &str) {
        until(&format!("`{text}`"), || {
            let shown = self.shown();
            let over = self.child.try_wait().expect("waited").is_some();
            assert!(
                !over || shown.contains(text),
                "it ended without `{text}`:\n{shown}"
            );
            shown.contains(text)
        });
    }

    fn shown(&self) -> String {
        let [out, err] =
            [&self.stdout, &self.stderr].map(|path| fs::read(path).unwrap_or_default());
        String::from_utf8_lossy(&[out, err].concat()).into_owned()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("signalled");
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Outcome {
        let mut status = None;
        until("its end", || {
            status = self.child.try_wait().expect("waited");
            status.is_some()
        });
        let [out, err] = [&self.stdout, &self.stderr].map(|path| fs::read(path).expect("a file"));
        self.bench.outcome(&out, &err, status.expect("its status"))
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until `done`.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The processes that have to do with a bench, each with what it is: their arguments, environment, directories or mounts
/// name its path.
pub(crate) fn processes(bench: &Bench) -> Vec<String> {
    let mark = bench
        .path("")
        .to_string_lossy()
        .trim_end_matches('/')
        .to_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_process =
            name.bytes().all(|b| b.is_ascii_digit()) && name != std::process::id().to_string();
        if is_process && belongs(&entry.path(), &mark) {
            let args = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&args).replace('\0', " "));
        }
    }
    found
}

fn belongs(process: &Path, mark: &str) -> bool {
    let file = |name: &str| fs::read(process.join(name)).unwrap_or_default();
    let link = |name: &str| fs::read_link(process.join(name)).unwrap_or_default();
    let texts = ["cmdline", "environ", "mountinfo"].map(file);
    let links = ["cwd", "root"].map(link);
    let has = |text: &[u8]| memchr::memmem::find(text, mark.as_bytes()).is_some();
    texts.iter().any(|text| has(text))
        || links
            .iter()
            .any(|link| has(link.as_os_str().as_encoded_bytes()))
}

/// Waits until no process and no mount of the bench is left, and its store is sound.
pub(crate) fn nothing_is_left(bench: &Bench) {
    until("an end of all its processes and mounts", || {
        processes(bench).is_empty()
    });
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let mark = bench.path("");
    assert!(!mounts.contains(&*mark.to_string_lossy()), "{mounts}");
}

/// A port that nobody listens on, at least a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its number").port()
}

/// What a web server answers.
pub(crate) fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}
