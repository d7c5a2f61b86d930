//! A layer from gzip members: its bytes are theirs, one after the other (RFC 1952, 2.2), and so is its tar.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use fs_err as fs;

use super::super::blocks::{self, Effort};
use crate::image::{Digest, Hasher};

/// Read at once when a member is copied: large enough that system calls do not show.
const BUFFER: usize = 1 << 20;

/// One member in both forms.
pub(super) enum Part {
    /// On disk.
    Files {
        /// The tar entries.
        tar: PathBuf,
        /// The same, compressed.
        gzip: PathBuf,
    },
    /// In memory.
    Bytes {
        /// The tar entries.
        tar: Vec<u8>,
        /// The same, compressed.
        gzip: Vec<u8>,
    },
}

impl Part {
    /// A part of these tar entries.
    pub(super) fn of(tar: Vec<u8>) -> io::Result<Self> {
        let gzip = blocks::member(&tar, Effort::Small)?;
        Ok(Self::Bytes { tar, gzip })
    }

    /// Passes on the tar entries.
    pub(super) fn tar(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Files { tar, .. } => read(tar, sink),
            Self::Bytes { tar, .. } => sink(tar),
        }
    }

    fn gzip(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Files { gzip, .. } => read(gzip, sink),
            Self::Bytes { gzip, .. } => sink(gzip),
        }
    }
}

/// Writes the compressed parts to `out` and gives the diffID of the whole; both at once, because each costs a pass over
/// all bytes.
pub(super) fn concat(parts: &[Part], out: &mut impl Write) -> io::Result<Digest> {
    std::thread::scope(|scope| {
        let diff_id = scope.spawn(|| diff_id(parts));
        for part in parts {
            part.gzip(&mut |bytes| out.write_all(bytes))?;
        }
        diff_id
            .join()
            .map_err(|_| io::Error::other("hashing ended early"))?
    })
}

/// The diffID of the whole.
pub(super) fn diff_id(parts: &[Part]) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    for part in parts {
        part.tar(&mut |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
    }
    Ok(hasher.finish())
}

fn read(path: &PathBuf, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
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
        let parts = ["one", "two"].map(|text| Part::of(text.into()).expect("a part"));
        let mut out = Vec::new();
        let diff_id = concat(&parts, &mut out).expect("written");
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&out[..])
            .read_to_string(&mut text)
            .expect("gunzipped");
        assert_eq!((text.as_str(), diff_id), ("onetwo", Digest::of(b"onetwo")));
    }
}
