//! Requirements and an archive → exact packages, as the lock has them.

mod configure;
mod programs;
mod prune;
mod runner;

pub use configure::configure;
pub use runner::{DEFAULT_BASE, Demand, MINIMAL_BASE, ResolveError, Resolved, runner};
