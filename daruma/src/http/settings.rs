//! What a client is told when it is made.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{HttpError, Proxies, Scheme, Url};

/// How long is waited, and how often is tried again.
#[derive(Clone, Debug)]
pub struct Timing {
    /// For a name, a connection and a handshake.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub first_byte: Duration,
    /// Between two reads of a body.
    pub idle: Duration,
    /// After so long without a first byte, a second request runs beside the first.
    pub hedge_after: Duration,
    /// How often a request is made, the first time included.
    pub attempts: u32,
    /// Pause before the second attempt; doubled for each further one, and jittered by half.
    pub backoff: Duration,
    /// A `Retry-After` longer than this is not waited for.
    pub patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            hedge_after: Duration::from_secs(3),
            attempts: 4,
            backoff: Duration::from_millis(400),
            patience: Duration::from_secs(60),
        }
    }
}

/// The variable that says how many seconds a server may be silent.
const TIMEOUT: &str = "DARUMA_HTTP_TIMEOUT";

impl Timing {
    /// The usual, but that a server may be silent for as many seconds as `said`.
    fn with_silence(said: &str) -> Result<Self, HttpError> {
        let seconds = said.trim().parse().ok().filter(|seconds| *seconds > 0);
        let silence = seconds
            .map(Duration::from_secs)
            .ok_or_else(|| HttpError::Silence {
                name: TIMEOUT,
                value: said.to_owned(),
            })?;
        let usual = Self::default();
        Ok(Self {
            connect: usual.connect.min(silence),
            first_byte: silence,
            idle: silence,
            ..usual
        })
    }
}

/// User and password for one server, or for a path on it (apt_auth.conf(5), `~/.netrc`).
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Only for this scheme; apt means https where none is written.
    pub scheme: Scheme,
    /// Host, in lower case.
    pub host: String,
    /// Only for this port; any where none is written.
    pub port: Option<u16>,
    /// Only for paths that begin so.
    pub path: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl Credential {
    /// Whether it may be sent to `url`.
    pub fn applies_to(&self, url: &Url) -> bool {
        self.scheme == url.scheme()
            && self.host == url.host()
            && self.port.is_none_or(|port| port == url.port())
            && below(url.path(), &self.path)
    }
}

fn below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Credential({:?} {}{} ***)",
            self.scheme, self.host, self.path
        )
    }
}

/// Everything that a [`super::Client`] needs to know.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Waiting and trying again.
    pub timing: Timing,
    /// Which proxy for which host.
    pub proxies: Proxies,
    /// PEM files trusted beside the system's store.
    pub extra_ca_files: Vec<PathBuf>,
    /// Passwords by server; those in an address come first.
    pub credentials: Vec<Credential>,
}

impl Settings {
    /// Proxies and patience from the environment; all else as usual.
    pub fn from_env() -> Result<Self, HttpError> {
        let said = std::env::var(TIMEOUT).ok().filter(|said| !said.is_empty());
        Ok(Self {
            timing: said
                .map_or_else(|| Ok(Timing::default()), |said| Timing::with_silence(&said))?,
            proxies: Proxies::from_env()?,
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_number_of_seconds() {
        let timing = Timing::with_silence("2").expect("accepted");
        let two = Duration::from_secs(2);
        assert_eq!(
            (timing.connect, timing.first_byte, timing.idle),
            (two, two, two)
        );
        for said in ["0", "-1", "soon", "1.5"] {
            assert!(Timing::with_silence(said).is_err(), "{said}");
        }
    }

    #[test]
    fn a_credential_goes_to_its_server_and_path_only() {
        let credential = Credential {
            scheme: Scheme::Https,
            host: "h".to_owned(),
            port: None,
            path: "/private".to_owned(),
            user: "u".to_owned(),
            password: "p".to_owned(),
        };
        for (url, expected) in [
            ("https://h/private/x", true),
            ("https://h:8443/private", true),
            ("http://h/private/x", false),
            ("https://h/privateer", false),
            ("https://o/private/x", false),
        ] {
            assert_eq!(
                credential.applies_to(&url.parse().expect("url")),
                expected,
                "{url}"
            );
        }
    }
}
