//! What can go wrong between here and a server.

use std::path::PathBuf;

use super::{InvalidUrl, Url};

/// What a request was waiting for when its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The name lookup, the connection or the TLS handshake.
    Connect,
    /// The first byte of the answer.
    FirstByte,
    /// The next bytes of the body.
    Body,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::FirstByte => "no answer",
            Self::Body => "no more bytes",
        })
    }
}

/// A request failed. No text holds credentials or query strings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The server answered with a status that is not what was asked for.
    #[error("cannot get {url}: the server answered {status}")]
    Status {
        /// What was requested.
        url: Url,
        /// The status code.
        status: u16,
    },
    /// The server was silent for too long.
    #[error("cannot get {url}: {phase} within {seconds} s")]
    Timeout {
        /// What was requested.
        url: Url,
        /// What did not come.
        phase: Phase,
        /// How long it was waited for.
        seconds: u64,
    },
    /// No connection, or it broke.
    #[error("cannot reach {url}")]
    Connect {
        /// What was requested.
        url: Url,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The host has no address.
    #[error("cannot find the host `{host}`")]
    HostNotFound {
        /// Its name.
        host: String,
    },
    /// The certificate or the handshake was not accepted.
    #[error("cannot trust {url}")]
    Tls {
        /// What was requested.
        url: Url,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The body ended before its announced or expected end.
    #[error("cannot get {url}: the connection was cut after {got} bytes")]
    Truncated {
        /// What was requested.
        url: Url,
        /// Bytes of the body that came.
        got: u64,
    },
    /// The body is larger than allowed.
    #[error("cannot get {url}: it is larger than {limit} bytes")]
    TooLarge {
        /// What was requested.
        url: Url,
        /// The limit.
        limit: u64,
    },
    /// The server announced another size than the index that names the file.
    #[error("cannot get {url}: the server has {found} bytes, {expected} were expected")]
    Size {
        /// What was requested.
        url: Url,
        /// The size that was expected.
        expected: u64,
        /// The size that the server announced or sent.
        found: u64,
    },
    /// The content is not what was expected.
    #[error("cannot accept {url}: its sha256 is {found}, {expected} was expected")]
    Checksum {
        /// What was requested.
        url: Url,
        /// Hex digits.
        expected: String,
        /// Hex digits.
        found: String,
    },
    /// Too many redirects.
    #[error("cannot get {url}: more than {limit} redirects")]
    Redirects {
        /// What was requested first.
        url: Url,
        /// How many are followed.
        limit: usize,
    },
    /// A redirect that leads from https to http, or nowhere.
    #[error("cannot follow the redirect from {url}: {why}")]
    Redirect {
        /// Who redirected.
        url: Url,
        /// What is wrong with it.
        why: &'static str,
    },
    /// How long a server may be silent is no time.
    #[error("cannot use {name}={value}: it must be a whole number of seconds, at least 1")]
    Silence {
        /// The variable.
        name: &'static str,
        /// What it says.
        value: String,
    },
    /// The proxy that the settings name cannot be used; its address is not shown whole.
    #[error("cannot use the proxy that {origin} names")]
    Proxy {
        /// The variable or file that names it.
        origin: String,
        /// Why.
        #[source]
        source: InvalidUrl,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificate authorities of {origin}")]
    TrustStore {
        /// A file, or the system's store.
        origin: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is no HTTP, or the request could not be formed.
    #[error("cannot understand the answer of {url}")]
    Protocol {
        /// What was requested.
        url: Url,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The file that should hold the body cannot be written; the cause names the path.
    #[error("cannot store {url}")]
    Write {
        /// What was requested.
        url: Url,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl HttpError {
    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => is_transient_status(*status),
            Self::Timeout { .. } | Self::Connect { .. } | Self::Truncated { .. } => true,
            _ => false,
        }
    }

    /// Whether the server said that there is no such thing (404 or 410).
    pub fn is_gone(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 404 | 410,
                ..
            }
        )
    }

    /// Whether a local disk is full.
    pub fn is_storage_full(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
    }
}

/// 408 and 429 ask for patience, 5xx admits a fault of the server; 501 and 505 will not change.
pub(super) fn is_transient_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}
