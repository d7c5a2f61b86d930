//! Images as values: digests, references, targets, manifests, configs, and how an application image is put together.
//!
//! Pure: nothing here opens a file or a connection. Every change of an image returns a new one.

mod digest;
mod target;

pub use digest::{Digest, Hasher, InvalidDigest};
pub use target::{InvalidTarget, Target};
