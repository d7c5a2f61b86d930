//! One gzip member at a time, and what a compressed layer's bytes come to.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

use crate::image::Digest;

/// What a layer's bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// Digest of the tar.
    pub diff_id: Digest,
    /// Digest of the compressed bytes.
    pub digest: Digest,
    /// Length of the compressed bytes.
    pub size: u64,
}

/// `bytes` as one gzip member without a name or a time (RFC 1952).
pub(super) fn member(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(level).map_err(|e| io::Error::other(format!("{e:?}")))?;
    let mut compressor = Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let size = compressor
        .gzip_compress(bytes, &mut out)
        .map_err(io::Error::other)?;
    out.truncate(size);
    Ok(out)
}
