//! Compresses a tar that is made on the fly, on all cores, into bytes that do not depend on their number.

use std::io::{self, Write};

use libdeflater::{CompressionLvl, Compressor};
use rayon::prelude::*;

use crate::image::{Digest, Hasher};

/// Length of a block of tar, each compressed to a gzip member of its own. A larger one compresses little better; a
/// smaller one costs in members. Changing it changes every blob, though no diffID.
const BLOCK: usize = 1 << 20;

/// How much work goes into compression, in libdeflate's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// For application layers, which are made again at each change of the source: speed counts for more than size.
    Fast = 2,
    /// For members of packages, which are made once.
    Small = 6,
}

/// What is worked out about the tar on the way.
pub(super) trait Sum: Send {
    /// Takes the next bytes.
    fn update(&mut self, bytes: &[u8]);
}

impl Sum for Hasher {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }
}

/// Nothing: a package's member is only ever part of a layer.
pub(super) struct NoSum;

impl Sum for NoSum {
    fn update(&mut self, _: &[u8]) {}
}

/// Takes a tar as it is written and writes it compressed.
pub(super) struct Blocks<W, S = Hasher> {
    out: W,
    effort: Effort,
    pending: Vec<u8>,
    batch: usize,
    sum: S,
}

impl<W: Write> Blocks<W> {
    /// Compresses to `out`.
    pub(super) fn new(out: W, effort: Effort) -> Self {
        Self::with_sum(out, effort, Hasher::new())
    }

    /// Writes what is left, and gives the output back with the diffID.
    pub(super) fn finish(mut self) -> io::Result<(W, Digest)> {
        self.write_rest()?;
        Ok((self.out, self.sum.finish()))
    }
}

impl<W: Write> Blocks<W, NoSum> {
    /// Compresses to `out` without a digest.
    pub(super) fn unhashed(out: W, effort: Effort) -> Self {
        Self::with_sum(out, effort, NoSum)
    }

    /// Writes what is left, and gives the output back.
    pub(super) fn finish_unhashed(mut self) -> io::Result<W> {
        self.write_rest()?;
        Ok(self.out)
    }
}

impl<W: Write, S: Sum> Blocks<W, S> {
    fn with_sum(out: W, effort: Effort, sum: S) -> Self {
        let batch = BLOCK * rayon::current_num_threads().max(1) * 2;
        Self {
            out,
            effort,
            pending: Vec::new(),
            batch,
            sum,
        }
    }

    fn write_rest(&mut self) -> io::Result<()> {
        self.write_blocks()?;
        self.out.flush()
    }

    fn write_blocks(&mut self) -> io::Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let effort = self.effort;
        let (members, ()) = rayon::join(
            || {
                let blocks = pending.par_chunks(BLOCK);
                blocks
                    .map(|block| member(block, effort))
                    .collect::<io::Result<Vec<_>>>()
            },
            || self.sum.update(&pending),
        );
        for member in members? {
            self.out.write_all(&member)?;
        }
        pending.clear();
        self.pending = pending;
        Ok(())
    }
}

impl<W: Write, S: Sum> Write for Blocks<W, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.batch - self.pending.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.pending.extend_from_slice(taken);
        if self.pending.len() == self.batch {
            self.write_blocks()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `bytes` as one gzip member without a name or a time (RFC 1952).
pub(super) fn member(bytes: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let level =
        CompressionLvl::new(effort as i32).map_err(|e| io::Error::other(format!("{e:?}")))?;
    let mut compressor = Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let size = compressor
        .gzip_compress(bytes, &mut out)
        .map_err(io::Error::other)?;
    out.truncate(size);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn compressed(bytes: &[u8], threads: usize) -> (Vec<u8>, Digest) {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let mut blocks = Blocks::new(Vec::new(), Effort::Fast);
            blocks.write_all(bytes).expect("written");
            blocks.finish().expect("finished")
        })
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_cores() {
        let noise = |n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes()[0];
        let bytes: Vec<u8> = (0..5_000_000_u32).map(noise).collect();
        let (one, diff_id) = compressed(&bytes, 1);
        assert_eq!((one.clone(), diff_id), compressed(&bytes, 3));
        let mut back = Vec::new();
        flate2::read::MultiGzDecoder::new(&one[..])
            .read_to_end(&mut back)
            .expect("gunzipped");
        assert_eq!(back, bytes);
        assert_eq!(diff_id, Digest::of(&bytes));
    }
}
