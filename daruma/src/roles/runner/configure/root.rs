//! The layers of the configure root, unpacked once and kept where images' layers are.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::super::concat::{self, Part};
use super::ConfigureError;
use crate::engine;
use crate::store::Store;
use crate::tree::IdMap;
use crate::tree::tar::{Limits, Reader};
use crate::tree::unpack::unpack;

/// The unpacked layer of these parts.
pub(super) fn unpacked(
    store: &Store,
    ids: &IdMap,
    parts: &[Part],
) -> Result<PathBuf, ConfigureError> {
    let diff_id = concat::diff_id(parts)?;
    let root = store.cached_root(ids, diff_id, |dir| fill(parts, ids, dir))?;
    Ok(root.path)
}

fn fill(parts: &[Part], ids: &IdMap, dir: &Path) -> Result<(), ConfigureError> {
    let tars = Tars {
        left: parts.iter().collect(),
        open: Box::new(io::empty()),
    };
    let mut reader = Reader::new(tars, Limits::default());
    unpack(&mut reader, dir, &engine::unpack_options(ids))?;
    Ok(())
}

/// The parts' tars, one after the other.
struct Tars<'a> {
    left: VecDeque<&'a Part>,
    open: Box<dyn Read + 'a>,
}

impl Read for Tars<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.open.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.open = match self.left.pop_front() {
                Some(Part::Files { tar, .. }) => Box::new(fs::File::open(tar)?),
                Some(Part::Bytes { tar, .. }) => Box::new(&tar[..]),
                None => return Ok(0),
            };
        }
    }
}
