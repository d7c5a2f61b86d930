//! Which process gets which port, and what `-p` says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::str::FromStr;

use super::{ProcessName, RunError};

/// The port of `web` where nobody says another.
pub const DEFAULT_PORT: u16 = 3000;

/// What lies between the ports of two processes (foreman's number).
pub const PORT_STEP: u16 = 100;

/// One `-p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortSpec {
    /// `PORT`: what `web` listens on.
    Listen(u16),
    /// `[ADDRESS:]HOST:CONTAINER`: connections to `HOST` go to `CONTAINER`.
    Forward {
        /// Where to listen, if that was said.
        address: Option<IpAddr>,
        /// The port that people use.
        host: u16,
        /// The port that the process listens on.
        container: u16,
    },
}

/// Connections to `listen` go to the app's port `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where people connect.
    pub listen: SocketAddr,
    /// The port of the app, on this machine's loopback.
    pub to: u16,
}

/// The ports of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortPlan {
    web: u16,
    forwards: Vec<Forward>,
}

impl FromStr for PortSpec {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let fail = |reason: String| RunError::PortSpec {
            text: text.to_owned(),
            reason,
        };
        let port = |part: &str| port(part).map_err(fail);
        let Some((front, container)) = text.rsplit_once(':') else {
            return Ok(Self::Listen(port(text)?));
        };
        let container = port(container)?;
        let (address, host) = match front.rsplit_once(':') {
            None => (None, front),
            Some((address, host)) => (Some(self::address(address).map_err(fail)?), host),
        };
        Ok(Self::Forward {
            address,
            host: port(host)?,
            container,
        })
    }
}

fn port(text: &str) -> Result<u16, String> {
    if text.ends_with("/udp") || text.ends_with("/tcp") {
        return Err("a protocol cannot be said, it is always TCP".to_owned());
    }
    if text.contains('-') {
        return Err(format!(
            "`{text}` is a range; say each port with its own `-p`"
        ));
    }
    let valid = text.bytes().all(|b| b.is_ascii_digit());
    let number = valid.then(|| text.parse::<NonZeroU16>().ok()).flatten();
    number
        .map(NonZeroU16::get)
        .ok_or_else(|| format!("`{text}` is not a port from 1 to 65535"))
}

fn address(text: &str) -> Result<IpAddr, String> {
    let bracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let parsed = match bracketed {
        Some(inner) => inner.parse().map(IpAddr::V6).ok(),
        None => text.parse().map(IpAddr::V4).ok(),
    };
    parsed.ok_or_else(|| format!("`{text}` is not an address like 127.0.0.1 or [::1]"))
}

impl PortPlan {
    /// Combines the `-p` of the command line with the `PORT` of the `.env` file. `web` listens on the `PORT` that `-p`
    /// says, else on the first `CONTAINER`, else on the `.env` file's, else on [`DEFAULT_PORT`].
    pub fn new(specs: &[PortSpec], dotenv_port: Option<&str>) -> Result<Self, RunError> {
        let web = web_port(specs, dotenv_port)?;
        let mut forwards: Vec<Forward> = Vec::new();
        for spec in specs {
            if let Some(forward) = forward(*spec)? {
                if forwards.iter().any(|known| known.listen == forward.listen) {
                    return Err(conflict(format!("{} is given twice", forward.listen)));
                }
                forwards.push(forward);
            }
        }
        if let Some(clash) = forwards.iter().find(|f| f.listen.port() == web) {
            let reason = format!(
                "{} is forwarded, and `web` listens on {web} itself",
                clash.listen
            );
            return Err(conflict(reason));
        }
        Ok(Self { web, forwards })
    }

    /// The port of `web`.
    pub fn web(&self) -> u16 {
        self.web
    }

    /// What is forwarded.
    pub fn forwards(&self) -> &[Forward] {
        &self.forwards
    }

    /// The port of a process: `web` has the base, the n-th other process of `declared` has base + 100·n, whichever of
    /// them are started.
    pub fn port_of(&self, name: &ProcessName, declared: &[ProcessName]) -> Result<u16, RunError> {
        if name.is_web() {
            return Ok(self.web);
        }
        let others = declared.iter().filter(|other| !other.is_web());
        let before = others.take_while(|other| *other != name).count();
        u16::try_from(before + 1)
            .ok()
            .and_then(|nth| nth.checked_mul(PORT_STEP))
            .and_then(|offset| self.web.checked_add(offset))
            .ok_or_else(|| {
                conflict(format!(
                    "`{name}` would get a port above 65535; choose a lower `-p PORT`"
                ))
            })
    }

    /// Where people find `web`.
    pub fn url(&self) -> String {
        let forward = self.forwards.iter().find(|forward| forward.to == self.web);
        let Some(Forward { listen, .. }) = forward else {
            return format!("http://localhost:{}/", self.web);
        };
        let local = listen.ip().is_unspecified() || listen.ip() == Ipv4Addr::LOCALHOST;
        if local {
            format!("http://localhost:{}/", listen.port())
        } else {
            format!("http://{listen}/")
        }
    }
}

fn conflict(reason: String) -> RunError {
    RunError::Ports { reason }
}

fn web_port(specs: &[PortSpec], dotenv_port: Option<&str>) -> Result<u16, RunError> {
    let listens: Vec<u16> = specs.iter().filter_map(|spec| spec.listens()).collect();
    if let [first, second, ..] = listens[..] {
        let reason = format!("`web` has one port, and both {first} and {second} are given");
        return Err(conflict(reason));
    }
    let container = specs.iter().find_map(|spec| spec.container());
    if let Some(port) = listens.first().copied().or(container) {
        return Ok(port);
    }
    dotenv_port.map_or(Ok(DEFAULT_PORT), |text| {
        port(text).map_err(|_| RunError::DotenvPort {
            text: text.to_owned(),
        })
    })
}

impl PortSpec {
    fn listens(self) -> Option<u16> {
        match self {
            Self::Listen(port) => Some(port),
            Self::Forward { .. } => None,
        }
    }

    fn container(self) -> Option<u16> {
        match self {
            Self::Listen(_) => None,
            Self::Forward { container, .. } => Some(container),
        }
    }
}

/// `N:N` needs no proxy, as the process shares this machine's network; with an address it cannot be granted, as the
/// process itself chooses where it listens.
fn forward(spec: PortSpec) -> Result<Option<Forward>, RunError> {
    let PortSpec::Forward {
        address,
        host,
        container,
    } = spec
    else {
        return Ok(None);
    };
    match address {
        None if host == container => Ok(None),
        Some(address) if host == container => Err(conflict(format!(
            "{} cannot be forwarded to the same port, as the app shares this machine's network; choose another HOST port",
            SocketAddr::new(address, host)
        ))),
        _ => Ok(Some(Forward {
            listen: SocketAddr::new(address.unwrap_or(Ipv4Addr::LOCALHOST.into()), host),
            to: container,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<ProcessName> {
        text.split_whitespace()
            .map(|n| n.parse().expect("a name"))
            .collect()
    }

    fn plan(specs: &str, dotenv: Option<&str>) -> Result<PortPlan, String> {
        let specs: Result<Vec<PortSpec>, RunError> =
            specs.split_whitespace().map(str::parse).collect();
        specs
            .and_then(|specs| PortPlan::new(&specs, dotenv))
            .map_err(|error| error.to_string())
    }

    /// `-p`s, `PORT` in `.env`, then `web`'s port, forwards and URL.
    #[rustfmt::skip]
    const GOOD: &[(&str, Option<&str>, u16, &str, &str)] = &[
        ("", None, 3000, "", "http://localhost:3000/"),
        ("", Some("5006"), 5006, "", "http://localhost:5006/"),
        ("4000", Some("5006"), 4000, "", "http://localhost:4000/"),
        ("8080:3000", None, 3000, "127.0.0.1:8080>3000", "http://localhost:8080/"),
        ("8080:5000", Some("1"), 5000, "127.0.0.1:8080>5000", "http://localhost:8080/"),
        ("3000:3000", None, 3000, "", "http://localhost:3000/"),
        ("3000 9000:9229", None, 3000, "127.0.0.1:9000>9229", "http://localhost:3000/"),
        ("0.0.0.0:80:3000", None, 3000, "0.0.0.0:80>3000", "http://localhost:80/"),
        ("[::1]:80:3000", None, 3000, "[::1]:80>3000", "http://[::1]:80/"),
        ("localhost:80:3000", None, 3000, "127.0.0.1:80>3000", "http://localhost:80/"),
        ("192.0.2.1:80:3000", None, 3000, "192.0.2.1:80>3000", "http://192.0.2.1:80/"),
    ];

    #[test]
    fn every_form_of_p_sets_ports_forwards_and_url() {
        for (specs, dotenv, web, forwards, url) in GOOD {
            let plan = plan(specs, *dotenv).expect(specs);
            let shown: Vec<String> = plan
                .forwards()
                .iter()
                .map(|f| format!("{}>{}", f.listen, f.to))
                .collect();
            assert_eq!(
                (plan.web(), shown.join(" ").as_str(), plan.url().as_str()),
                (*web, *forwards, *url)
            );
        }
    }

    const BAD: &[(&str, &str)] = &[
        ("0", "`0` is not a port"),
        ("65536", "`65536` is not a port"),
        ("+80", "`+80` is not a port"),
        (":3000", "`` is not a port"),
        ("3000:", "`` is not a port"),
        ("x:3000", "`x` is not a port"),
        ("3000/udp", "always TCP"),
        ("3000-3005:3000", "is a range"),
        ("::1:80:3000", "`::1` is not an address"),
        ("example.org:80:3000", "`example.org` is not an address"),
        ("3000 4000", "`web` has one port"),
        ("127.0.0.1:3000:3000", "shares this machine's network"),
        ("8080:3000 8080:4000", "127.0.0.1:8080 is given twice"),
        ("3000 3000:4000", "`web` listens on 3000 itself"),
    ];

    #[test]
    fn what_cannot_be_granted_is_refused_with_the_reason() {
        for (specs, expected) in BAD {
            let error = plan(specs, None).expect_err(specs);
            assert!(error.contains(expected), "{specs}: {error}");
        }
        let error = plan("", Some("auto")).expect_err("refused");
        assert_eq!(
            error,
            "cannot use PORT=`auto` from .env: it is not a port from 1 to 65535"
        );
    }

    #[test]
    fn other_processes_get_ports_by_their_place_in_the_procfile() {
        let declared = names("worker web clock");
        let plan = plan("5000", None).expect("planned");
        let ports: Vec<u16> = declared
            .iter()
            .map(|name| plan.port_of(name, &declared).expect("a port"))
            .collect();
        assert_eq!(ports, [5100, 5000, 5200]);
        let high = PortPlan::new(&[PortSpec::Listen(65500)], None).expect("planned");
        assert!(high.port_of(&declared[0], &declared).is_err());
    }
}
