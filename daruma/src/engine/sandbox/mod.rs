//! The built-in engine: namespaces of this kernel, no daemon (`docs/sandbox.md`).

mod area;
mod running;

use std::path::Path;
use std::sync::Arc;

use daruma_sandbox::{
    Ids, Launcher, OverlayApi, Owner, Ownership, Privileges, Range, SandboxError, Spec, Stdio,
    Upper, WindowSize,
};

use super::terminal::Relay;
use super::{
    Engine, EngineError, EngineKind, Io, Job, Mount, Network, Running, Stream, Writes, terminal,
};
use crate::tree::{IdMap, IdRange};
use area::{Area, RunDirs};
use running::SandboxRunning;

pub use area::sweep;

/// The name that messages give this engine.
const NAME: &str = "sandbox";

/// Resolves without a name server, from the host's `/etc/hosts`, and is the same on every machine.
const HOSTNAME: &str = "localhost";

/// Runs jobs in sandboxes. [`super::Changes`] that it gave must be dropped before it.
#[derive(Debug)]
pub struct SandboxEngine {
    launcher: Launcher,
    ids: Ids,
    overlay: OverlayApi,
    area: Arc<Area>,
}

impl SandboxEngine {
    /// An engine that keeps what jobs write below `tmp` ([`crate::home::Home::tmp`]) while they run, and removes what
    /// processes that were killed left there.
    pub fn new(tmp: &Path) -> Result<Self, EngineError> {
        Self::with_launcher(tmp, Launcher::default())
    }

    /// As [`SandboxEngine::new`], with another program than this one as the launcher: tests give daruma's own, because
    /// they have a `main` that they cannot change.
    pub fn with_launcher(tmp: &Path, launcher: Launcher) -> Result<Self, EngineError> {
        let ids = usable_ids(&launcher)?;
        Self::with_ids(tmp, launcher, ids)
    }

    /// An engine for an app's processes. Where this user is not root, all files belong to one id, which the processes
    /// run as: an app then owns what it is given, and nothing has to be unpacked inside a user namespace.
    pub fn for_apps(tmp: &Path) -> Result<Self, EngineError> {
        let launcher = Launcher::default();
        let ids = match usable_ids(&launcher)? {
            Ids::Ranges { .. } => Ids::Single,
            other => other,
        };
        Self::with_ids(tmp, launcher, ids)
    }

    fn with_ids(tmp: &Path, launcher: Launcher, ids: Ids) -> Result<Self, EngineError> {
        let area = Arc::new(Area::open(tmp, launcher.clone(), ids.clone())?);
        Ok(Self {
            launcher,
            ids,
            overlay: OverlayApi::Newest,
            area,
        })
    }

    /// Mounts layers by `mount(2)` although this kernel may have something newer.
    #[must_use]
    pub fn with_mount_call(mut self) -> Self {
        self.overlay = OverlayApi::MountCall;
        self
    }

    /// How owners on disk must map to those inside: the layers of a job are unpacked accordingly.
    pub fn ids(&self) -> IdMap {
        id_map(&self.ids)
    }

    /// Gives files below `dir` to owners inside, where the ids are [`IdMap::Ranges`] and this process may not: it
    /// unpacks as itself, then calls this for what does not belong to `0:0`.
    pub fn set_owners(&self, dir: &Path, owners: &[Owner]) -> Result<(), EngineError> {
        self.launcher
            .set_owners(&self.ids, dir, owners)
            .map_err(|error| EngineError::Io(std::io::Error::other(error)))
    }

    /// Removes directories with files of mapped owners, which this process may not.
    pub fn remove(&self, dirs: &[&Path]) -> Result<(), EngineError> {
        self.launcher
            .remove(&self.ids, dirs)
            .map_err(|error| EngineError::Io(std::io::Error::other(error)))
    }

    fn spec(&self, job: &Job, dirs: &RunDirs, terminal: Option<WindowSize>) -> Spec {
        // Only daruma's own jobs, configure and compile, ask for it; what they run may call `su` or `sudo`.
        let (privileges, ownership) = if job.pretend_ownership {
            (Privileges::Gainable, Ownership::Pretended)
        } else {
            (Privileges::Fixed, Ownership::Real)
        };
        Spec {
            layers: job.layers.clone(),
            scratch: dirs.scratch(),
            upper: dirs.upper(),
            argv: job.argv.clone(),
            env: job.env.clone(),
            cwd: job.cwd.clone(),
            user: job.user,
            mounts: job.mounts.iter().map(mount).collect(),
            network: match job.network {
                Network::None => daruma_sandbox::Network::None,
                Network::Host => daruma_sandbox::Network::Host,
            },
            ids: self.ids.clone(),
            privileges,
            ownership,
            overlay: self.overlay,
            hostname: HOSTNAME.to_owned(),
            terminal,
        }
    }
}

impl Engine for SandboxEngine {
    fn kind(&self) -> EngineKind {
        EngineKind::Sandbox
    }

    fn start(&self, job: &Job, io: Io) -> Result<Box<dyn Running>, EngineError> {
        let terminal = io.terminal.then(terminal::size_of_own).flatten();
        let dirs = RunDirs::create(&self.area, job.writes)?;
        if job.writes == Writes::Keep && dirs.upper() == Upper::Memory {
            return Err(start_error(job, NO_PLACE));
        }
        let streams = [io.stdin, io.stdout, io.stderr].map(stdio);
        let mut child = self
            .launcher
            .spawn(&self.spec(job, &dirs, terminal), streams)
            .map_err(|error| failure(job, &error))?;
        let relay = match child.take_terminal() {
            Some(fd) => Some(Relay::start(fd)?),
            None => None,
        };
        Ok(Box::new(SandboxRunning::new(child, dirs, relay)))
    }
}

const NO_PLACE: &str = "its changes need a directory that is not on an overlay file system, as this container's are; \
     set DARUMA_HOME to a directory on a volume";

/// As root nothing needs to be tried: what fails then fails at the first job, with the same message.
fn usable_ids(launcher: &Launcher) -> Result<Ids, EngineError> {
    match Ids::detect() {
        Ids::Same => Ok(Ids::Same),
        _ => daruma_sandbox::probe(launcher)
            .map(|support| support.ids)
            .map_err(|error| unusable(&error)),
    }
}

fn id_map(ids: &Ids) -> IdMap {
    match ids {
        Ids::Same => IdMap::Same,
        Ids::Single => IdMap::Single,
        Ids::Ranges { users, groups } => IdMap::Ranges {
            users: ranges(rustix::process::getuid().as_raw(), *users),
            groups: ranges(rustix::process::getgid().as_raw(), *groups),
        },
    }
}

/// The caller is root inside, and its subordinate ids follow.
fn ranges(own: u32, subordinate: Range) -> Vec<IdRange> {
    let root = IdRange {
        inside: 0,
        outside: own,
        count: 1,
    };
    let others = IdRange {
        inside: 1,
        outside: subordinate.first,
        count: subordinate.count,
    };
    vec![root, others]
}

fn mount(mount: &Mount) -> daruma_sandbox::Mount {
    match mount.clone() {
        Mount::Tmpfs { to } => daruma_sandbox::Mount::Tmpfs { to },
        Mount::Host {
            from,
            to,
            read_only,
        } => daruma_sandbox::Mount::Host {
            from,
            to,
            read_only,
        },
    }
}

fn stdio(stream: Stream) -> Stdio {
    match stream {
        Stream::Inherit => Stdio::Inherit,
        Stream::Null => Stdio::Null,
        Stream::Pipe => Stdio::Pipe,
    }
}

fn failure(job: &Job, error: &SandboxError) -> EngineError {
    match error {
        SandboxError::Refused { .. } => unusable(error),
        _ => start_error(job, &with_causes(error)),
    }
}

fn start_error(job: &Job, reason: &str) -> EngineError {
    EngineError::Start {
        program: job.argv.first().cloned().unwrap_or_default(),
        reason: reason.to_owned(),
    }
}

fn unusable(error: &SandboxError) -> EngineError {
    EngineError::Unusable {
        engine: NAME,
        reason: match error {
            SandboxError::Refused { reason } => reason.clone(),
            other => with_causes(other),
        },
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error)
        .chain(causes)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
