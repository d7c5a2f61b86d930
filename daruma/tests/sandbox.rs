//! The sandbox engine through the engine's contract, with daruma's own program as the launcher.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use daruma::engine::{
    Engine, EngineError, Io, Job, Network, SandboxEngine, Signal, Status, Stream, Writes, sweep,
};
use daruma_sandbox::Launcher;

const QUIET: Io = Io {
    stdin: Stream::Null,
    stdout: Stream::Null,
    stderr: Stream::Inherit,
    terminal: false,
};

struct World {
    dir: tempfile::TempDir,
    engine: SandboxEngine,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fill(&dir.path().join("layer"));
        let launcher = Launcher::new(env!("CARGO_BIN_EXE_daruma"));
        let engine =
            SandboxEngine::with_launcher(&dir.path().join("tmp"), launcher).expect("an engine");
        Self { dir, engine }
    }

    fn job(&self, script: &str) -> Job {
        Job {
            layers: vec![self.dir.path().join("layer")],
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin".to_owned())]),
            cwd: "/".to_owned(),
            user: (0, 0),
            mounts: Vec::new(),
            network: Network::None,
            writes: Writes::Discard,
            pretend_ownership: false,
        }
    }

    /// What stands below the engine's temporary directory, locks apart.
    fn leftovers(&self) -> Vec<PathBuf> {
        let areas = entries(&self.dir.path().join("tmp"));
        areas
            .iter()
            .filter(|path| path.is_dir())
            .flat_map(|area| entries(area))
            .filter(|path| path.is_dir())
            .collect()
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// This machine's shell and a few programs, with their libraries.
fn fill(root: &Path) {
    fs::create_dir_all(root.join("usr/bin")).expect("a directory");
    let programs = ["sh", "cat", "mkdir", "rm", "sleep"].map(|name| Path::new("/bin").join(name));
    for program in &programs {
        fs::copy(
            program,
            root.join("usr/bin")
                .join(program.file_name().expect("a name")),
        )
        .expect("copied");
    }
    let output = Command::new("ldd").args(&programs).output().expect("ldd");
    for library in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        if library.starts_with('/') && !library.ends_with(':') {
            let to = root.join(library.trim_start_matches('/'));
            fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
            fs::copy(library, to).expect("copied");
        }
    }
}

#[test]
fn streams_pass_and_the_status_comes_back() {
    let world = World::new();
    let io = Io {
        stdin: Stream::Pipe,
        stdout: Stream::Pipe,
        ..QUIET
    };
    let mut running = world
        .engine
        .start(&world.job("cat; exit 5"), io)
        .expect("started");
    let mut stdin = running.stdin().expect("a pipe");
    stdin.write_all(b"hello").expect("written");
    drop(stdin);
    let mut text = String::new();
    running
        .stdout()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("read");
    assert_eq!(
        (text.as_str(), running.wait().expect("waited")),
        ("hello", Status::Exited(5))
    );
}

#[test]
fn changes_are_handed_back_once_and_removed_with_their_value() {
    let world = World::new();
    let mut job = world.job("mkdir /made && echo x > /made/file && rm /usr/bin/cat");
    job.writes = Writes::Keep;
    let mut running = world.engine.start(&job, QUIET).expect("started");
    assert!(running.changes().is_none(), "before the end");
    assert_eq!(running.wait().expect("waited"), Status::Exited(0));
    let changes = running.changes().expect("changes");
    assert!(running.changes().is_none(), "twice");
    drop(running);
    let upper = changes.dir.path().to_owned();
    assert_eq!(
        fs::read_to_string(upper.join("made/file")).expect("read"),
        "x\n"
    );
    let mut top: Vec<_> = entries(&upper)
        .iter()
        .map(|path| path.file_name().expect("a name").to_owned())
        .collect();
    top.sort();
    assert_eq!(top, ["made", "usr"]);
    drop(changes);
    assert!(!upper.exists());
}

#[test]
fn discarded_writes_leave_nothing() {
    let world = World::new();
    let mut running = world
        .engine
        .start(&world.job("echo x > /file"), QUIET)
        .expect("started");
    running.wait().expect("waited");
    assert!(running.changes().is_none());
    drop(running);
    assert_eq!(world.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn a_job_that_is_dropped_is_gone_with_its_directories() {
    let world = World::new();
    let running = world
        .engine
        .start(&world.job("sleep 1000"), QUIET)
        .expect("started");
    drop(running);
    assert_eq!(world.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn signals_reach_the_job_from_another_thread() {
    let world = World::new();
    for (signal, status) in [
        (Signal::Terminate, Status::Signalled(15)),
        (Signal::Kill, Status::Signalled(9)),
    ] {
        let mut running = world
            .engine
            .start(&world.job("exec sleep 1000"), QUIET)
            .expect("started");
        let send = running.signaller();
        std::thread::spawn(move || send(signal))
            .join()
            .expect("joined");
        assert_eq!(running.wait().expect("waited"), status);
    }
}

#[test]
fn a_working_directory_that_is_missing_is_named() {
    let world = World::new();
    let mut job = world.job("true");
    job.cwd = "/nowhere".to_owned();
    let error = world.engine.start(&job, QUIET).err().expect("refused");
    assert!(matches!(error, EngineError::Start { .. }));
    let wanted = "cannot start `sh`: cannot enter the working directory /nowhere: No such file or directory (os error 2)";
    assert_eq!(error.to_string(), wanted);
    assert_eq!(world.leftovers(), Vec::<PathBuf>::new());
}

#[test]
fn a_sweep_takes_what_the_dead_left_and_nothing_of_the_living() {
    let world = World::new();
    let mut running = world
        .engine
        .start(&world.job("sleep 1000"), QUIET)
        .expect("started");
    let tmp = world.dir.path().join("tmp");
    if world.leftovers().is_empty() {
        return skip("this temporary directory is on an overlay, and areas lie elsewhere");
    }
    let dead = tmp.join("sandbox-dead/run-1");
    fs::create_dir_all(&dead).expect("a directory");
    fs::write(tmp.join("sandbox-dead/lock"), "").expect("written");
    assert_eq!(sweep(&tmp).expect("swept"), 1);
    assert!(!tmp.join("sandbox-dead").exists());
    assert!(!world.leftovers().is_empty());
    running.signaller()(Signal::Kill);
    assert_eq!(running.wait().expect("waited"), Status::Signalled(9));
}

/// As in a container: the tests above once more, with their temporary directories on an overlay.
#[test]
fn jobs_run_where_the_temporary_directory_is_on_an_overlay() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can mount an overlay to try it on");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let script = "set -e; cd \"$D\"; mkdir l u w m; \
         mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m; \
         TMPDIR=\"$D/m\" exec \"$T\" streams changes discarded";
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .env("D", dir.path())
        .env("T", std::env::current_exe().expect("this program"))
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("3 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn skip(why: &str) {
    writeln!(std::io::stdout(), "skipped: {why}").expect("printed");
}
