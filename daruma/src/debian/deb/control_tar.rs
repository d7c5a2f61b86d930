//! The files of a `control.tar`. To be replaced by `tree`'s tar reader: this one knows plain files and directories with
//! short names only, which is all that `dpkg-deb` puts there.

use std::io::Read;

use super::decompress::{Compression, Decompressed};
use super::{DebError, read_error};
use crate::debian::{ControlFile, ControlFiles};

/// Most bytes of a decompressed `control.tar`; twice what a compressed one may have.
const MAX_OUTPUT: u64 = 64 << 20;

/// Most members; dpkg knows about twenty, debconf adds a few.
const MAX_MEMBERS: usize = 256;

const BLOCK: usize = 512;

/// Decompresses and reads a whole `control.tar`.
pub(super) fn read(bytes: &[u8], compression: Compression) -> Result<ControlFiles, DebError> {
    let what = "control.tar";
    let mut tar = Vec::new();
    Decompressed::new(bytes, compression, what)?
        .take(MAX_OUTPUT + 1)
        .read_to_end(&mut tar)
        .map_err(read_error)?;
    if tar.len() as u64 > MAX_OUTPUT {
        let limit = MAX_OUTPUT;
        return Err(DebError::TooLarge { what, limit });
    }
    members(&tar)
}

fn members(mut tar: &[u8]) -> Result<ControlFiles, DebError> {
    let mut files: Vec<(String, ControlFile)> = Vec::new();
    let mut count = 0;
    while let Some((header, rest)) = tar.split_first_chunk::<BLOCK>() {
        if header.iter().all(|&b| b == 0) {
            return finish(files);
        }
        count += 1;
        if count > MAX_MEMBERS {
            return Err(DebError::ControlTar("it has more than 256 members"));
        }
        let size = checked_size(header)?;
        let data = rest.get(..size).ok_or(TRUNCATED)?;
        let padded = size.next_multiple_of(BLOCK).min(rest.len());
        tar = &rest[padded..];
        match header[156] {
            b'0' | 0 => {
                let mode = octal(&header[100..108])? & 0o7777;
                let mode = u32::try_from(mode).map_err(|_| DAMAGED)?;
                let data = data.to_vec();
                files.push((name(&header[..100])?, ControlFile { mode, data }));
            }
            b'5' if size == 0 => {}
            _ => {
                return Err(DebError::ControlTar(
                    "a member is neither file nor directory",
                ));
            }
        }
    }
    Err(TRUNCATED)
}

const TRUNCATED: DebError = DebError::ControlTar("it ends early");
const DAMAGED: DebError = DebError::ControlTar("a header is damaged");

fn finish(files: Vec<(String, ControlFile)>) -> Result<ControlFiles, DebError> {
    let mut names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        Err(DebError::ControlTar("a name stands twice"))
    } else {
        Ok(files.into_iter().collect())
    }
}

/// The size of a header whose checksum is right (POSIX ustar: the sum of its bytes, the checksum counted as spaces).
fn checked_size(header: &[u8; BLOCK]) -> Result<usize, DebError> {
    let sum: u64 = header.iter().map(|&b| u64::from(b)).sum();
    let own: u64 = header[148..156].iter().map(|&b| u64::from(b)).sum();
    if octal(&header[148..156])? == sum - own + 8 * u64::from(b' ') {
        usize::try_from(octal(&header[124..136])?).map_err(|_| DAMAGED)
    } else {
        Err(DAMAGED)
    }
}

fn octal(field: &[u8]) -> Result<u64, DebError> {
    let text = std::str::from_utf8(field).map_err(|_| DAMAGED)?;
    let text = text.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).map_err(|_| DAMAGED)
}

/// A name in the top directory, which is the only one dpkg looks at.
fn name(field: &[u8]) -> Result<String, DebError> {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    let name = std::str::from_utf8(&field[..end]).map_err(|_| DAMAGED)?;
    let name = name.strip_prefix("./").unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
    if !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain) {
        Ok(name.to_owned())
    } else {
        Err(DebError::ControlTar("a member's name is not a plain one"))
    }
}
