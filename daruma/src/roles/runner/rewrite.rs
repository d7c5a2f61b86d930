//! A member without some of its paths.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;

use fs_err as fs;

use super::RunnerError;
use super::member::{Member, What};
use crate::tree::tar::Writer;

/// The tar entries of `member` that are not in `paths`.
pub(super) fn without(member: &Member, paths: &BTreeSet<String>) -> Result<Vec<u8>, RunnerError> {
    let file = fs::File::open(&member.tar)?;
    let mut writer = Writer::new(Vec::new());
    for item in member
        .info
        .entries
        .iter()
        .filter(|item| !paths.contains(&item.path))
    {
        let (at, size) = match item.what {
            What::File { at, size } => (at, size),
            _ => (0, 0),
        };
        let data = Range {
            file: &file,
            at,
            left: size,
        };
        writer.append(&item.entry()?, data.take(size))?;
    }
    Ok(writer.finish_member()?)
}

/// A part of a file as a stream.
struct Range<'a> {
    file: &'a fs::File,
    at: u64,
    left: u64,
}

impl std::io::Read for Range<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let want = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let got = self.file.file().read_at(&mut buffer[..want], self.at)?;
        self.at += got as u64;
        self.left -= got as u64;
        Ok(got)
    }
}
