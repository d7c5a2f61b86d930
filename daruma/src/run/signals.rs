//! Signals from the kernel to whoever handles them. The only place that touches the process's signal handlers.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::{Handle, Signals};

use super::RunError;
use crate::engine::Signal;

/// Takes signals from any thread and never blocks.
#[derive(Clone)]
pub struct SignalTarget(Arc<dyn Fn(Signal) + Send + Sync>);

impl SignalTarget {
    /// A target that calls `take`.
    pub fn new(take: impl Fn(Signal) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Hands over one signal.
    pub fn send(&self, signal: Signal) {
        (self.0)(signal);
    }
}

impl fmt::Debug for SignalTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalTarget")
    }
}

/// Signals reach the target until this is dropped; after that they are ignored until the process ends.
#[derive(Debug)]
pub struct SignalGuard {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Hands these signals of the process to `target` instead of ending the process. [`Signal::Kill`] cannot be caught and
/// is refused.
pub fn forward_signals(signals: &[Signal], target: SignalTarget) -> Result<SignalGuard, RunError> {
    let numbers: Vec<i32> = signals.iter().map(|signal| number(*signal)).collect();
    if numbers.contains(&KILL) {
        return Err(RunError::Signals(std::io::ErrorKind::InvalidInput.into()));
    }
    let mut arriving = Signals::new(numbers).map_err(RunError::Signals)?;
    let handle = arriving.handle();
    let run = move || {
        arriving
            .forever()
            .filter_map(signal)
            .for_each(|signal| target.send(signal));
    };
    let thread = thread::Builder::new().name("signals".to_owned()).spawn(run);
    Ok(SignalGuard {
        handle,
        thread: Some(thread.map_err(RunError::Thread)?),
    })
}

impl Drop for SignalGuard {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// SIGKILL on every Linux architecture (signal(7)).
const KILL: i32 = 9;

fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Hangup => SIGHUP,
        Signal::Interrupt => SIGINT,
        Signal::Quit => SIGQUIT,
        Signal::Terminate => SIGTERM,
        Signal::Kill => KILL,
        Signal::User1 => SIGUSR1,
        Signal::User2 => SIGUSR2,
    }
}

fn signal(number: i32) -> Option<Signal> {
    match number {
        SIGHUP => Some(Signal::Hangup),
        SIGINT => Some(Signal::Interrupt),
        SIGQUIT => Some(Signal::Quit),
        SIGTERM => Some(Signal::Terminate),
        SIGUSR1 => Some(Signal::User1),
        SIGUSR2 => Some(Signal::User2),
        _ => None,
    }
}
