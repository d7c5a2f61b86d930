//! Compressed indexes to text, never larger than announced.

use std::io::{self, Read};

/// How an index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Xz,
    Gz,
    Plain,
}

impl Packing {
    /// Smallest first.
    pub(super) const BEST_FIRST: [Self; 3] = [Self::Xz, Self::Gz, Self::Plain];

    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gz => ".gz",
            Self::Plain => "",
        }
    }
}

/// Memory that the xz decoder may take; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 128 * 1024 * 1024;

/// Decodes `bytes` to exactly `size` bytes.
pub(super) fn decode(packing: Packing, bytes: &[u8], size: u64) -> io::Result<Vec<u8>> {
    match packing {
        Packing::Plain => exactly(bytes, size),
        Packing::Gz => exactly(flate2::bufread::MultiGzDecoder::new(bytes), size),
        Packing::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, 0)?;
            exactly(liblzma::bufread::XzDecoder::new_stream(bytes, stream), size)
        }
    }
}

fn exactly(reader: impl Read, size: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(size + 1).read_to_end(&mut out)?;
    if out.len() as u64 == size {
        Ok(out)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "another size than announced",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Compression;

    #[test]
    fn every_packing_gives_the_announced_bytes_or_an_error() {
        let text = b"Package: a\n".repeat(1000);
        for (packing, packed) in [
            (Packing::Plain, text.clone()),
            (Packing::Gz, Compression::Gz.pack(&text)),
            (Packing::Xz, Compression::Xz.pack(&text)),
        ] {
            let size = text.len() as u64;
            assert_eq!(decode(packing, &packed, size).expect("decoded"), text);
            assert!(
                decode(packing, &packed, size - 1).is_err(),
                "{packing:?} larger"
            );
            assert!(
                decode(packing, &packed, size + 1).is_err(),
                "{packing:?} smaller"
            );
            assert!(
                decode(packing, &packed[..packed.len() / 2], size).is_err(),
                "{packing:?} cut"
            );
        }
    }
}
