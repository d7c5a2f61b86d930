//! Requirements and an archive → exact packages, as the lock has them.

mod programs;
mod prune;
mod runner;

pub use runner::{DEFAULT_BASE, Demand, MINIMAL_BASE, ResolveError, Resolved, runner};
