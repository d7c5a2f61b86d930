//! What a cached file was when it was written, to notice a damaged disk or a copy that was cut off.

use std::io::{self, Read, Write};
use std::path::Path;

use fs_err as fs;
use libdeflater::Crc;
use serde::{Deserialize, Serialize};

/// Read at once.
const BUFFER: usize = 1 << 20;

/// Length and CRC-32 (RFC 1952, 8). A cryptographic digest would show no more: who can write to the cache can write
/// the index that holds it, and this is read at each build of a runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    /// Length in bytes.
    pub size: u64,
    /// The checksum.
    pub crc32: u32,
}

impl Sum {
    /// Of the file at `path`.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = fs::File::open(path)?;
        let mut summed = Summed::new(io::sink());
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(summed.sum()),
                count => summed.write_all(&buffer[..count])?,
            }
        }
    }

    /// Whether the file at `path` is still the one that was written; one that is gone is not.
    pub(super) fn holds(self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(found) if found.len() == self.size => Ok(Self::of(path)? == self),
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Passes on what is written and sums it up.
pub(super) struct Summed<W> {
    out: W,
    crc: Crc,
    size: u64,
}

impl<W> Summed<W> {
    /// Writes to `out`.
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            crc: Crc::new(),
            size: 0,
        }
    }

    /// Of what was written until now.
    pub(super) fn sum(&self) -> Sum {
        Sum {
            size: self.size,
            crc32: self.crc.sum(),
        }
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.crc.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_off_changed_or_removed_is_noticed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("member");
        let mut file = Summed::new(Vec::new());
        file.write_all(b"content").expect("written");
        let rows: [(Option<&[u8]>, bool); 4] = [
            (Some(b"content"), true),
            (Some(b"conten"), false),
            (Some(b"cOntent"), false),
            (None, false),
        ];
        for (bytes, expected) in rows {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).expect("written"),
                None => fs::remove_file(&path).expect("removed"),
            }
            assert_eq!(
                file.sum().holds(&path).expect("read"),
                expected,
                "{bytes:?}"
            );
        }
    }
}
