//! Takes a directory, overlayfs's upper one or a plain one, into a layer whose bytes depend on its content alone.
//!
//! Each directory's names come in byte order, a directory before what it holds. Overlayfs's whiteouts and opaque
//! directories become the names that layers have for them. Attributes other than `user.*` and `security.capability` are
//! the host's business (SELinux labels, IMA, ACL defaults) and are left out.

mod member;
mod unlock;
mod walk;

use std::io::{self, Write};
use std::path::Path;

use super::pack::pack;
use super::tar::{TarError, Writer};
use super::{IdMap, TreePath};

/// How a directory is captured.
pub struct Options<'a> {
    /// Times later than this (seconds since 1970) become this.
    pub epoch: Option<i64>,
    /// What is taken.
    pub choose: &'a (dyn Fn(&TreePath) -> Choice + Sync),
}

impl Default for Options<'_> {
    /// Everything, with the times that it has.
    fn default() -> Self {
        Self {
            epoch: None,
            choose: &|_| Choice::Take,
        }
    }
}

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is taken, and what it holds is asked for.
    Take,
    /// It is left out with all that it holds.
    Leave,
    /// A directory is left out, but what it holds is asked for.
    Enter,
}

/// What was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries before the format adds its own.
    pub entries: u64,
    /// Bytes of file data.
    pub bytes: u64,
}

/// A directory that cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The directory cannot be opened.
    #[error("cannot capture `{dir}`")]
    Open {
        /// The directory.
        dir: String,
        /// Why.
        source: io::Error,
    },
    /// Something in it cannot be read.
    #[error("cannot read `{path}` to capture it")]
    Read {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It was changed meanwhile.
    #[error("cannot capture `{path}`: it is being changed")]
    Changed {
        /// The path.
        path: TreePath,
    },
    /// The owner is not in the map of ids.
    #[error("cannot capture `{path}`: owner {uid}:{gid} on disk is outside the ids of the root")]
    Owner {
        /// The path.
        path: TreePath,
        /// Its user on disk.
        uid: u32,
        /// Its group on disk.
        gid: u32,
    },
    /// A layer cannot say it.
    #[error("cannot capture `{path}`: {problem}")]
    Unsupported {
        /// The path.
        path: TreePath,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name is not one that a tree can hold.
    #[error("cannot capture a name")]
    Name(#[from] super::InvalidPath),
    /// The archive cannot be written.
    #[error("cannot write the captured layer")]
    Tar(#[from] TarError),
}

/// Appends what stands below `dir` to an archive, which the caller ends. Owners on disk become those that `ids` gives
/// them inside. Sockets are left out. What is ours but unreadable for us is made readable meanwhile.
pub fn capture<W: Write + Send>(
    dir: &Path,
    ids: &IdMap,
    options: &Options<'_>,
    writer: &mut Writer<W>,
) -> Result<Summary, CaptureError> {
    let walked = walk::walk(dir, options)?;
    let summary = Summary {
        entries: walked.found.len() as u64,
        bytes: walked.found.iter().map(walk::Found::bytes).sum(),
    };
    let members = member::Members {
        root: &walked.unlocked.root,
        ids,
        epoch: options.epoch,
    };
    pack(
        &walked.found,
        walk::Found::bytes,
        |found| members.of(found),
        writer,
    )?;
    Ok(summary)
}

#[cfg(test)]
mod tests;
