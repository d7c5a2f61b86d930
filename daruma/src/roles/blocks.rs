//! Compresses a tar that is made on the fly, on all cores, into bytes that do not depend on their number.

use std::io::{self, Write};

use rayon::prelude::*;

use super::gzip::{Sums, member};
use crate::image::Hasher;

/// Length of a block of tar, each compressed to a gzip member of its own. A larger one compresses little better; a
/// smaller one costs in members. Changing it changes every blob, though no diffID.
const BLOCK: usize = 1 << 20;

/// Application layers are made again at each change of the source: speed counts for more than size.
const LEVEL: i32 = 2;

/// Takes a tar as it is written and writes it compressed.
pub(super) struct Blocks<W> {
    out: W,
    pending: Vec<u8>,
    batch: usize,
    tar: Hasher,
    compressed: Hasher,
    size: u64,
}

impl<W: Write> Blocks<W> {
    /// Compresses to `out`.
    pub(super) fn new(out: W) -> Self {
        let batch = BLOCK * rayon::current_num_threads().max(1) * 2;
        let pending = Vec::with_capacity(batch);
        Self {
            out,
            pending,
            batch,
            tar: Hasher::new(),
            compressed: Hasher::new(),
            size: 0,
        }
    }

    /// Writes what is left, and gives the output back with the sums.
    pub(super) fn finish(mut self) -> io::Result<(W, Sums)> {
        self.write_blocks()?;
        self.out.flush()?;
        let (diff_id, digest) = (self.tar.finish(), self.compressed.finish());
        Ok((
            self.out,
            Sums {
                diff_id,
                digest,
                size: self.size,
            },
        ))
    }

    fn write_blocks(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let (members, ()) = rayon::join(
            || {
                pending
                    .par_chunks(BLOCK)
                    .map(|block| member(block, LEVEL))
                    .collect::<io::Result<Vec<_>>>()
            },
            || self.tar.update(&pending),
        );
        for member in members? {
            self.compressed.update(&member);
            self.size += member.len() as u64;
            self.out.write_all(&member)?;
        }
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }
}

impl<W: Write> Write for Blocks<W> {
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

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::image::Digest;

    fn compressed(bytes: &[u8], threads: usize) -> (Vec<u8>, Sums) {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| {
            let mut blocks = Blocks::new(Vec::new());
            blocks.write_all(bytes).expect("written");
            blocks.finish().expect("finished")
        })
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_cores() {
        let bytes: Vec<u8> = (0..5_000_000_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let one = compressed(&bytes, 1);
        assert_eq!(one, compressed(&bytes, 3));
        let mut back = Vec::new();
        flate2::read::MultiGzDecoder::new(&one.0[..])
            .read_to_end(&mut back)
            .expect("gunzipped");
        assert_eq!(back, bytes);
        assert_eq!(one.1.diff_id, Digest::of(&bytes));
        assert_eq!(
            (one.1.digest, one.1.size),
            (Digest::of(&one.0), one.0.len() as u64)
        );
    }
}
