//! What a job changed, in memory.

use std::io::{self, Write};

use super::ConfigureError;
use super::rules::{self, Shape, Verdict};
use crate::engine::Changes;
use crate::tree::capture::{Choice, Options, capture};
use crate::tree::tar::{Limits, Reader, Writer};
use crate::tree::{MemoryTree, TreePath};

/// Largest change that is taken, in bytes: the formats that TeX makes are some 150 MB, and nothing else comes near.
const MAX_CHANGES: usize = 512 << 20;

/// The changes without what is left out anyway.
pub(super) fn captured(changes: &Changes) -> Result<MemoryTree, ConfigureError> {
    let options = Options {
        epoch: None,
        choose: &choose,
    };
    let mut writer = Writer::new(Bounded(Vec::new()));
    capture(changes.dir.path(), &changes.ids, &options, &mut writer)?;
    let Bounded(bytes) = writer.finish()?;
    Ok(MemoryTree::from_tar(&mut Reader::new(
        &bytes[..],
        Limits::default(),
    ))?)
}

/// Directories only are left out here, as what else stands at a path is not known yet.
fn choose(path: &TreePath) -> Choice {
    match rules::verdict(path, Shape::Dir) {
        Verdict::Noise => Choice::Leave,
        Verdict::Keep | Verdict::Unexplained => Choice::Take,
    }
}

/// Bytes up to the limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > MAX_CHANGES - self.0.len() {
            return Err(io::Error::other(format!(
                "the changes are larger than {} MiB",
                MAX_CHANGES >> 20
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
