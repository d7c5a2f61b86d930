//! A root file system made of this machine's own programs, and this test program as the launcher.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use daruma_sandbox::{
    Child, Ids, Launcher, Network, Outcome, OverlayApi, Ownership, Privileges, Spec, Stdio, Upper,
};

/// Runs before `main`: the test harness would take `__sandbox` for the name of a test.
#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;

/// With this variable set, the program is a caller that runs the spec in the file it names, and ends with it.
pub(crate) const CALLER: &str = "DARUMA_TEST_CALLER";

extern "C" fn enter() {
    daruma_sandbox::enter_if_asked();
    crate::attempts::make_if_asked();
    crate::lifeline::supervise_if_asked();
    if let Some(file) = std::env::var_os(CALLER) {
        let text = fs::read(file).expect("a spec");
        let spec: Spec = serde_json::from_slice(&text).expect("a spec");
        let mut child = Launcher::default()
            .spawn(&spec, [Stdio::Null, Stdio::Inherit, Stdio::Inherit])
            .expect("started");
        let outcome = child.wait().expect("waited");
        std::process::exit(i32::from(outcome != Outcome::Exited(0)));
    }
}

/// Programs that commands in tests use; those that a machine lacks are left out.
const PROGRAMS: [&str; 40] = [
    "sh", "cat", "chmod", "chown", "cp", "dd", "env", "head", "id", "ln", "ls", "mkdir", "mknod",
    "mount", "mv", "readlink", "rm", "rmdir", "setpriv", "sleep", "sort", "stat", "stty", "test",
    "touch", "true", "tty", "umount", "unshare", "wc", "chroot", "nsenter", "grep", "perl", "kill",
    "hostname", "tr", "su", "capsh", "timeout",
];

/// A directory with the programs and their libraries, made once, which belongs to the user that runs the tests.
pub(crate) fn programs() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let below = if rustix::process::geteuid().is_root() {
            PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        } else {
            std::env::temp_dir()
        };
        let dir = below.join(format!("programs-{}", PROGRAMS.len()));
        if !dir.exists() {
            let half = tempfile::tempdir_in(below).expect("a directory").keep();
            fill(&half);
            fs::rename(half, &dir).expect("renamed");
        }
        dir
    })
}

fn fill(root: &Path) {
    for dir in ["usr/bin", "usr/lib", "tmp", "etc", "app", "root", "var/tmp"] {
        fs::create_dir_all(root.join(dir)).expect("a directory");
    }
    for (link, target) in [("bin", "usr/bin"), ("sbin", "usr/bin")] {
        std::os::unix::fs::symlink(target, root.join(link)).expect("a link");
    }
    let found: Vec<PathBuf> = PROGRAMS.iter().filter_map(|name| find(name)).collect();
    for program in &found {
        let name = program.file_name().expect("a name");
        fs::copy(program, root.join("usr/bin").join(name)).expect("copied");
    }
    for library in libraries(&found) {
        let to = root.join(library.strip_prefix("/").expect("absolute"));
        fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        fs::copy(&library, to).expect("copied");
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\n",
    )
    .expect("written");
    fs::write(root.join("etc/group"), "root:x:0:\ntty:x:5:\napp:x:1000:\n").expect("written");
}

/// Copies a program and its libraries into a layer, to the same paths; returns the program's.
pub(crate) fn copy_with_libraries(program: &Path, layer: &Path) -> PathBuf {
    let program = program.to_owned();
    let all = libraries(std::slice::from_ref(&program))
        .into_iter()
        .chain([program.clone()]);
    for file in all {
        let to = layer.join(file.strip_prefix("/").expect("absolute"));
        fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        fs::copy(&file, to).expect("copied");
    }
    program
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.is_file())
}

fn libraries(programs: &[PathBuf]) -> BTreeSet<PathBuf> {
    let output = Command::new("ldd").args(programs).output().expect("ldd");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'))
        .map(PathBuf::from)
        .collect()
}

/// The directories of one sandbox.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["scratch", "upper", "work"] {
            fs::create_dir(dir.path().join(name)).expect("a directory");
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A shell command as root, writing to memory, without network.
    pub(crate) fn spec(&self, script: &str) -> Spec {
        let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
        Spec {
            layers: vec![programs().to_owned()],
            scratch: self.path("scratch"),
            upper: Upper::Memory,
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: BTreeMap::from([path]),
            cwd: "/".to_owned(),
            user: (0, 0),
            mounts: Vec::new(),
            network: Network::None,
            ids: Ids::detect(),
            privileges: Privileges::Fixed,
            ownership: Ownership::Real,
            overlay: OverlayApi::Newest,
            hostname: "localhost".to_owned(),
            terminal: None,
        }
    }

    pub(crate) fn upper_dir(&self) -> Upper {
        Upper::Dir {
            upper: self.path("upper"),
            work: self.path("work"),
        }
    }
}

/// What a command printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn start(spec: &Spec) -> Child {
    Launcher::default()
        .spawn(spec, [Stdio::Null, Stdio::Pipe, Stdio::Pipe])
        .expect("started")
}

pub(crate) fn run(spec: &Spec) -> Ended {
    finish(start(spec))
}

pub(crate) fn finish(mut child: Child) -> Ended {
    let mut errors = child.take_stderr().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).expect("read");
        text
    });
    let mut stdout = String::new();
    child
        .take_stdout()
        .expect("a pipe")
        .read_to_string(&mut stdout)
        .expect("read");
    Ended {
        outcome: child.wait().expect("waited"),
        stdout,
        stderr: reader.join().expect("joined"),
    }
}

/// Whether sandboxes show this machine's `/proc`: the kernel gives a user namespace no own one where each that it sees is
/// covered in part.
pub(crate) fn proc_is_shared() -> bool {
    let text = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    // Fields 4 and 5 of proc_pid_mountinfo(5): what of the file system is mounted, and where.
    let mounts = text.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(3);
        Some((fields.next()?, fields.next()?, line.contains(" - proc ")))
    });
    let mounts: Vec<_> = mounts.collect();
    let is_covered = |proc: &str| {
        mounts
            .iter()
            .any(|(_, at, _)| at.starts_with(&format!("{proc}/")))
    };
    let mut whole = mounts
        .iter()
        .filter(|(root, _, is_proc)| *is_proc && *root == "/");
    Ids::detect() != Ids::Same && whole.all(|(_, at, _)| is_covered(at))
}

/// Says why a test cannot run here; the caller returns.
pub(crate) fn skip(why: &str) {
    say(&format!("skipped: {why}"));
}

pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("printed");
}
