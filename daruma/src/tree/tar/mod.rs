//! The tar format: a bounded reader for foreign archives and a writer whose output is the same everywhere.
//!
//! Read: ustar, GNU long names, base-256 numbers and PAX (POSIX.1-2024 pax, "pax Interchange Format"; tar(5)).
//! Written: ustar where an entry fits, else one PAX header in a fixed form before it.

mod error;
mod fields;
mod header;
mod limits;
mod pax;
mod reader;
mod writer;

pub use error::TarError;
pub use limits::{Devices, End, Limits};
pub use reader::{Data, Next, Reader};
pub use writer::{Writer, write_header, write_padding};

/// Headers and data stand in blocks of this many bytes (POSIX.1-2024, pax, "ustar Interchange Format").
const BLOCK: usize = 512;

/// Bytes that fill up the last block of `size` bytes of data.
fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}

#[cfg(test)]
mod tests;
