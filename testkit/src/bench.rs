//! A bench for a command: a private home and environment, and everything that a run shows as one text.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use fs_err as fs;
use regex::Regex;
use tempfile::TempDir;

/// What differs between two runs of one command, by name, and what stands for it in a snapshot. In the order in which
/// they are replaced: longer things first.
const FILTERS: &[(&str, &str)] = &[
    // The identity of an app: its name and a digest of its path.
    (r"\b([a-z][a-z-]*)-[0-9a-f]{12}\b", "$1-[ID]"),
    // Digests, whole and short; at least one letter and one figure tell them from words and numbers.
    (r"\bsha256:[0-9a-f]{64}\b", "[DIGEST]"),
    (r"\b[0-9a-fA-F]{40,64}\b", "[DIGEST]"),
    (r"\b[0-9a-f]{12}\b", "[SHORT]"),
    // Times.
    (r"\b[0-9]+ min [0-9]+ s\b", "[TIME]"),
    (r"\b[0-9]+\.[0-9]+ s\b", "[TIME]"),
    // Sizes, with the spaces that align them.
    (r" *\b[0-9]+(\.[0-9]+)? (B|kB|MB|GB)(\s|$)", " [SIZE]$3"),
    // Processes and ports.
    (r"\bpid [0-9]+", "pid [PID]"),
    (r"\b(127\.0\.0\.1|localhost):[0-9]+", "$1:[PORT]"),
    (r"\b(PORT=|port )[0-9]{5}\b", "$1[PORT]"),
];

/// A command with a home, a temporary directory and a project of its own.
#[derive(Debug)]
pub struct Bench {
    dir: TempDir,
    program: PathBuf,
    env: BTreeMap<String, String>,
    filters: Vec<(Regex, String)>,
}

impl Bench {
    /// A bench for `program`, in an empty project named `shop`.
    ///
    /// # Panics
    /// If there is no place for temporary files.
    #[allow(clippy::expect_used)]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir()
            .expect("a directory for temporary files");
        for name in ["shop", "home", "tmp"] {
            fs::create_dir(dir.path().join(name)).expect("an empty directory");
        }
        let filters = FILTERS
            .iter()
            .map(|(pattern, shown)| (Regex::new(pattern).expect("a pattern"), (*shown).to_owned()));
        let mut bench = Self {
            program: program.into(),
            env: BTreeMap::new(),
            filters: filters.collect(),
            dir,
        };
        bench.set_environment();
        bench
    }

    fn set_environment(&mut self) {
        let below = |name: &str| self.path(name).to_string_lossy().into_owned();
        let private = [
            ("HOME", below("home")),
            ("TMPDIR", below("tmp")),
            ("DARUMA_HOME", below("cache")),
        ];
        let fixed = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
            ("COLUMNS", "100"),
            ("NO_COLOR", "1"),
            ("NO_PROXY", "127.0.0.1,localhost"),
        ];
        let fixed = fixed.map(|(name, value)| (name, value.to_owned()));
        let all = private.into_iter().chain(fixed);
        self.env = all.map(|(name, value)| (name.to_owned(), value)).collect();
    }

    /// The same with another variable in the environment of all commands.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// The same with `shown` in the place of `text` in all that is rendered.
    ///
    /// # Panics
    /// Not for escaped text.
    #[must_use]
    #[allow(clippy::expect_used)]
    pub fn hide(mut self, text: &str, shown: &str) -> Self {
        let pattern = Regex::new(&regex::escape(text)).expect("an escaped text");
        // Before the general ones, which would take parts of it.
        self.filters.insert(0, (pattern, shown.to_owned()));
        self
    }

    /// A path below the bench's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The project's directory.
    pub fn project(&self) -> PathBuf {
        self.path("shop")
    }

    /// Where daruma keeps things here.
    pub fn cache(&self) -> PathBuf {
        self.env
            .get("DARUMA_HOME")
            .map_or_else(|| self.path("cache"), PathBuf::from)
    }

    /// Writes a file of the project.
    ///
    /// # Panics
    /// If it cannot be written.
    #[allow(clippy::expect_used)]
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.project().join(name);
        fs::create_dir_all(path.parent().expect("a name")).expect("a directory");
        fs::write(path, text).expect("a file of the project");
    }

    /// Writes a file of the project that can be executed.
    ///
    /// # Panics
    /// If it cannot be written.
    #[allow(clippy::expect_used)]
    pub fn write_script(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.write(name, text);
        let mode = std::fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.project().join(name), mode).expect("its mode");
    }

    /// The command, in the project's directory, with nothing of the test's own environment.
    pub fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .envs(&self.env)
            .current_dir(self.project())
            .stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Outcome {
        self.finish(self.command(args))
    }

    /// Runs the command with `input` on its standard input.
    pub fn run_with<A: AsRef<OsStr>>(&self, args: &[A], input: &[u8]) -> Outcome {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        self.feed(command, input)
    }

    /// Runs any command and renders what it shows with this bench's filters.
    ///
    /// # Panics
    /// If it cannot be executed.
    #[allow(clippy::expect_used)]
    pub fn finish(&self, mut command: Command) -> Outcome {
        let output = command.output().expect("a command that can be executed");
        self.outcome(&output.stdout, &output.stderr, output.status)
    }

    #[allow(clippy::expect_used)]
    fn feed(&self, mut command: Command, input: &[u8]) -> Outcome {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a command that can be executed");
        let mut stdin = child.stdin.take().expect("its standard input");
        let input = input.to_vec();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().expect("its end");
        let _ = writer.join();
        self.outcome(&output.stdout, &output.stderr, output.status)
    }

    /// The same text with everything replaced that differs between runs.
    pub fn filtered(&self, text: &str) -> String {
        let real = fs::canonicalize(self.dir.path()).unwrap_or_else(|_| self.dir.path().to_owned());
        let dirs = [real.as_path(), self.dir.path()];
        let mut text = dirs.iter().fold(text.to_owned(), |text, dir| {
            text.replace(&dir.to_string_lossy()[..], "[DIR]")
        });
        for (pattern, shown) in &self.filters {
            text = pattern.replace_all(&text, shown.as_str()).into_owned();
        }
        text
    }

    /// What a command showed, as this bench renders it.
    pub fn outcome(&self, stdout: &[u8], stderr: &[u8], status: ExitStatus) -> Outcome {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(stdout), text(stderr));
        let rendered = render(&self.filtered(&stdout), &self.filtered(&stderr), status);
        Outcome {
            stdout,
            stderr,
            status,
            rendered,
        }
    }

    /// The files below a directory of this bench, by path, with their bytes. Links and other things are left out.
    pub fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        files_below(&self.path(name))
    }
}

/// The regular files below `dir`, by path, with their bytes.
pub fn files_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push(path),
                Ok(kind) if kind.is_file() => {
                    if let Ok(bytes) = fs::read(&path) {
                        found.insert(path, bytes);
                    }
                }
                _ => {}
            }
        }
    }
    found
}

/// What a command showed and returned.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its standard output as it came.
    pub stdout: String,
    /// Its standard error as it came.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
    rendered: String,
}

impl Outcome {
    /// Its exit code; 128 and the signal's number where a signal ended it.
    pub fn code(&self) -> i32 {
        let signal = || 128 + self.status.signal().unwrap_or(0);
        self.status.code().unwrap_or_else(signal)
    }

    /// This, of a command that succeeded.
    ///
    /// # Panics
    /// If it did not; the message shows all of it.
    #[allow(
        clippy::return_self_not_must_use,
        reason = "to have asserted is enough"
    )]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "the command failed:\n{self}");
        self
    }

    /// This, of a command that ended with `code`.
    ///
    /// # Panics
    /// If it ended otherwise; the message shows all of it.
    #[allow(
        clippy::return_self_not_must_use,
        reason = "to have asserted is enough"
    )]
    pub fn failure(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "the command should have failed:\n{self}");
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered)
    }
}

/// Streams and status as one text; a stream of nothing is left out.
fn render(stdout: &str, stderr: &str, status: ExitStatus) -> String {
    let mut text = match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}\n"),
        (None, signal) => format!("ended by signal {}\n", signal.unwrap_or(0)),
    };
    for (name, stream) in [("stdout", stdout), ("stderr", stderr)] {
        if !stream.is_empty() {
            text += &format!("--- {name}\n{stream}");
        }
        if !stream.is_empty() && !stream.ends_with('\n') {
            text += "\n(no line end)\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_command_shows_is_one_text_without_what_differs() {
        let bench = Bench::new("/bin/sh").hide("/srv/mirror", "[MIRROR]");
        let script = "echo \"$PWD /srv/mirror sha256:$(printf %064d 0)\"; printf 'took 0.31 s, 12.4 MB' >&2; exit 3";
        assert_eq!(
            bench.run(&["-c", script]).to_string(),
            "exit code 3\n--- stdout\n[DIR]/shop [MIRROR] [DIGEST]\n--- stderr\ntook [TIME], [SIZE]\n(no line end)\n"
        );
    }

    #[test]
    fn nothing_of_the_tests_own_environment_passes() {
        let outcome = Bench::new("/usr/bin/env").env("MINE", "1").run::<&str>(&[]);
        let names: Vec<&str> = outcome
            .stdout
            .lines()
            .filter_map(|line| line.split('=').next())
            .collect();
        assert_eq!(
            names,
            [
                "COLUMNS",
                "DARUMA_HOME",
                "HOME",
                "LANG",
                "MINE",
                "NO_COLOR",
                "NO_PROXY",
                "PATH",
                "TMPDIR",
                "TZ"
            ]
        );
    }

    #[test]
    fn input_reaches_the_command() {
        let outcome = Bench::new("/bin/cat").run_with::<&str>(&[], b"hello\n");
        assert_eq!(outcome.success().stdout, "hello\n");
    }
}
