//! A Docker daemon with a socket, a store and a network of its own, gone with the test.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Scratch, Skip, is_root, need, output};

/// How long the daemon may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Its network is a namespace's, so that its bridge and its rules are not this machine's.
const SCRIPT: &str = "set -e; ip link set lo up; mount -t proc proc /proc; mount -t tmpfs tmpfs /run
    exec dockerd --data-root \"$D/data\" --exec-root \"$D/exec\" --pidfile \"$D/pid\" -H \"unix://$D/s\" >\"$D/log\" 2>&1";

pub(crate) struct Docker {
    /// Dies with the test, and all that it started with it: it is pid 1 of a namespace.
    unshare: Child,
    dir: Scratch,
}

impl Docker {
    pub(crate) fn start() -> Result<Self, Skip> {
        if !is_root() {
            return Err("it needs root".to_owned());
        }
        need(&[
            "docker", "dockerd", "iptables", "ip", "unshare", "nsenter", "setpriv", "curl",
        ])?;
        let dir = Scratch::new();
        let unshare = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
            ])
            .args(["sh", "-c", SCRIPT])
            .env("D", dir.path())
            .stdin(Stdio::null())
            .spawn();
        let mut docker = Self {
            unshare: unshare.map_err(|error| error.to_string())?,
            dir,
        };
        docker.wait();
        Ok(docker)
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while self.run(&["version"]).is_err() {
            let ended = self.unshare.try_wait().expect("asked");
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.dir.path().join("log"));
                panic!("dockerd did not start: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What `DOCKER_HOST` must be.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}/s", self.dir.path().display())
    }

    /// Runs `docker`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut docker = Command::new("/usr/bin/docker");
        output(
            docker
                .args(arguments)
                .env("DOCKER_HOST", self.host())
                .env("DOCKER_CONFIG", self.dir.path()),
        )
    }

    /// A page, asked for in the daemon's network, as soon as something answers there.
    pub(crate) fn page(&self, port: u16) -> Result<String, String> {
        // The daemon is the child of `unshare`, in the same network namespace.
        let network = format!("--net=/proc/{}/ns/net", self.unshare.id());
        let url = format!("http://127.0.0.1:{port}/");
        let retry = [
            "-sSf",
            "--retry",
            "50",
            "--retry-delay",
            "1",
            "--retry-all-errors",
            "--max-time",
            "60",
        ];
        output(
            Command::new("nsenter")
                .arg(network)
                .arg("curl")
                .args(retry)
                .arg(url),
        )
    }

    /// A file or directory of the host's as an argument of `-v`.
    pub(crate) fn volume(from: &Path, to: &str) -> String {
        format!("{}:{to}", from.display())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}
