//! Worlds for daruma's tests: packages and archives that were never uploaded, and servers that misbehave on demand.
//!
//! Knows nothing of daruma itself, so that a fault of daruma's cannot hide in the world that should show it.

// Worlds are small, and their texts should be readable where they are written.
#![allow(clippy::format_push_string, clippy::format_collect)]

pub mod archive;
pub mod bench;
pub mod deb;
pub mod key;
pub mod server;
pub mod tar;
pub mod world;

pub use archive::{Archive, Packing, Pocket};
pub use bench::{Bench, Outcome};
pub use deb::{Compression, Deb};
pub use key::{Key, KeySpec};
pub use server::{Fault, Hit, Server};
pub use world::{Place, World};

use sha2::{Digest, Sha256};

/// The sha256 of `bytes` in hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
