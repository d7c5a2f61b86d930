//! The compressions of deb(5) (`lzma` and `bz2` are obsolete and not taken), with a limit to what may come out.

use std::io::{self, BufRead, BufReader, Read};

use super::DebError;

/// Most bytes of one decompressed member. Debian 13's largest package unpacks to 6.5 GiB (`Installed-Size`).
const MAX_OUTPUT: u64 = 16 << 30;

/// Most output per input, counted once [`FREE_OUTPUT`] bytes are out. The best of xz on runs of zeros is about 7,000 to 1;
/// real packages stay below 100 to 1.
const MAX_RATIO: u64 = 1_000;

/// Output that needs no justification by input.
const FREE_OUTPUT: u64 = 64 << 20;

/// Most memory that a xz stream may ask for: `xz -9` needs 65 MiB (xz(1)).
const XZ_MEMORY: u64 = 128 << 20;

/// Largest window of a zstd frame as a power of two: `zstd --ultra -22` uses 128 MiB (zstd(1)).
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes taken from the source at once.
const BUFFER: usize = 64 << 10;

/// How a tar inside a package is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// What stands behind `.tar` in a member's name.
    pub(super) fn of_suffix(suffix: &str) -> Option<Self> {
        match suffix {
            "" => Some(Self::None),
            ".gz" => Some(Self::Gzip),
            ".xz" => Some(Self::Xz),
            ".zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A reader that counts what it gives.
pub(super) struct Counted<R> {
    source: BufReader<R>,
    count: u64,
}

enum Decoder<R> {
    None(Counted<R>),
    Gzip(flate2::bufread::MultiGzDecoder<Counted<R>>),
    Xz(liblzma::bufread::XzDecoder<Counted<R>>),
    Zstd(zstd::stream::read::Decoder<'static, Counted<R>>),
}

/// The decompressed form of `R`, bounded.
pub(super) struct Decompressed<R> {
    decoder: Decoder<R>,
    what: &'static str,
    output: u64,
}

impl<R: Read> Decompressed<R> {
    pub(super) fn new(
        source: R,
        compression: Compression,
        what: &'static str,
    ) -> Result<Self, DebError> {
        let source = Counted {
            source: BufReader::with_capacity(BUFFER, source),
            count: 0,
        };
        let fail = |source| DebError::Decompress { what, source };
        let decoder = match compression {
            Compression::None => Decoder::None(source),
            Compression::Gzip => Decoder::Gzip(flate2::bufread::MultiGzDecoder::new(source)),
            Compression::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags);
                let stream = stream.map_err(|error| fail(error.into()))?;
                Decoder::Xz(liblzma::bufread::XzDecoder::new_stream(source, stream))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(fail)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(fail)?;
                Decoder::Zstd(decoder)
            }
        };
        Ok(Self {
            decoder,
            what,
            output: 0,
        })
    }

    /// What is decompressed.
    pub(super) fn source_mut(&mut self) -> &mut R {
        self.counted().source.get_mut()
    }

    fn counted(&mut self) -> &mut Counted<R> {
        match &mut self.decoder {
            Decoder::None(source) => source,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Xz(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
        }
    }

    fn check(&mut self) -> Result<(), DebError> {
        let what = self.what;
        let (output, input) = (self.output, self.counted().count);
        if output > MAX_OUTPUT {
            let limit = MAX_OUTPUT;
            return Err(DebError::TooLarge { what, limit });
        }
        if output > FREE_OUTPUT && output / MAX_RATIO > input {
            return Err(DebError::Decompress {
                what,
                source: io::Error::other("it grows more than 1,000 times"),
            });
        }
        Ok(())
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.decoder {
            Decoder::None(source) => source.read(buffer),
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Xz(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
        };
        let what = self.what;
        let count = read.map_err(|source| match source.get_ref() {
            Some(inner) if inner.is::<DebError>() => source,
            _ => DebError::Decompress { what, source }.into(),
        })?;
        self.output += count as u64;
        self.check()?;
        Ok(count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.source.consume(count);
        self.count += count as u64;
    }
}
