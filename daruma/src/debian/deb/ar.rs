//! The `ar` container, read from front to back (deb(5), "FORMAT"; no long names, as dpkg writes them).

use std::io::{self, Read};

use super::decompress::Compression;
use super::{DebError, read_error};

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Length of a member's header.
const HEADER: usize = 60;

/// A member while it is read: never reads past its end.
pub(super) struct Member<R> {
    source: R,
    name: String,
    size: u64,
    left: u64,
}

/// Reads the archive's first bytes.
pub(super) fn magic<R: Read>(source: &mut R) -> Result<(), DebError> {
    let mut magic = [0; 8];
    if fill(source, &mut magic)? == magic.len() && &magic == MAGIC {
        Ok(())
    } else {
        Err(DebError::Archive("it does not start like an `ar` archive"))
    }
}

impl<R: Read> Member<R> {
    /// Reads the header of the member that starts here.
    pub(super) fn open(mut source: R) -> Result<Self, DebError> {
        let header = read_header(&mut source)?;
        let (name, size) = header.ok_or(DebError::Archive("it ends before its last member"))?;
        Ok(Self {
            source,
            name,
            size,
            left: size,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Checks this member's name.
    pub(super) fn expect(
        &self,
        place: &'static str,
        expected: &'static str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<(), DebError> {
        if fits(&self.name) {
            return Ok(());
        }
        Err(DebError::Member {
            place,
            name: self.name.clone(),
            expected,
        })
    }

    /// Checks that this member is the tar called `stem`, in a compression that we know.
    pub(super) fn expect_tar(
        &self,
        place: &'static str,
        stem: &'static str,
    ) -> Result<Compression, DebError> {
        let compression = self
            .name
            .strip_prefix(stem)
            .and_then(Compression::of_suffix);
        self.expect(place, stem, |_| compression.is_some())?;
        compression.ok_or(DebError::Archive("a member's compression is not known"))
    }

    /// Goes on to the next member that does not start with `_`, which stands for members to be skipped (deb(5)).
    pub(super) fn next(mut self) -> Result<Self, DebError> {
        loop {
            self.skip_rest()?;
            self = Self::open(self.source)?;
            if !self.name.starts_with('_') {
                return Ok(self);
            }
        }
    }

    /// Goes to the end of the archive over members that later versions of the format may put there (deb(5)).
    pub(super) fn finish(&mut self) -> Result<(), DebError> {
        self.skip_rest()?;
        while let Some((_, size)) = read_header(&mut self.source)? {
            (self.size, self.left) = (size, size);
            self.skip_rest()?;
        }
        Ok(())
    }

    /// Members start at even places, so one byte may stand between two of them.
    fn skip_rest(&mut self) -> Result<(), DebError> {
        let left = self.left;
        let skipped = io::copy(self, &mut io::sink()).map_err(read_error)?;
        if skipped != left {
            return Err(DebError::Archive("a member ends early"));
        }
        if self.size % 2 == 1 {
            let mut padding = [0; 1];
            fill(&mut self.source, &mut padding)?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.source.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(DebError::Archive("a member ends early").into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// A member's name and size; `None` is the end of the archive.
fn read_header<R: Read>(source: &mut R) -> Result<Option<(String, u64)>, DebError> {
    let mut header = [0; HEADER];
    match fill(source, &mut header)? {
        0 => return Ok(None),
        HEADER if header.ends_with(b"`\n") => {}
        _ => return Err(DebError::Archive("a member's header is damaged")),
    }
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.trim_end().to_owned());
    let name = text(&header[..16]).ok_or(DebError::Archive("a member's name is damaged"))?;
    let size = text(&header[48..58]).filter(|size| size.bytes().all(|b| b.is_ascii_digit()));
    let size = size.and_then(|size| size.parse().ok());
    let size = size.ok_or(DebError::Archive("a member's size is no number"))?;
    Ok(Some((name.trim_end_matches('/').to_owned(), size)))
}

/// Reads until `buffer` is full or the source ends.
fn fill<R: Read>(source: &mut R, buffer: &mut [u8]) -> Result<usize, DebError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DebError::Read(error)),
        }
    }
    Ok(filled)
}
