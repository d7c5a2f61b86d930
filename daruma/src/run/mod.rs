//! Runs the processes of an app on an engine: which ones, with which port and environment, until when.
//!
//! ```text
//! select ─▶ PortPlan ─▶ Environment ─▶ Service … ─▶ Supervisor::run ─▶ Outcome
//!                                                     │  app         what runs now; moved on by messages
//!                                                     │  lifecycle   who is stopped, when, and the exit code (pure)
//!                                                     │  child       one process: its streams and its end
//!                                                     │  readiness   does anything accept on the port yet
//!                                                     └  proxy       `-p HOST:CONTAINER`
//! RunDir ─▶ Lease (held while the app runs) ─▶ RunState, which `ps`, `stop` and `exec` read
//! ```
//! Nothing here prints: lines and events go to a [`LogSink`]. `docs/contract.md`, "Running", has every promise.

mod app;
mod child;
mod environment;
mod error;
mod event;
mod holder;
mod lifecycle;
mod lines;
mod log;
mod mask;
mod one_off;
mod ports;
mod proxy;
mod readiness;
mod selection;
mod service;
mod signals;
mod state;
mod stop;
mod supervisor;
mod tail;

pub use crate::recipe::ProcessName;
pub use crate::store::AppId;
pub use environment::{APP_HOME, Environment};
pub use error::RunError;
pub use event::{LogLine, LogSink, OutputStream, RunEvent};
pub use holder::{Holder, check_free};
pub use lifecycle::Cause;
pub use log::{Clock, Colour, LogFormat, PrefixedLog};
pub use mask::{MIN_SECRET, Mask};
pub use one_off::{OneOff, Terminal};
pub use ports::{DEFAULT_PORT, Forward, PORT_STEP, PortPlan, PortSpec};
pub use proxy::{MAX_CONNECTIONS, Proxy};
pub use selection::{AutoStart, Declared, select};
pub use service::{Readiness, Service};
pub use signals::{SignalGuard, SignalTarget, forward_signals};
pub use state::{Lease, ProcessState, RunDir, RunState};
pub use stop::{HowStopped, STOP_GRACE, Stopped};
pub use supervisor::{DEFAULT_GRACE, DEFAULT_READY_WARNING, Outcome, SuperviseOptions, Supervisor};
