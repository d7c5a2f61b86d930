//! Reads archives that others wrote, within [`Limits`].

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use super::fields::{
    bad, device, global_records, link_path, meta, pick, root, size_field, symlink_target, within,
    without_nul,
};
use super::header::{self, Header};
use super::pax::{self, Records};
use super::{BLOCK, Devices, End, Limits, TarError, padding};
use crate::tree::{Entry, Node, TreePath};

/// Large enough that a system call's cost does not show, small enough for the processor's cache.
const BUFFER: usize = 128 << 10;

/// Reads entries one after the other.
///
/// The root's own entry (`./`) is passed over. Types without data (links, directories, devices) have none whatever
/// their size field says, as in Go's `archive/tar`, which reads layers for Docker and Podman.
pub struct Reader<R> {
    input: BufReader<R>,
    limits: Limits,
    offset: u64,
    remaining: u64,
    padding: u64,
    entries: u64,
    total: u64,
    global: Records,
}

/// The data of the entry that was read last. What is left of it is passed over by the next
/// [`Reader::next_entry`].
pub struct Data<'a, R> {
    reader: &'a mut Reader<R>,
}

/// An entry and its data.
pub type Next<'a, R> = (Entry<u64>, Data<'a, R>);

/// What extension headers said about the entry that follows them.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Records,
    bytes: u64,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which needs no buffering of its own.
    pub fn new(input: R, limits: Limits) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER, input),
            limits,
            offset: 0,
            remaining: 0,
            padding: 0,
            entries: 0,
            total: 0,
            global: Records::new(),
        }
    }

    /// The next entry and its data; `None` at the end. A file's node holds its length.
    pub fn next_entry(&mut self) -> Result<Option<Next<'_, R>>, TarError> {
        let Some(entry) = self.advance()? else {
            return Ok(None);
        };
        Ok(Some((entry, Data { reader: self })))
    }

    /// The input, as far as it was read (which may be past the archive's end).
    pub fn into_inner(self) -> R {
        self.input.into_inner()
    }

    fn advance(&mut self) -> Result<Option<Entry<u64>>, TarError> {
        self.skip_rest()?;
        let mut extensions = Extensions::default();
        loop {
            let at = self.offset;
            let Some(header) = self.header()? else {
                return self.end(&extensions).map(|()| None);
            };
            if self.extension(&header, at, &mut extensions)? {
                continue;
            }
            let records = self.all_records(std::mem::take(&mut extensions.records));
            if let Some(entry) = self.entry(&header, at, &extensions, &records)? {
                return Ok(Some(entry));
            }
            self.skip_rest()?;
            extensions = Extensions::default();
        }
    }

    /// A header whose checksum holds; `None` at the end, marked or not.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let at = self.offset;
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 if self.limits.end == End::Marked => return self.truncated("the entries"),
            0 => return Ok(None),
            BLOCK => {}
            _ => return self.truncated("a header"),
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = Header::checked(&block).ok_or(TarError::Header {
            offset: at,
            problem: "its checksum does not hold",
        })?;
        Ok(Some(header))
    }

    fn end(&self, extensions: &Extensions) -> Result<(), TarError> {
        match extensions.bytes {
            0 => Ok(()),
            _ => self.truncated("an entry: its extension header is the last thing"),
        }
    }

    /// Takes an extension header in; `false` where the header is an entry's own.
    fn extension(
        &mut self,
        header: &Header,
        at: u64,
        into: &mut Extensions,
    ) -> Result<bool, TarError> {
        if !matches!(header.kind(), b'L' | b'K' | b'x' | b'g') {
            return Ok(false);
        }
        let body = self.extension_body(header, at, into)?;
        match header.kind() {
            b'L' => into.name = Some(without_nul(body)),
            b'K' => into.link = Some(without_nul(body)),
            b'x' => into.records = pax::parse(&body, at)?,
            _ => self.global = global_records(&body, at)?,
        }
        Ok(true)
    }

    fn extension_body(
        &mut self,
        header: &Header,
        at: u64,
        into: &mut Extensions,
    ) -> Result<Vec<u8>, TarError> {
        let size = size_field(header, at)?;
        let limit = self.limits.extension_bytes;
        within(size, limit, "the bytes of an extension header", at)?;
        // An empty one counts too: they could go on for ever.
        into.bytes += size.max(1) + BLOCK as u64;
        let limit = self.limits.extensions_per_entry;
        within(into.bytes, limit, "the extension headers of one entry", at)?;
        let mut body = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        if self.fill(&mut body)? < body.len() {
            return self.truncated("an extension header");
        }
        self.padding = padding(size);
        self.skip_rest()?;
        Ok(body)
    }

    /// An entry's own records over those for all entries. An empty value takes a record back, so that the header's
    /// field counts (POSIX.1-2024, pax, "pax Extended Header"); attributes may be empty.
    fn all_records(&self, own: Records) -> Records {
        let mut records = self.global.clone();
        records.extend(own);
        records.retain(|key, value| !value.is_empty() || key.starts_with(pax::XATTR));
        records
    }

    /// What the header and its extensions say together; `None` for the root.
    fn entry(
        &mut self,
        header: &Header,
        at: u64,
        extensions: &Extensions,
        records: &Records,
    ) -> Result<Option<Entry<u64>>, TarError> {
        self.entries += 1;
        within(self.entries, self.limits.entries, "the entries", at)?;
        if records.keys().any(|key| key.starts_with("GNU.sparse.")) {
            return bad(at, "sparse files are not supported");
        }
        let name = pick(records, "path", extensions.name.as_ref()).unwrap_or_else(|| header.name());
        let link = pick(records, "linkpath", extensions.link.as_ref())
            .unwrap_or_else(|| header.text(header::LINK).to_vec());
        let node = self.node(header, at, &name, link, records)?;
        let path =
            TreePath::from_tar(&name).map_err(|source| TarError::Path { offset: at, source })?;
        let Some(path) = path else {
            return root(&node, at);
        };
        let device = matches!(node, Node::CharDevice(..) | Node::BlockDevice(..));
        if device && self.limits.devices == Devices::Refuse {
            return Err(TarError::Device { path });
        }
        let meta = meta(header, at, records)?;
        Ok(Some(Entry { path, meta, node }))
    }

    fn node(
        &mut self,
        header: &Header,
        at: u64,
        name: &[u8],
        link: Vec<u8>,
        records: &Records,
    ) -> Result<Node<u64>, TarError> {
        let node = match header.kind() {
            // Before POSIX, a slash at the end was all that told a directory.
            0 if name.ends_with(b"/") => Node::Dir,
            0 | b'0' | b'7' => Node::File(self.begin_data(header, at, records)?),
            b'1' => Node::Hardlink(link_path(&link, at)?),
            b'2' => Node::Symlink(symlink_target(link, at)?),
            b'3' => Node::CharDevice(
                device(header, header::MAJOR, at)?,
                device(header, header::MINOR, at)?,
            ),
            b'4' => Node::BlockDevice(
                device(header, header::MAJOR, at)?,
                device(header, header::MINOR, at)?,
            ),
            b'5' => Node::Dir,
            b'6' => Node::Fifo,
            b'S' => return bad(at, "sparse files are not supported"),
            _ => return bad(at, "its type is unknown"),
        };
        Ok(node)
    }

    /// Sets out to hand out a file's data, where limits allow its length.
    fn begin_data(&mut self, header: &Header, at: u64, records: &Records) -> Result<u64, TarError> {
        let size = match records.get("size") {
            Some(text) => pax::decimal(text).ok_or(TarError::Header {
                offset: at,
                problem: "its PAX size is not a number",
            })?,
            None => size_field(header, at)?,
        };
        within(size, self.limits.file_bytes, "the bytes of one file", at)?;
        self.total = self.total.saturating_add(size);
        within(
            self.total,
            self.limits.total_bytes,
            "the bytes of all files",
            at,
        )?;
        self.remaining = size;
        self.padding = padding(size);
        Ok(size)
    }

    /// Passes over what is left of the last entry.
    fn skip_rest(&mut self) -> Result<(), TarError> {
        let mut left = self.remaining.saturating_add(self.padding);
        while left > 0 {
            let got = match self.input.fill_buf() {
                Ok(bytes) => at_most(bytes.len(), left),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(self.read_error(source)),
            };
            if got == 0 {
                return self.truncated("a file");
            }
            self.consume_input(got);
            left -= got as u64;
        }
        (self.remaining, self.padding) = (0, 0);
        Ok(())
    }

    fn consume_input(&mut self, count: usize) {
        self.input.consume(count);
        self.offset += count as u64;
    }

    /// Reads until `buffer` is full or the input ends.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.input.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(count) => {
                    done += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(self.read_error(source)),
            }
        }
        Ok(done)
    }

    fn read_error(&self, source: io::Error) -> TarError {
        TarError::Read {
            offset: self.offset,
            source,
        }
    }

    /// What a reader of data that ends too early is told.
    fn cut_off(&self) -> io::Error {
        let (offset, within) = (self.offset, "a file");
        io::Error::new(
            ErrorKind::UnexpectedEof,
            TarError::Truncated { offset, within },
        )
    }

    fn truncated<T>(&self, within: &'static str) -> Result<T, TarError> {
        Err(TarError::Truncated {
            offset: self.offset,
            within,
        })
    }
}

impl<R: Read> Read for Data<'_, R> {
    /// Large reads go straight into `buffer`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = &mut *self.reader;
        let want = at_most(buffer.len(), reader.remaining);
        if want == 0 {
            return Ok(0);
        }
        let got = reader.input.read(&mut buffer[..want])?;
        if got == 0 {
            return Err(reader.cut_off());
        }
        reader.offset += got as u64;
        reader.remaining -= got as u64;
        Ok(got)
    }
}

impl<R: Read> BufRead for Data<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.reader.remaining == 0 {
            return Ok(&[]);
        }
        if self.reader.input.fill_buf()?.is_empty() {
            return Err(self.reader.cut_off());
        }
        let bytes = self.reader.input.buffer();
        Ok(&bytes[..at_most(bytes.len(), self.reader.remaining)])
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume_input(count);
        self.reader.remaining = self.reader.remaining.saturating_sub(count as u64);
    }
}

fn at_most(len: usize, limit: u64) -> usize {
    len.min(usize::try_from(limit).unwrap_or(usize::MAX))
}
