//! Which way a request takes.

use std::collections::BTreeMap;

use super::{HttpError, Scheme, Url};

/// The way to one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Without a proxy.
    Direct,
    /// Through this proxy.
    Via(Url),
}

/// The proxies of the environment and those named for single hosts.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// For http addresses.
    pub http: Option<Url>,
    /// For https addresses.
    pub https: Option<Url>,
    /// Hosts that are reached directly: `*`, a name (its subdomains too), or `name:port`.
    pub exceptions: Vec<String>,
    /// Routes for single hosts, before all else.
    pub hosts: BTreeMap<String, Route>,
}

impl Proxies {
    /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, as curl reads them: upper case works too, but for
    /// `HTTP_PROXY`, which a CGI program's client could set.
    pub fn from_env() -> Result<Self, HttpError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The same from any source of variables.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, HttpError> {
        let first = |names: &[&str]| {
            let found = names
                .iter()
                .find_map(|name| lookup(name).filter(|v| !v.is_empty()).map(|v| (*name, v)));
            found
                .map(|(name, value)| parse_proxy(name, &value))
                .transpose()
        };
        let exceptions = lookup("no_proxy")
            .or_else(|| lookup("NO_PROXY"))
            .unwrap_or_default();
        Ok(Self {
            http: first(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            exceptions: exceptions
                .split([',', ' '])
                .filter(|e| !e.is_empty())
                .map(str::to_ascii_lowercase)
                .collect(),
            hosts: BTreeMap::new(),
        })
    }

    /// The proxy for `url`, if it is to take one.
    pub fn route(&self, url: &Url) -> Option<&Url> {
        if let Some(route) = self.hosts.get(url.host()) {
            return match route {
                Route::Direct => None,
                Route::Via(proxy) => Some(proxy),
            };
        }
        if self.exceptions.iter().any(|e| excepted(e, url)) {
            return None;
        }
        match url.scheme() {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
        }
    }
}

/// A proxy may be written without a scheme; `origin` says who named it.
pub(crate) fn parse_proxy(origin: &str, value: &str) -> Result<Url, HttpError> {
    let text = if value.contains("://") {
        value.to_owned()
    } else {
        format!("http://{value}")
    };
    text.parse().map_err(|source| HttpError::Proxy {
        origin: origin.to_owned(),
        source,
    })
}

fn excepted(exception: &str, url: &Url) -> bool {
    let host = url.host();
    let name = match exception.rsplit_once(':') {
        Some((name, port)) if port.parse() == Ok(url.port()) => name,
        Some((_, port)) if port.parse::<u16>().is_ok() && !exception.contains('[') => return false,
        _ => exception,
    };
    let name = name.trim_start_matches("*.").trim_start_matches('.');
    name == "*"
        || host == name
        || host
            .strip_suffix(name)
            .is_some_and(|head| !name.is_empty() && head.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let vars = [
            ("http_proxy", "proxy:3128"),
            ("HTTPS_PROXY", "http://u:p@secure:8080"),
            ("no_proxy", "localhost,.internal,exact:81"),
        ];
        let proxies = Proxies::from_lookup(|name| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })
        .expect("read");
        for (url, expected) in [
            ("http://h/", Some("http://proxy:3128/")),
            ("https://h/", Some("http://***@secure:8080/")),
            ("http://localhost/", None),
            ("http://a.internal/", None),
            ("http://internal/", None),
            ("http://notinternal/", Some("http://proxy:3128/")),
            ("http://exact:81/", None),
            ("http://exact/", Some("http://proxy:3128/")),
        ] {
            let route = proxies
                .route(&url.parse().expect("url"))
                .map(ToString::to_string);
            assert_eq!(route.as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        let error = Proxies::from_lookup(|name| {
            (name == "http_proxy").then(|| "socks5://u:secret@h".to_owned())
        });
        let text = error.map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(
            text,
            Err("cannot use the proxy that http_proxy names".to_owned())
        );
    }
}
