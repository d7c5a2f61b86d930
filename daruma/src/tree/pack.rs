//! Many files into one archive: read and encoded in parallel, written in order, in bounded memory.

use std::fs::File;
use std::io::{Read, Write};

use rayon::prelude::*;

use super::tar::{TarError, Writer, write_header, write_padding};
use super::{Entry, Node, TreePath};

/// Entries that one thread encodes at a time.
const CHUNK_ENTRIES: usize = 256;

/// Bytes of files that one thread reads into memory at a time.
const CHUNK_BYTES: u64 = 2 << 20;

/// Chunks in one batch for each thread; the next batch is read while one is written.
const CHUNKS_PER_THREAD: usize = 2;

/// An entry that is ready, with its data where it is a file with any.
#[derive(Debug)]
pub struct Member {
    /// The entry.
    pub entry: Entry<u64>,
    /// Its data, for files.
    pub data: Option<File>,
}

/// Encoded entries, or one whose data is too large for memory.
enum Piece {
    Bytes(Vec<u8>),
    Large(Member),
}

/// Appends what `open` makes of each item, in the items' order. `size` tells how many bytes an item's data has; `open`
/// is called from several threads.
pub fn pack<I, W, E>(
    items: &[I],
    size: impl Fn(&I) -> u64 + Sync,
    open: impl Fn(&I) -> Result<Vec<Member>, E> + Sync,
    writer: &mut Writer<W>,
) -> Result<(), E>
where
    I: Sync,
    W: Write + Send,
    E: From<TarError> + Send,
{
    let chunks = chunks(items, size);
    let batch = CHUNKS_PER_THREAD * rayon::current_num_threads();
    let mut ready: Vec<Vec<Piece>> = Vec::new();
    for next in chunks.chunks(batch) {
        let (written, encoded) = rayon::join(
            || write(writer, std::mem::take(&mut ready)),
            || {
                next.par_iter()
                    .map(|chunk| encode(chunk, &open))
                    .collect::<Result<_, E>>()
            },
        );
        written?;
        ready = encoded?;
    }
    Ok(write(writer, ready)?)
}

/// Cuts items into runs that are small enough for memory; a large file may be a run's only or last item.
fn chunks<I>(items: &[I], size: impl Fn(&I) -> u64) -> Vec<&[I]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (at, item) in items.iter().enumerate() {
        bytes = bytes.saturating_add(size(item));
        if bytes >= CHUNK_BYTES || at + 1 - start >= CHUNK_ENTRIES || at + 1 == items.len() {
            chunks.push(&items[start..=at]);
            (start, bytes) = (at + 1, 0);
        }
    }
    chunks
}

fn encode<I, E: From<TarError>>(
    chunk: &[I],
    open: impl Fn(&I) -> Result<Vec<Member>, E>,
) -> Result<Vec<Piece>, E> {
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    for item in chunk {
        for member in open(item)? {
            match member.entry.node {
                Node::File(size) if size > CHUNK_BYTES => {
                    pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
                    pieces.push(Piece::Large(member));
                }
                _ => encode_member(member, &mut bytes)?,
            }
        }
    }
    pieces.push(Piece::Bytes(bytes));
    Ok(pieces)
}

fn encode_member(member: Member, out: &mut Vec<u8>) -> Result<(), TarError> {
    write_header(&member.entry, out)?;
    let Node::File(size) = member.entry.node else {
        return Ok(());
    };
    let start = out.len();
    if let Some(file) = &member.data {
        read_whole(file, size, out).map_err(|source| TarError::Data {
            path: member.entry.path.clone(),
            source,
        })?;
    }
    if (out.len() - start) as u64 != size {
        return Err(changed(member.entry.path, size));
    }
    write_padding(size, out);
    Ok(())
}

/// Reads one byte more than is expected, so that a file which has grown is noticed.
fn read_whole(file: &File, size: u64, out: &mut Vec<u8>) -> std::io::Result<usize> {
    out.reserve(usize::try_from(size).unwrap_or(0) + 1024);
    file.take(size.saturating_add(1)).read_to_end(out)
}

fn changed(path: TreePath, expected: u64) -> TarError {
    TarError::Size { path, expected }
}

fn write<W: Write>(writer: &mut Writer<W>, chunks: Vec<Vec<Piece>>) -> Result<(), TarError> {
    for piece in chunks.into_iter().flatten() {
        match piece {
            Piece::Bytes(bytes) => writer.append_raw(&bytes)?,
            Piece::Large(member) => match member.data {
                Some(file) => writer.append(&member.entry, file)?,
                None => writer.append(&member.entry, std::io::empty())?,
            },
        }
    }
    Ok(())
}
