//! One process of an app, ready to be started.

use super::{Environment, PortPlan, ProcessName};
use crate::engine::Job;

/// What the supervisor starts: image and command (`job`), process name, readiness.
#[derive(Clone, Debug)]
pub struct Service {
    /// Which process.
    pub name: ProcessName,
    /// Image, command and whole environment.
    pub job: Job,
    /// What its `PORT` says.
    pub port: Option<u16>,
    /// When it counts as ready.
    pub readiness: Readiness,
}

/// When a process counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// At once.
    NotAwaited,
    /// When something accepts connections on its port, on this machine's loopback.
    Accepts {
        /// Where people find it then.
        url: String,
    },
}

impl Service {
    /// A process of an app: `job` with the environment that `env` gives once the port is in it; `web` is awaited.
    pub fn new(
        name: ProcessName,
        mut job: Job,
        env: Environment<'_>,
        port: u16,
        ports: &PortPlan,
    ) -> Self {
        let env = Environment {
            port: Some(port),
            ..env
        };
        job.env = env.resolve();
        let readiness = if name.is_web() {
            Readiness::Accepts { url: ports.url() }
        } else {
            Readiness::NotAwaited
        };
        Self {
            name,
            job,
            port: Some(port),
            readiness,
        }
    }

    /// The port and address that are awaited, if any.
    pub(super) fn awaited(&self) -> Option<(u16, &str)> {
        match &self.readiness {
            Readiness::Accepts { url } => self.port.map(|port| (port, url.as_str())),
            Readiness::NotAwaited => None,
        }
    }
}
