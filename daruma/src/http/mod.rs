//! The one HTTP client: trust store, proxies, bounded redirects, retries, hedged requests, resumable downloads.
//!
//! Everything that comes from a server is bounded: headers by the client below, redirects by [`MAX_REDIRECTS`], bodies by
//! the limit that every reader demands. No text of an error holds a password or a query string.

mod body;
mod client;
mod download;
mod error;
mod forward;
mod hedge;
mod proxy;
mod request;
mod resolver;
mod retry;
mod settings;
mod trust;
mod url;

pub use body::Body;
pub use client::{Client, MAX_REDIRECTS};
pub use download::{Checksum, Download};
pub use error::{HttpError, Phase};
pub(crate) use proxy::parse_proxy;
pub use proxy::{Proxies, Route};
pub use request::{Fetched, Method, Payload, Request, Response};
pub use settings::{Credential, Settings, Timing};
pub use url::{InvalidUrl, Scheme, Url};
