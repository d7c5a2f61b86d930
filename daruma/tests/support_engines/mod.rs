//! Container engines of several ages, started for one test and gone with it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Set to `1`, tests that run as root may install Debian packages on this machine.
const INSTALL: &str = "DARUMA_TEST_INSTALL";

/// How long a daemon may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a test cannot run here.
pub(crate) type Skip = String;

/// Makes sure that programs are there, installing their packages where that is allowed.
pub(crate) fn require(programs: &[(&str, &str)]) -> Result<(), Skip> {
    if !rustix::process::geteuid().is_root() {
        return Err("it needs root".to_owned());
    }
    let missing = || {
        programs
            .iter()
            .filter(|(program, _)| find(program).is_none())
    };
    if missing().next().is_some() && may_install() {
        let packages = missing().map(|(_, package)| package);
        let mut apt = Command::new("apt-get");
        apt.args([
            "-o",
            "DPkg::Lock::Timeout=300",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
        ]);
        let _ = run(apt.args(packages).env("DEBIAN_FRONTEND", "noninteractive"));
    }
    match missing().next() {
        Some((program, _)) => Err(format!(
            "there is no {program} ({INSTALL}=1 lets the test install it)"
        )),
        None => Ok(()),
    }
}

/// Whether tests may install packages and make whole systems.
pub(crate) fn may_install() -> bool {
    std::env::var_os(INSTALL).is_some_and(|value| value == "1")
}

/// Where Debian's own package puts a program; a newer one in `/usr/local` is not meant.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let dirs = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    dirs.iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.is_file())
}

/// Runs a command to its end; its output on success, all that it said otherwise.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{command:?}: {e}"))?;
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    if status.success() {
        return Ok(stdout.trim().to_owned());
    }
    Err(format!("{command:?}: {status}\n{stdout}{stderr}"))
}

/// A Docker daemon with a socket and a store of its own, in namespaces that end with it.
pub(crate) struct Dockerd {
    /// Dies with the test; then pid 1 of its pid namespace, the daemon, and all that it started die too, and their
    /// mount namespace with them.
    unshare: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Dockerd {
    /// Starts the daemon of the system at `root`, which keeps everything in `dir`, a path inside that system.
    pub(crate) fn start(root: &Path, dir: &str) -> Result<Self, String> {
        let host_dir = root.join(dir.trim_start_matches('/'));
        fs_err::create_dir_all(&host_dir).map_err(|e| e.to_string())?;
        let (socket, log) = (host_dir.join("s"), host_dir.join("log"));
        let out = std::fs::File::create(&log).map_err(|e| e.to_string())?;
        let err = out.try_clone().map_err(|e| e.to_string())?;
        // Docker and its runtime change the root themselves, which the kernel allows on a mount point only.
        let script = "set -e; root=$1 dir=$2
            if [ \"$root\" != / ]; then
                mount --bind \"$root\" \"$root\"; cd \"$root\"
                for d in dev sys; do mount --rbind /$d $d; done
                pivot_root . mnt; cd /
            fi
            mount -t proc proc /proc; mount -t tmpfs tmpfs /run
            if [ \"$root\" != / ]; then umount -l /mnt; fi
            exec dockerd --data-root \"$dir/data\" --exec-root \"$dir/exec\" --pidfile \"$dir/pid\" \\
                -H \"unix://$dir/s\" --bridge=none --iptables=false --ip6tables=false --ip-masq=false";
        let unshare = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare"])
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                script,
                "sh",
            ])
            .args([root.as_os_str(), OsStr::new(dir)])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut daemon = Self {
            unshare,
            socket,
            log,
        };
        daemon.wait()?;
        Ok(daemon)
    }

    /// Runs Debian's own `docker` against this daemon.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        let program = find("docker").ok_or("there is no docker")?;
        let host = format!("unix://{}", self.socket.display());
        run(Command::new(program).args(["-H", &host]).args(arguments))
    }

    fn wait(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.docker(&["version"]).is_ok() {
                return Ok(());
            }
            if self.unshare.try_wait().is_ok_and(|status| status.is_some()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(format!(
            "dockerd did not start:\n{}",
            fs_err::read_to_string(&self.log).unwrap_or_default()
        ))
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

/// A Debian system of another suite with these packages, made from the mirror that this machine uses.
pub(crate) fn debian(suite: &str, packages: &str, root: &Path) -> Result<(), String> {
    let mut apt = Command::new("apt-get");
    let targets = run(apt.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Identifier: Packages",
        "Component: main",
    ]))?;
    let mirror = targets
        .lines()
        .find(|uri| !uri.contains("security"))
        .ok_or("apt has no mirror")?;
    let include = format!("--include={packages}");
    let mut mmdebstrap = Command::new("mmdebstrap");
    run(mmdebstrap
        .args(["--variant=apt", &include, suite])
        .arg(root)
        .arg(mirror))
    .map(drop)
}
