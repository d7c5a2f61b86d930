//! Plain http through a proxy, in absolute form (RFC 9112 §3.2.2).
//!
//! The client's own way is `CONNECT`, which caching proxies for package archives refuse for port 80.

#![allow(clippy::result_large_err)] // ureq's traits prescribe its error.

use ureq::config::Config;
use ureq::http::uri::Scheme;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

/// Opens connections to the proxy for http addresses; all else is the default connector's.
#[derive(Debug)]
pub(super) struct ForwardProxy {
    /// The client's configuration without any proxy, for the connection to the proxy itself.
    direct: Config,
    default: DefaultConnector,
}

impl ForwardProxy {
    pub(super) fn new(direct: Config) -> Self {
        Self {
            direct,
            default: DefaultConnector::new(),
        }
    }
}

impl Connector<()> for ForwardProxy {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let plain = details.uri.scheme() == Some(&Scheme::HTTP);
        let (true, Some(proxy)) = (plain, details.config.proxy()) else {
            return self.default.connect(details, chained);
        };
        let addrs = details
            .resolver
            .resolve(proxy.uri(), &self.direct, details.timeout)?;
        let to_proxy = ConnectionDetails {
            uri: proxy.uri(),
            addrs,
            config: &self.direct,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let authority = details.uri.authority().map_or("", |a| a.as_str());
        Ok(Some(Box::new(AbsoluteForm {
            inner: (details.run_connector)(&to_proxy)?,
            origin: format!("http://{authority}").into_bytes(),
            sent: false,
        })))
    }
}

/// A connection to a proxy that carries one request.
#[derive(Debug)]
pub(super) struct AbsoluteForm {
    inner: Box<dyn Transport>,
    origin: Vec<u8>,
    sent: bool,
}

impl Transport for AbsoluteForm {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let mut amount = amount;
        if !self.sent {
            self.sent = true;
            amount = make_absolute(self.inner.buffers().output(), amount, &self.origin)
                .ok_or(ureq::Error::LargeResponseHeader(amount, amount))?;
        }
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    /// Never kept for a second request: only the first head is rewritten.
    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        false
    }
}

/// Puts `origin` before the path of the request line in `buffer[..amount]`; the new amount, or `None` where it does not fit.
fn make_absolute(buffer: &mut [u8], amount: usize, origin: &[u8]) -> Option<usize> {
    let space = buffer.get(..amount)?.iter().position(|b| *b == b' ')? + 1;
    let end = amount + origin.len();
    if buffer.get(space) != Some(&b'/') || end > buffer.len() {
        return None;
    }
    buffer.copy_within(space..amount, space + origin.len());
    buffer[space..space + origin.len()].copy_from_slice(origin);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_line_becomes_absolute_where_it_fits() {
        let mut buffer = *b"GET /a HTTP/1.1\r\n\r\n..........";
        let amount = make_absolute(&mut buffer, 19, b"http://h");
        assert_eq!(
            amount.map(|n| &buffer[..n]),
            Some(&b"GET http://h/a HTTP/1.1\r\n\r\n"[..])
        );
        let mut tight = *b"GET /a";
        assert_eq!(make_absolute(&mut tight, 6, b"http://h"), None);
    }
}
