//! Waits until something accepts connections on a port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Between two attempts.
const INTERVAL: Duration = Duration::from_millis(50);

/// Between two attempts after the warning.
const SLOW_INTERVAL: Duration = Duration::from_millis(500);

/// A connection to the loopback that takes longer is not going to be accepted.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What a [`Watch`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Something accepts; the last thing told.
    Ready,
    /// Nothing accepted in the time that was given.
    Overdue,
}

/// Ends the attempts when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    _cancel: Sender<()>,
}

/// Tries `port` until it accepts, telling `tell`; after `overdue` it says so once and tries less often.
pub(super) fn watch(
    port: u16,
    overdue: Duration,
    tell: impl Fn(Seen) + Send + 'static,
) -> io::Result<Watch> {
    let (cancel, cancelled) = mpsc::channel();
    let pause = move |time| cancelled.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    thread::Builder::new()
        .name(format!("ready {port}"))
        .spawn(move || {
            let began = Instant::now();
            let mut interval = INTERVAL;
            while connect(port).is_err() {
                if interval == INTERVAL && began.elapsed() >= overdue {
                    tell(Seen::Overdue);
                    interval = SLOW_INTERVAL;
                }
                if !pause(interval) {
                    return;
                }
            }
            tell(Seen::Ready);
        })?;
    Ok(Watch { _cancel: cancel })
}

/// Connects to this machine's `port`, whichever loopback address the app listens on.
pub(super) fn connect(port: u16) -> io::Result<TcpStream> {
    let at = |ip: IpAddr| TcpStream::connect_timeout(&SocketAddr::new(ip, port), CONNECT_TIMEOUT);
    at(Ipv4Addr::LOCALHOST.into())
        .or_else(|error| at(Ipv6Addr::LOCALHOST.into()).map_err(|_| error))
}
