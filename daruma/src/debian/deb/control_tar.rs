//! The files of a `control.tar`.

use std::io::{self, Read};

use super::decompress::{Compression, Decompressed};
use super::{DebError, read_error};
use crate::debian::{ControlFile, ControlFiles};
use crate::tree::tar::{Limits, Reader, TarError};
use crate::tree::{Entry, Node};

/// Most bytes of all files; twice what a compressed `control.tar` may have.
const MAX_OUTPUT: u64 = 64 << 20;

/// Most members; dpkg knows about twenty, debconf adds a few.
const MAX_MEMBERS: u64 = 256;

/// Decompresses and reads a whole `control.tar`.
pub(super) fn read(bytes: &[u8], compression: Compression) -> Result<ControlFiles, DebError> {
    let limits = Limits {
        entries: MAX_MEMBERS,
        file_bytes: MAX_OUTPUT,
        total_bytes: MAX_OUTPUT,
        ..Limits::package()
    };
    let tar = Decompressed::new(bytes, compression, "control.tar")?;
    let mut reader = Reader::new(tar, limits);
    let mut files: Vec<(String, ControlFile)> = Vec::new();
    while let Some((entry, mut data)) = reader.next_entry().map_err(tar_error)? {
        if let Some(name) = file_name(&entry)? {
            let mut bytes = Vec::new();
            data.read_to_end(&mut bytes).map_err(read_error)?;
            let mode = entry.meta.mode;
            files.push((name, ControlFile { mode, data: bytes }));
        }
    }
    io::copy(&mut reader.into_inner(), &mut io::sink()).map_err(read_error)?;
    finish(files)
}

/// What is wrong with the compression says more than that the tar cannot be read.
fn tar_error(error: TarError) -> DebError {
    match error {
        TarError::Read { source, .. } => read_error(source),
        other => DebError::ControlTar(other),
    }
}

/// The name of a plain file in the top directory, which is the only one dpkg looks at; `None` is a directory.
fn file_name(entry: &Entry<u64>) -> Result<Option<String>, DebError> {
    let path = entry.path.to_string();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
    match entry.node {
        Node::Dir => Ok(None),
        Node::File(_) if path.bytes().all(plain) => Ok(Some(path)),
        Node::File(_) => Err(DebError::ControlMember(path, "its name is not a plain one")),
        _ => Err(DebError::ControlMember(path, "it is no file")),
    }
}

fn finish(files: Vec<(String, ControlFile)>) -> Result<ControlFiles, DebError> {
    let mut names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(twice) => Err(DebError::ControlMember(
            twice[0].to_owned(),
            "it stands twice",
        )),
        None => Ok(files.into_iter().collect()),
    }
}
