//! One user's machine: an app's directory, a cache of daruma's own, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use daruma::archive::sources::HostApt;
use tempfile::TempDir;

/// Why a test cannot run here.
pub(crate) type Skip = String;

/// The program under test.
pub(crate) const DARUMA: &str = env!("CARGO_BIN_EXE_daruma");

/// What else the program may need from its user's environment: which certificates the host's mirror shows.
const PASSED_ON: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Prints what a test did otherwise than elsewhere.
#[expect(clippy::print_stderr, reason = "the test harness shows it")]
pub(crate) fn note(what: &str) {
    eprintln!("note: {what}");
}

/// Prints why a test did not run.
#[expect(clippy::print_stderr, reason = "the test harness shows it")]
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Whether Debian's archive can be had.
pub(crate) fn archive() -> Result<(), Skip> {
    static ANSWERS: OnceLock<Result<(), Skip>> = OnceLock::new();
    let ask = || {
        if HostApt::read(Path::new("/")).sources.is_empty() {
            return Err("this host's apt knows no archive".to_owned());
        }
        let home = Scratch::new();
        let probe = World::at(home, "shell-http").run(&["why", "3"]);
        match probe.code {
            75 => Err(format!("no mirror answers: {}", probe.err)),
            _ => Ok(()),
        }
    };
    ANSWERS.get_or_init(ask).clone()
}

/// A directory that others may enter, gone with the test.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        let mut builder = tempfile::Builder::new();
        // `/var/tmp` is a disk where `/tmp` may be memory, and lies outside the repository.
        let dir = builder.prefix("daruma-real-").permissions(mode);
        Self(dir.tempdir_in("/var/tmp").expect("a directory"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// The output of a command that must succeed.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }
}

/// An example, copied, and an empty home.
pub(crate) struct World {
    pub(crate) dir: Scratch,
    pub(crate) app: PathBuf,
    pub(crate) home: PathBuf,
}

impl World {
    /// `example` with a home that holds nothing.
    pub(crate) fn cold(example: &str) -> Result<Self, Skip> {
        archive()?;
        Ok(Self::at(Scratch::new(), example))
    }

    /// `rack-debian` with its packages in the home, and its lock, but nothing built. The home is a copy: it may be damaged.
    pub(crate) fn warm() -> Result<Self, Skip> {
        let world = Self::at(Scratch::new(), "rack-debian");
        let seed = seed()?;
        copy(&seed.join("home"), &world.home);
        copy(&seed.join("daruma.lock"), &world.app.join("daruma.lock"));
        Ok(world)
    }

    fn at(dir: Scratch, example: &str) -> Self {
        let (app, home) = (dir.path().join(example), dir.path().join("home"));
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        copy(&examples.join(example), &app);
        Self { dir, app, home }
    }

    /// The program with these arguments, in the app's directory, knowing nothing of the test's own environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(Path::new(DARUMA), &self.home);
        command.args(arguments).current_dir(&self.app);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command(arguments).output().expect("run"))
    }
}

/// A program with an environment like that of a service.
pub(crate) fn bare(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/nonexistent")
        .env("DARUMA_HOME", home)
        .stdin(Stdio::null());
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Packages and indexes of `rack-debian`, fetched once for all tests of this run; stays in the build's own temporary
/// directory until the next one.
fn seed() -> Result<PathBuf, Skip> {
    static SEED: OnceLock<Result<PathBuf, Skip>> = OnceLock::new();
    let fill = || {
        let dir = kept("real-apps-seed");
        let world = World::cold("rack-debian")?;
        world.run(&["build"]).ok();
        for made in ["oci", "roots", "run", "caches"] {
            let _ = std::fs::remove_dir_all(world.home.join(made));
        }
        copy(&world.home, &dir.join("home"));
        copy(&world.app.join("daruma.lock"), &dir.join("daruma.lock"));
        Ok(dir)
    };
    SEED.get_or_init(fill).clone()
}

/// A directory of this name that is empty now and stays until the next run of the tests.
pub(crate) fn kept(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}

/// Copies a file or a directory with modes and times.
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut cp = Command::new("cp");
    let done = cp.arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(done.success(), "cp {} {}", from.display(), to.display());
}

/// Runs a command to its end; its output, without the last line's end, or all that it said.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let said = Said::of(&output.map_err(|error| format!("{command:?}: {error}"))?);
    match said.code {
        0 => Ok(said.out.trim_end().to_owned()),
        code => Err(format!("{command:?}: {code}\n{}{}", said.out, said.err)),
    }
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Skips where a program of Debian's is missing.
pub(crate) fn need(programs: &[&str]) -> Result<(), Skip> {
    let there = |program: &&str| {
        let dirs = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        dirs.iter().any(|dir| Path::new(dir).join(program).exists())
    };
    match programs.iter().find(|program| !there(program)) {
        Some(program) => Err(format!("there is no {program}")),
        None => Ok(()),
    }
}
