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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::{Network, Writes};

    #[test]
    fn web_is_awaited_and_every_process_has_its_port_and_nothing_of_the_template() {
        let job = Job {
            layers: Vec::new(),
            argv: Vec::new(),
            env: BTreeMap::from([("LEFT".to_owned(), "over".to_owned())]),
            cwd: "/app".to_owned(),
            user: (1000, 1000),
            mounts: Vec::new(),
            network: Network::Host,
            writes: Writes::Discard,
            pretend_ownership: false,
        };
        let none = BTreeMap::new();
        let env = Environment {
            image: &none,
            dotenv: &none,
            flags: &none,
            term: None,
            port: None,
        };
        let ports = PortPlan::new(&[], None).expect("planned");
        let service = |name: &str, port| {
            let name = name.parse().expect("a name");
            Service::new(name, job.clone(), env, port, &ports)
        };
        let (web, worker) = (service("web", 3000), service("worker", 3100));
        assert_eq!(web.awaited(), Some((3000, "http://localhost:3000/")));
        assert_eq!(worker.awaited(), None);
        let vars: Vec<String> = worker
            .job
            .env
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(vars, ["HOME=/app", "PORT=3100"]);
    }
}
