//! A layer from gzip members: its bytes are theirs, one after the other (RFC 1952, 2.2), and so is its tar.

use std::io::{self, Read, Write};
use std::path::Path;

use fs_err as fs;

use super::super::gzip::{Sums, member};
use crate::image::{Digest, Hasher};

/// Between speed and size; changing it changes every blob, though no diffID.
pub(super) const LEVEL: i32 = 6;

/// Read at once when a member is copied: large enough that system calls do not show.
const BUFFER: usize = 1 << 20;

/// One member in both forms.
pub(super) enum Part<'a> {
    /// On disk.
    Files {
        /// The tar entries.
        tar: &'a Path,
        /// The same, as a gzip member.
        gzip: &'a Path,
    },
    /// In memory.
    Bytes {
        /// The tar entries.
        tar: Vec<u8>,
        /// The same, as a gzip member.
        gzip: Vec<u8>,
    },
}

impl Part<'_> {
    /// A part of these tar entries.
    pub(super) fn of(tar: Vec<u8>) -> io::Result<Self> {
        let gzip = member(&tar, LEVEL)?;
        Ok(Part::Bytes { tar, gzip })
    }

    fn tar(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Part::Files { tar, .. } => read(tar, sink),
            Part::Bytes { tar, .. } => sink(tar),
        }
    }

    fn gzip(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Part::Files { gzip, .. } => read(gzip, sink),
            Part::Bytes { gzip, .. } => sink(gzip),
        }
    }
}

/// Writes the parts to `out` and sums them up; both forms at once, because each costs a pass over all bytes.
pub(super) fn concat(parts: &[Part<'_>], out: &mut (impl Write + Send)) -> io::Result<Sums> {
    std::thread::scope(|scope| {
        let tars = scope.spawn(|| hash_tars(parts));
        let mut hasher = Hasher::new();
        let mut size = 0;
        for part in parts {
            part.gzip(&mut |bytes| {
                hasher.update(bytes);
                size += bytes.len() as u64;
                out.write_all(bytes)
            })?;
        }
        let diff_id = tars
            .join()
            .map_err(|_| io::Error::other("hashing ended early"))??;
        Ok(Sums {
            diff_id,
            digest: hasher.finish(),
            size,
        })
    })
}

fn hash_tars(parts: &[Part<'_>]) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    for part in parts {
        part.tar(&mut |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
    }
    Ok(hasher.finish())
}

fn read(path: &Path, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => sink(&buffer[..count])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_make_one_stream_that_gunzips_to_their_tars() {
        let parts = [Part::of(b"one".to_vec()), Part::of(b"two".to_vec())]
            .map(|part| part.expect("a part"));
        let mut out = Vec::new();
        let sums = concat(&parts, &mut out).expect("summed");
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&out[..])
            .read_to_string(&mut text)
            .expect("gunzipped");
        assert_eq!(text, "onetwo");
        assert_eq!(sums.diff_id, Digest::of(b"onetwo"));
        assert_eq!(
            (sums.digest, sums.size),
            (Digest::of(&out), out.len() as u64)
        );
    }
}
