//! Absolute `http` and `https` addresses that never show their secrets.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest address taken; RFC 9110 §4.1 asks for at least 8,000 octets.
const MAX_LENGTH: usize = 8192;

/// The two schemes that daruma speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// Over TLS.
    Https,
}

/// An absolute address (RFC 3986) with its user information kept apart. `Display` and `Debug` hide the user information and the query.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Url(Arc<Parts>);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    scheme: Scheme,
    user: Option<(String, String)>,
    host: String,
    port: Option<u16>,
    target: String,
}

/// The text is no address that daruma can request. The text itself is not repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an http:// or https:// address")]
pub struct InvalidUrl;

impl Url {
    /// `http` or `https`.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The host in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port, the scheme's own where none is written.
    pub fn port(&self) -> u16 {
        self.0.port.unwrap_or(match self.0.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        })
    }

    /// The path without the query, beginning with `/`.
    pub fn path(&self) -> &str {
        self.0.target.split('?').next().unwrap_or("/")
    }

    /// User and password, percent-decoded.
    pub fn user(&self) -> Option<(&str, &str)> {
        self.0.user.as_ref().map(|(u, p)| (u.as_str(), p.as_str()))
    }

    /// The same address with other user information.
    #[must_use]
    pub fn with_user(mut self, user: Option<(String, String)>) -> Self {
        Arc::make_mut(&mut self.0).user = user;
        self
    }

    /// Whether both name one server: scheme, host and port.
    pub fn same_server(&self, other: &Self) -> bool {
        (self.scheme(), self.host(), self.port()) == (other.scheme(), other.host(), other.port())
    }

    /// The address below this one: `base/` + `path`. The query is dropped.
    #[must_use]
    pub fn child(&self, path: &str) -> Self {
        let target = format!("{}/{}", self.path().trim_end_matches('/'), path);
        let parts = Parts::clone(&self.0);
        Self(Arc::new(Parts { target, ..parts }))
    }

    /// Where a `Location` leads from here (RFC 3986 §5.2, without dot segments). User information is never carried over.
    pub fn join(&self, location: &str) -> Result<Self, InvalidUrl> {
        let server = self.server();
        let scheme = server.split("//").next().unwrap_or_default();
        let lower = location.to_ascii_lowercase();
        let text = if lower.starts_with("http://") || lower.starts_with("https://") {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}{location}")
        } else if location.starts_with('/') {
            format!("{server}{location}")
        } else if location.starts_with('?') {
            format!("{server}{}{location}", self.path())
        } else if location
            .split(['/', '?', '#'])
            .next()
            .unwrap_or("")
            .contains(':')
        {
            return Err(InvalidUrl);
        } else {
            let folder = self
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            format!("{server}{folder}/{location}")
        };
        text.parse()
    }

    /// `scheme://host[:port]`.
    pub fn server(&self) -> String {
        let scheme = match self.0.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let port = self
            .0
            .port
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!("{scheme}://{}{port}", self.host())
    }

    /// What goes on the wire: everything but the user information.
    pub(super) fn request(&self) -> String {
        format!("{}{}", self.server(), self.0.target)
    }
}

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > MAX_LENGTH || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidUrl);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(InvalidUrl),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, server) = split_user(authority)?;
        let (host, port) = split_port(server)?;
        let target = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("/{target}")
        };
        Ok(Self(Arc::new(Parts {
            scheme,
            user,
            host,
            port,
            target,
        })))
    }
}

type User = Option<(String, String)>;

fn split_user(authority: &str) -> Result<(User, &str), InvalidUrl> {
    let Some((user, server)) = authority.rsplit_once('@') else {
        return Ok((None, authority));
    };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    Ok((Some((decode(name)?, decode(password)?)), server))
}

fn split_port(server: &str) -> Result<(String, Option<u16>), InvalidUrl> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (server, None),
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse().map_err(|_| InvalidUrl)?),
    };
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let valid = match inner {
        Some(v6) => v6
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.'),
        None => host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')),
    };
    if host.is_empty() || !valid {
        return Err(InvalidUrl);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn decode(text: &str) -> Result<String, InvalidUrl> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let pair = [
            bytes.next().ok_or(InvalidUrl)?,
            bytes.next().ok_or(InvalidUrl)?,
        ];
        let mut value = [0];
        hex::decode_to_slice(pair, &mut value).map_err(|_| InvalidUrl)?;
        out.push(value[0]);
    }
    String::from_utf8(out).map_err(|_| InvalidUrl)
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server();
        let (scheme, host) = server.split_once("//").unwrap_or_default();
        let user = if self.0.user.is_some() { "***@" } else { "" };
        let query = if self.0.target.contains('?') {
            "?***"
        } else {
            ""
        };
        write!(f, "{scheme}//{user}{host}{}{query}", self.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_by_neither_text_form() {
        let url: Url = "https://me:s%40cret@Mirror.Example:8443/debian?token=t0p"
            .parse()
            .expect("url");
        assert_eq!(
            url.to_string(),
            "https://***@mirror.example:8443/debian?***"
        );
        assert_eq!(format!("{url:?}"), url.to_string());
        assert_eq!(url.user(), Some(("me", "s@cret")));
        assert_eq!(
            url.request(),
            "https://mirror.example:8443/debian?token=t0p"
        );
    }

    #[test]
    fn locations_resolve_as_rfc_3986_says_and_carry_no_password() {
        let base: Url = "http://u:p@h/a/b?c".parse().expect("url");
        for (location, expected) in [
            ("https://o/x", Some("https://o/x")),
            ("//o/x", Some("http://o/x")),
            ("/x?y", Some("http://h/x?y")),
            ("x", Some("http://h/a/x")),
            ("?y", Some("http://h/a/b?y")),
            ("ftp://o/x", None),
            ("file:/etc/passwd", None),
            ("/a b", None),
        ] {
            let joined = base.join(location).ok().map(|url| {
                assert_eq!(url.user(), None);
                url.request()
            });
            assert_eq!(joined.as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        for text in [
            "",
            "http://",
            "ftp://h/",
            "http://h:99999/",
            "http://h h/",
            "http://[::1/",
            "http://h/\n",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text:?}");
        }
    }
}
