//! `-p HOST:CONTAINER` where the app shares this machine's network: a TCP relay.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{Forward, RunError, holder, readiness};

/// More connections wait until one ends: two threads and two descriptors each stay below the usual limit of 1024.
pub const MAX_CONNECTIONS: usize = 256;

/// Relaying needs little stack.
const STACK: usize = 128 << 10;

/// After a failed `accept` (out of descriptors), so that the thread does not spin.
const ACCEPT_PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// Relays connections until it is dropped, which closes all of them.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Closing this end wakes the accepting thread.
    stop: Option<OwnedFd>,
    acceptor: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens, and relays from then on. A connection that comes before the app listens is closed.
    pub fn start(forward: &Forward) -> Result<Self, RunError> {
        let listener = holder::listen(forward.listen)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        let shared = Arc::new(Shared::default());
        let accepting = Acceptor {
            listener,
            stopped,
            to: forward.to,
            shared: Arc::clone(&shared),
        };
        let acceptor = thread::Builder::new()
            .name(format!("proxy {}", address.port()))
            .spawn(move || accepting.run())
            .map_err(RunError::Thread)?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            acceptor: Some(acceptor),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.close();
        drop(self.stop.take());
        if let Some(acceptor) = self.acceptor.take() {
            // A panic of that thread has been reported by the runtime; there is nothing to add.
            let _ = acceptor.join();
        }
        self.shared.wait_until_empty();
    }
}

struct Acceptor {
    listener: TcpListener,
    stopped: OwnedFd,
    to: u16,
    shared: Arc<Shared>,
}

impl Acceptor {
    fn run(self) {
        while let Some(slot) = self.shared.slot() {
            match self.accept() {
                Ok(Some(client)) => relay_in_thread(client, self.to, slot),
                Ok(None) => return,
                Err(_) => self.pause(),
            }
        }
    }

    /// The next connection; `None` when the proxy ends.
    fn accept(&self) -> io::Result<Option<TcpStream>> {
        loop {
            let mut fds = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&self.stopped, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other?,
            };
            if !fds[1].revents().is_empty() {
                return Ok(None);
            }
            match self.listener.accept() {
                Ok((client, _)) => return Ok(Some(client)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn pause(&self) {
        // Only the time matters, and that the end of the proxy cuts it short.
        let _ = poll(
            &mut [PollFd::new(&self.stopped, PollFlags::IN)],
            Some(&ACCEPT_PAUSE),
        );
    }
}

/// A thread that cannot be started closes the connection, as a full machine would.
fn relay_in_thread(client: TcpStream, to: u16, slot: Slot) {
    let thread = thread::Builder::new()
        .name("relay".to_owned())
        .stack_size(STACK);
    let _ = thread.spawn(move || relay(client, to, &slot));
}

/// Failures end the connection for both sides; there is nobody else to tell.
fn relay(client: TcpStream, to: u16, slot: &Slot) {
    let Ok(app) = readiness::connect(to) else {
        return;
    };
    let _ = client.set_nonblocking(false);
    let _ = (client.set_nodelay(true), app.set_nodelay(true));
    let (client, app) = (Arc::new(client), Arc::new(app));
    if !slot.hold([Arc::clone(&client), Arc::clone(&app)]) {
        return;
    }
    thread::scope(|scope| {
        let upwards = thread::Builder::new().stack_size(STACK);
        if upwards.spawn_scoped(scope, || copy(&client, &app)).is_ok() {
            copy(&app, &client);
        }
    });
}

/// Copies until `from` says that it sends no more, and passes exactly that on: the other direction stays open.
fn copy(from: &TcpStream, to: &TcpStream) {
    let mut source = from;
    let mut sink = to;
    if io::copy(&mut source, &mut sink).is_ok() {
        let _ = to.shutdown(Shutdown::Write);
    } else {
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Slots that are taken, the acceptor's included; the streams once they are known.
    slots: HashMap<u64, Option<[Arc<TcpStream>; 2]>>,
    next: u64,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot for one connection, when there is one; `None` when the proxy ends.
    fn slot(self: &Arc<Self>) -> Option<Slot> {
        let full = |state: &mut State| state.slots.len() >= MAX_CONNECTIONS && !state.closed;
        let waited = self.changed.wait_while(self.lock(), full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        let id = state.next;
        state.next += 1;
        state.slots.insert(id, None);
        Some(Slot {
            shared: Arc::clone(self),
            id,
        })
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for stream in state.slots.values().flatten().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    fn wait_until_empty(&self) {
        let busy = |state: &mut State| !state.slots.is_empty();
        drop(self.changed.wait_while(self.lock(), busy));
    }
}

/// The right to one connection; given back when dropped.
struct Slot {
    shared: Arc<Shared>,
    id: u64,
}

impl Slot {
    /// Lets the end of the proxy close these streams; `false` when it has ended.
    fn hold(&self, streams: [Arc<TcpStream>; 2]) -> bool {
        let mut state = self.shared.lock();
        state.slots.insert(self.id, Some(streams));
        !state.closed
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.lock().slots.remove(&self.id);
        self.shared.changed.notify_all();
    }
}
