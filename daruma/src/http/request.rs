//! Requests and responses.

use std::path::PathBuf;
use std::sync::Arc;

use ureq::http::HeaderMap;

use super::{Body, HttpError, Url};

/// The methods that registries, archives and platforms ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Read the head only.
    Head,
    /// Create.
    Post,
    /// Store.
    Put,
    /// Change, or send the next piece.
    Patch,
    /// Remove.
    Delete,
}

/// What is sent along.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// This file, read again for every attempt.
    File(PathBuf),
}

/// One request. Values of headers are never shown.
#[derive(Clone)]
pub struct Request {
    /// How.
    pub method: Method,
    /// What.
    pub url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) secrets: Vec<(String, String)>,
    pub(super) payload: Payload,
}

impl Request {
    /// A request without payload.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            secrets: Vec::new(),
            payload: Payload::Empty,
        }
    }

    /// `GET url`.
    pub fn get(url: Url) -> Self {
        Self::new(Method::Get, url)
    }

    /// Adds a header that any server may see.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header (such as `Authorization`) that only this request's own server may see: a redirect elsewhere drops it.
    #[must_use]
    pub fn secret_header(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends `payload` along.
    #[must_use]
    pub fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    /// Only what is newer than this `ETag` or `Last-Modified`; the answer is 304 otherwise.
    #[must_use]
    pub fn unless_unchanged(self, etag: Option<&str>, last_modified: Option<&str>) -> Self {
        match (etag, last_modified) {
            (Some(etag), _) => self.header("If-None-Match", etag),
            (None, Some(date)) => self.header("If-Modified-Since", date),
            (None, None) => self,
        }
    }

    /// Whether it reads only, so that it may be made twice at once.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::Get | Method::Head)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.method, self.url)
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Response {
    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The announced length of the body.
    pub fn content_length(&self) -> Option<u64> {
        self.header("Content-Length")?.trim().parse().ok()
    }

    /// This answer if its status is 2xx or 304, an error otherwise.
    pub fn ok(self) -> Result<Self, HttpError> {
        match self.status {
            200..=299 | 304 => Ok(self),
            status => Err(HttpError::Status {
                url: self.url,
                status,
            }),
        }
    }

    /// The body, of which at most `limit` bytes are read.
    pub fn into_body(self, limit: u64) -> Body {
        self.body.limit(limit)
    }

    /// The whole body.
    pub fn into_bytes(self, limit: u64) -> Result<Vec<u8>, HttpError> {
        if self.content_length().is_some_and(|length| length > limit) {
            return Err(HttpError::TooLarge {
                url: self.url,
                limit,
            });
        }
        self.into_body(limit).bytes()
    }
}

/// An answer read to its end.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status: 2xx, or 304 for a conditional request.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: Url,
    /// For the next conditional request.
    pub etag: Option<String>,
    /// For the next conditional request.
    pub last_modified: Option<String>,
    /// The body.
    pub bytes: Vec<u8>,
}
