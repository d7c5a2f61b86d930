//! `daruma.lock`: every input of every role, exact, per target.
//!
//! The first build writes it, later builds obey it. It names no mirror, no time of day and no output digest, so that two
//! machines with different mirrors write the same file. Builder and runner are pinned apart.

mod render;
mod types;

pub use types::{Lock, LockError, PackagePin, PocketPin, RoleLock, RolePins, TargetLock};

/// The file's name in the project.
pub const FILE_NAME: &str = "daruma.lock";

/// Largest lock file that is read, in bytes: a thousand packages take about 300 kB.
const MAX_SIZE: usize = 16 << 20;

#[cfg(test)]
mod tests;
