//! Bodies that end where they must.

use std::fmt;
use std::io::{self, Read};

use super::{HttpError, Phase, Timing, Url};

/// The body of an answer, bounded. Reading past the bound is an error, not an end.
pub struct Body {
    reader: ureq::BodyReader<'static>,
    url: Url,
    got: u64,
    limit: u64,
    idle_seconds: u64,
}

impl Body {
    pub(super) fn new(reader: ureq::BodyReader<'static>, url: Url, timing: &Timing) -> Self {
        Self {
            reader,
            url,
            got: 0,
            limit: u64::MAX,
            idle_seconds: timing.idle.as_secs(),
        }
    }

    pub(super) fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Reads the next bytes; 0 at the end.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, HttpError> {
        let read = self
            .reader
            .read(buffer)
            .map_err(|error| self.failure(error))?;
        self.got += read as u64;
        if self.got > self.limit {
            return Err(HttpError::TooLarge {
                url: self.url.clone(),
                limit: self.limit,
            });
        }
        Ok(read)
    }

    /// Reads to the end.
    pub fn bytes(mut self) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read_some(&mut buffer)? {
                0 => return Ok(bytes),
                read => bytes.extend_from_slice(&buffer[..read]),
            }
        }
    }

    fn failure(&self, error: io::Error) -> HttpError {
        let url = self.url.clone();
        match ureq::Error::from(error) {
            ureq::Error::Timeout(_) => HttpError::Timeout {
                url,
                phase: Phase::Body,
                seconds: self.idle_seconds,
            },
            // Whatever else breaks a body in its middle, the bytes up to there are good and the rest may come next time.
            _ => HttpError::Truncated { url, got: self.got },
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(io::Error::other)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body of {} at {}", self.url, self.got)
    }
}
