//! Writes archives whose bytes depend on their entries alone.

use std::io::{Read, Write};

use super::header::{self, Header};
use super::pax::{self, Records};
use super::{BLOCK, TarError, padding};
use crate::tree::{Entry, Node, TreePath};

/// Data is copied in pieces of this size.
const BUFFER: usize = 128 << 10;

/// Two blocks of zeros end an archive (POSIX.1-2024, pax, "ustar Interchange Format").
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The name of every PAX header: it is shown by tools that do not know PAX, and read by none.
const PAX_NAME: &[u8] = b"PaxHeaders/entry";

/// Writes entries in the order in which they are appended: numeric owners without names, whole seconds, ustar where
/// it fits, else one PAX header with sorted records.
pub struct Writer<W> {
    out: W,
    head: Vec<u8>,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`, which needs no buffering where files are large.
    pub fn new(out: W) -> Self {
        Self {
            out,
            head: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Appends an entry; `data` must have as many bytes as a file's node says, and is not read for other nodes.
    pub fn append(&mut self, entry: &Entry<u64>, data: impl Read) -> Result<(), TarError> {
        self.head.clear();
        write_header(entry, &mut self.head)?;
        self.out.write_all(&self.head).map_err(TarError::Write)?;
        match entry.node {
            Node::File(size) => self.copy(&entry.path, size, data),
            _ => Ok(()),
        }
    }

    /// Appends bytes that are whole entries already, padded, without an end.
    pub fn append_raw(&mut self, entries: &[u8]) -> Result<(), TarError> {
        self.out.write_all(entries).map_err(TarError::Write)
    }

    fn copy(&mut self, path: &TreePath, size: u64, mut data: impl Read) -> Result<(), TarError> {
        let mut left = size;
        self.buffer.resize(BUFFER, 0);
        loop {
            // One byte more than is left, so that data which goes on is noticed.
            let want = usize::try_from(left.saturating_add(1))
                .unwrap_or(BUFFER)
                .min(BUFFER);
            let got = read_some(&mut data, &mut self.buffer[..want], path)?;
            if got as u64 > left || (got == 0 && left > 0) {
                let (path, expected) = (path.clone(), size);
                return Err(TarError::Size { path, expected });
            }
            if got == 0 {
                break;
            }
            self.out
                .write_all(&self.buffer[..got])
                .map_err(TarError::Write)?;
            left -= got as u64;
        }
        self.head.clear();
        write_padding(size, &mut self.head);
        self.out.write_all(&self.head).map_err(TarError::Write)
    }

    /// Where the archive goes; all entries so far are in it.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// Ends a member: a run of entries that is not a whole archive, as layers are concatenated from.
    pub fn finish_member(mut self) -> Result<W, TarError> {
        self.out.flush().map_err(TarError::Write)?;
        Ok(self.out)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> Result<W, TarError> {
        self.out.write_all(&END).map_err(TarError::Write)?;
        self.finish_member()
    }
}

fn read_some(data: &mut impl Read, buffer: &mut [u8], path: &TreePath) -> Result<usize, TarError> {
    loop {
        match data.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => {
                let path = path.clone();
                return Err(TarError::Data { path, source });
            }
            Ok(count) => return Ok(count),
        }
    }
}

/// Adds the zeros that follow `size` bytes of data.
pub fn write_padding(size: u64, out: &mut Vec<u8>) {
    let zeros = usize::try_from(padding(size)).unwrap_or(0);
    out.resize(out.len() + zeros, 0);
}

/// Adds all that stands before an entry's data.
pub fn write_header(entry: &Entry<u64>, out: &mut Vec<u8>) -> Result<(), TarError> {
    let mut records = Records::new();
    let mut header = Header::ustar(kind(&entry.node));
    put_name(&mut header, entry, &mut records);
    put_meta(&mut header, entry, &mut records);
    put_node(&mut header, entry, &mut records)?;
    if !records.is_empty() {
        write_records(&records, out);
    }
    out.extend_from_slice(&header.sealed());
    Ok(())
}

fn kind(node: &Node<u64>) -> u8 {
    match node {
        Node::File(_) => b'0',
        Node::Hardlink(_) => b'1',
        Node::Symlink(_) => b'2',
        Node::CharDevice(..) => b'3',
        Node::BlockDevice(..) => b'4',
        Node::Dir => b'5',
        Node::Fifo => b'6',
    }
}

fn put_name(header: &mut Header, entry: &Entry<u64>, records: &mut Records) {
    let mut name = entry.path.as_bytes().to_vec();
    if entry.node == Node::Dir {
        name.push(b'/');
    }
    if name.len() <= header::NAME.1 {
        return header.put(header::NAME, &name);
    }
    if let Some(slash) = split(&name) {
        header.put(header::PREFIX, &name[..slash]);
        return header.put(header::NAME, &name[slash + 1..]);
    }
    // Only the last component: a cut in the middle could end in a slash, which means a directory.
    let last = entry.path.name();
    header.put(header::NAME, &last[..last.len().min(header::NAME.1)]);
    records.insert("path".to_owned(), name);
}

/// The first slash that leaves a name short enough after it and a prefix short enough before it.
fn split(name: &[u8]) -> Option<usize> {
    let from = name.len().checked_sub(header::NAME.1 + 1)?;
    let until = header::PREFIX.1.min(name.len().checked_sub(2)?);
    (from.max(1)..=until).find(|&at| name[at] == b'/')
}

fn put_meta(header: &mut Header, entry: &Entry<u64>, records: &mut Records) {
    let meta = &entry.meta;
    header.put_number(header::MODE, i64::from(meta.mode & 0o7777));
    for (field, key, id) in [
        (header::UID, "uid", meta.uid),
        (header::GID, "gid", meta.gid),
    ] {
        if !header.put_number(field, i64::try_from(id).unwrap_or(-1)) {
            records.insert(key.to_owned(), id.to_string().into_bytes());
        }
    }
    if !header.put_number(header::MTIME, meta.mtime) {
        records.insert("mtime".to_owned(), meta.mtime.to_string().into_bytes());
    }
    for (name, value) in &meta.xattrs {
        records.insert(format!("{}{name}", pax::XATTR), value.clone());
    }
}

fn put_node(
    header: &mut Header,
    entry: &Entry<u64>,
    records: &mut Records,
) -> Result<(), TarError> {
    let mut size = 0;
    let mut numbers = (0, 0);
    match &entry.node {
        Node::File(bytes) => size = *bytes,
        Node::Symlink(target) => put_link(header, target, records),
        Node::Hardlink(target) => put_link(header, target.as_bytes(), records),
        Node::CharDevice(major, minor) | Node::BlockDevice(major, minor) => {
            numbers = (*major, *minor);
        }
        Node::Dir | Node::Fifo => {}
    }
    if !header.put_number(header::SIZE, i64::try_from(size).unwrap_or(-1)) {
        records.insert("size".to_owned(), size.to_string().into_bytes());
    }
    let major = header.put_number(header::MAJOR, i64::from(numbers.0));
    let minor = header.put_number(header::MINOR, i64::from(numbers.1));
    if major && minor {
        return Ok(());
    }
    Err(TarError::Unwritable {
        path: entry.path.clone(),
        problem: "its device number is too large",
    })
}

fn put_link(header: &mut Header, target: &[u8], records: &mut Records) {
    if target.len() <= header::LINK.1 {
        return header.put(header::LINK, target);
    }
    header.put(header::LINK, &target[..header::LINK.1]);
    records.insert("linkpath".to_owned(), target.to_vec());
}

fn write_records(records: &Records, out: &mut Vec<u8>) {
    let body = pax::encode(records);
    let mut header = Header::ustar(b'x');
    header.put(header::NAME, PAX_NAME);
    header.put_number(header::MODE, 0o644);
    for field in [
        header::UID,
        header::GID,
        header::MTIME,
        header::MAJOR,
        header::MINOR,
    ] {
        header.put_number(field, 0);
    }
    let size = body.len() as u64;
    header.put_number(header::SIZE, i64::try_from(size).unwrap_or(0));
    out.extend_from_slice(&header.sealed());
    out.extend_from_slice(&body);
    write_padding(size, out);
}
