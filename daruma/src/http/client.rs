//! The client itself: one hop, redirects, retries.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fs_err as fs;
use ureq::config::Config;
use ureq::tls::TlsConfig;
use ureq::{Agent, AsSendBody, http};

use super::error::is_transient_status;
use super::forward::ForwardProxy;
use super::resolver::CachedResolver;
use super::retry::{Attempts, retry_after};
use super::{
    Body, Fetched, HttpError, Method, Payload, Phase, Request, Response, Scheme, Settings, Url,
};
use super::{hedge, trust};

/// How many redirects are followed for one request.
pub const MAX_REDIRECTS: usize = 5;

/// Room for the largest answer heads seen (signed storage redirects), and no more.
const MAX_HEAD: usize = 64 * 1024;

/// Makes requests. Cloning is cheap, and all clones share connections and name lookups.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    resolver: CachedResolver,
    plain: OnceLock<Agent>,
    secure: OnceLock<Agent>,
}

impl Client {
    /// A client that has made no connection and read no certificate yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                resolver: CachedResolver::default(),
                plain: OnceLock::new(),
                secure: OnceLock::new(),
            }),
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Makes a request, follows redirects, tries again where that may help. Any final status is an answer:
    /// see [`Response::ok`].
    pub fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let mut attempts = Attempts::new(&self.settings().timing);
        loop {
            let outcome = self.follow(request);
            let wait = match &outcome {
                Ok(response) if is_transient_status(response.status) => {
                    attempts.next(wish(response))
                }
                Err(error) if error.is_transient() => attempts.next(None),
                _ => None,
            };
            match wait {
                Some(wait) => thread::sleep(wait),
                None => return outcome,
            }
        }
    }

    /// Makes a request and reads its body of at most `limit` bytes, trying again where the body breaks off too.
    pub fn fetch(&self, request: &Request, limit: u64) -> Result<Fetched, HttpError> {
        let mut attempts = Attempts::new(&self.settings().timing);
        loop {
            let outcome = self.send(request)?.ok().and_then(|r| read_all(r, limit));
            let broken = matches!(
                outcome,
                Err(HttpError::Truncated { .. } | HttpError::Timeout { .. })
            );
            match broken.then(|| attempts.next(None)).flatten() {
                Some(wait) => thread::sleep(wait),
                None => return outcome,
            }
        }
    }

    /// One attempt: follows redirects, never from https to http, and leaves secrets behind when the server changes.
    pub(super) fn follow(&self, request: &Request) -> Result<Response, HttpError> {
        let mut current = request.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.hedged(&current)?;
            let Some(next) = redirect(&current, &response)? else {
                return Ok(response);
            };
            current = next;
        }
        Err(HttpError::Redirects {
            url: request.url.clone(),
            limit: MAX_REDIRECTS,
        })
    }

    fn hedged(&self, request: &Request) -> Result<Response, HttpError> {
        if !request.is_read() {
            return self.hop(request);
        }
        let (client, request) = (self.clone(), request.clone());
        let patience = self.settings().timing.hedge_after;
        hedge::race(patience, move || client.hop(&request))
    }

    /// One request and its answer's head.
    fn hop(&self, request: &Request) -> Result<Response, HttpError> {
        match &request.payload {
            Payload::Empty => self.exchange(request, ()),
            Payload::Bytes(bytes) => self.exchange(request, &bytes[..]),
            Payload::File(path) => {
                let file = fs::File::open(path).map_err(|source| HttpError::Write {
                    url: request.url.clone(),
                    path: path.clone(),
                    source,
                })?;
                self.exchange(request, file.into_parts().0)
            }
        }
    }

    fn exchange(&self, request: &Request, payload: impl AsSendBody) -> Result<Response, HttpError> {
        let url = &request.url;
        let proxy = self.settings().proxies.route(url);
        let agent = self.agent(url, proxy)?;
        let head = self.head(request, proxy, payload)?;
        let head = agent
            .configure_request(head)
            .proxy(proxy.map(|p| proxy_of(p, url)).transpose()?)
            .build();
        let answer = agent.run(head).map_err(|error| self.failure(url, error))?;
        let (parts, body) = answer.into_parts();
        Ok(Response {
            status: parts.status.as_u16(),
            url: url.clone(),
            headers: parts.headers,
            body: Body::new(body.into_reader(), url.clone(), &self.settings().timing),
        })
    }

    fn head<B>(
        &self,
        request: &Request,
        proxy: Option<&Url>,
        payload: B,
    ) -> Result<http::Request<B>, HttpError> {
        let mut head = http::Request::builder()
            .method(method(request.method))
            .uri(request.url.request());
        for (name, value) in request.headers.iter().chain(&request.secrets) {
            head = head.header(name, value);
        }
        let authorised = |(name, _): &(String, String)| name.eq_ignore_ascii_case("authorization");
        let explicit = request.secrets.iter().any(authorised);
        let credential = self.credential(&request.url).filter(|_| !explicit);
        if let Some((user, password)) = credential {
            head = head.header("Authorization", basic(&user, &password));
        }
        let forward = proxy.filter(|_| request.url.scheme() == Scheme::Http);
        if let Some((user, password)) = forward.and_then(Url::user) {
            head = head.header("Proxy-Authorization", basic(user, password));
        }
        head.body(payload).map_err(|error| HttpError::Protocol {
            url: request.url.clone(),
            source: Box::new(ureq::Error::Http(error)),
        })
    }

    fn credential(&self, url: &Url) -> Option<(String, String)> {
        let written = url.user().map(|(u, p)| (u.to_owned(), p.to_owned()));
        written.or_else(|| {
            let found = self
                .settings()
                .credentials
                .iter()
                .find(|c| c.applies_to(url))?;
            Some((found.user.clone(), found.password.clone()))
        })
    }

    /// The certificates are read only where TLS is spoken: that takes longer than all else before a first request.
    fn agent(&self, url: &Url, proxy: Option<&Url>) -> Result<&Agent, HttpError> {
        let shared = &self.shared;
        let secure =
            url.scheme() == Scheme::Https || proxy.is_some_and(|p| p.scheme() == Scheme::Https);
        if !secure {
            return Ok(shared
                .plain
                .get_or_init(|| self.make_agent(TlsConfig::default())));
        }
        if let Some(agent) = shared.secure.get() {
            return Ok(agent);
        }
        let tls = trust::load(&self.settings().extra_ca_files)?;
        Ok(shared.secure.get_or_init(|| self.make_agent(tls)))
    }

    fn make_agent(&self, tls: TlsConfig) -> Agent {
        let timing = &self.settings().timing;
        let config: Config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls)
            .user_agent(concat!("daruma/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(MAX_HEAD)
            .max_idle_connections_per_host(16)
            .timeout_connect(Some(timing.connect))
            .timeout_resolve(Some(timing.connect))
            .timeout_recv_response(Some(timing.first_byte))
            .timeout_per_read(Some(timing.idle))
            .timeout_per_write(Some(timing.idle))
            .build();
        let connector = ForwardProxy::new(config.clone());
        Agent::with_parts(config, connector, self.shared.resolver.clone())
    }

    fn failure(&self, url: &Url, error: ureq::Error) -> HttpError {
        use ureq::Error as E;
        let timing = &self.settings().timing;
        let timeout = |phase, limit: Duration| HttpError::Timeout {
            url: url.clone(),
            phase,
            seconds: limit.as_secs(),
        };
        let source = Box::new(error);
        match *source {
            E::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                timeout(Phase::Connect, timing.connect)
            }
            E::Timeout(_) => timeout(Phase::FirstByte, timing.first_byte.min(timing.idle)),
            E::HostNotFound => HttpError::HostNotFound {
                host: url.host().to_owned(),
            },
            E::Io(ref io) if is_name_failure(io) => HttpError::HostNotFound {
                host: url.host().to_owned(),
            },
            E::Io(ref io) if is_tls_failure(io) => HttpError::Tls {
                url: url.clone(),
                source,
            },
            E::Tls(_) | E::Rustls(_) | E::Pem(_) | E::TlsRequired => HttpError::Tls {
                url: url.clone(),
                source,
            },
            E::Io(_) | E::ConnectionFailed | E::ConnectProxyFailed(_) => HttpError::Connect {
                url: url.clone(),
                source,
            },
            _ => HttpError::Protocol {
                url: url.clone(),
                source,
            },
        }
    }
}

fn read_all(response: Response, limit: u64) -> Result<Fetched, HttpError> {
    let text = |name| response.header(name).map(str::to_owned);
    Ok(Fetched {
        status: response.status,
        url: response.url.clone(),
        etag: text("ETag"),
        last_modified: text("Last-Modified"),
        bytes: response.into_bytes(limit)?,
    })
}

/// The request that a redirect asks for; `None` where the answer is final.
fn redirect(request: &Request, response: &Response) -> Result<Option<Request>, HttpError> {
    let followed = match response.status {
        307 | 308 => true,
        301..=303 => request.is_read(),
        _ => false,
    };
    let location = response.header("Location").filter(|_| followed);
    location.map(|to| follow_to(request, to)).transpose()
}

/// The same request at `location`, without the secrets where that is another server.
fn follow_to(request: &Request, location: &str) -> Result<Request, HttpError> {
    let bad = |why| HttpError::Redirect {
        url: request.url.clone(),
        why,
    };
    let url = request
        .url
        .join(location)
        .map_err(|_| bad("it leads to no web address"))?;
    if request.url.scheme() == Scheme::Https && url.scheme() == Scheme::Http {
        return Err(bad("it leads from https to http"));
    }
    let mut next = request.clone();
    if request.url.same_server(&url) {
        let user = request
            .url
            .user()
            .map(|(u, p)| (u.to_owned(), p.to_owned()));
        next.url = url.with_user(user);
    } else {
        next.secrets.clear();
        next.url = url.with_user(None);
    }
    Ok(next)
}

fn wish(response: &Response) -> Option<Duration> {
    retry_after(response.header("Retry-After")?, SystemTime::now())
}

fn proxy_of(proxy: &Url, url: &Url) -> Result<ureq::Proxy, HttpError> {
    let protocol = match proxy.scheme() {
        Scheme::Http => ureq::ProxyProtocol::Http,
        Scheme::Https => ureq::ProxyProtocol::Https,
    };
    let mut builder = ureq::Proxy::builder(protocol)
        .host(proxy.host())
        .port(proxy.port());
    if let Some((user, password)) = proxy.user() {
        builder = builder.username(user).password(password);
    }
    builder.build().map_err(|source| HttpError::Connect {
        url: url.clone(),
        source: Box::new(source),
    })
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}

/// rustls reports a refused certificate as an error inside an I/O error.
fn is_tls_failure(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::InvalidData
}

/// The standard library gives lookup failures no kind of their own, only this text.
fn is_name_failure(error: &std::io::Error) -> bool {
    error.to_string().contains("failed to lookup address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_never_lose_tls_and_never_take_secrets_along() {
        let request = Request::get("https://u:p@h/a".parse().expect("url"))
            .secret_header("Authorization", "x");
        for (location, expected) in [
            ("https://h/b", Ok((true, 1))),
            ("/b", Ok((true, 1))),
            ("https://o/b", Ok((false, 0))),
            ("https://h:8443/b", Ok((false, 0))),
            (
                "http://h/b",
                Err("cannot follow the redirect from https://***@h/a: it leads from https to http"),
            ),
        ] {
            let outcome = follow_to(&request, location);
            let outcome = outcome.map(|next| (next.url.user().is_some(), next.secrets.len()));
            assert_eq!(
                outcome.map_err(|e| e.to_string()),
                expected.map_err(str::to_owned),
                "{location}"
            );
        }
    }
}
