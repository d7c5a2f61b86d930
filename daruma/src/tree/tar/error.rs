//! What can be wrong with an archive, or with an entry that is to become a part of one.

use std::io;

use crate::tree::{InvalidPath, TreePath};

/// An archive that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The bytes could not be had.
    #[error("cannot read the archive at byte {offset}")]
    Read {
        /// Where in the archive.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The archive ends too early.
    #[error("cannot read the archive: it ends at byte {offset}, in the middle of {within}")]
    Truncated {
        /// Where it ends.
        offset: u64,
        /// What is cut off.
        within: &'static str,
    },
    /// A header is not one.
    #[error("cannot read the tar header at byte {offset}: {problem}")]
    Header {
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name does not stay inside the tree.
    #[error("cannot accept a name in the tar header at byte {offset}")]
    Path {
        /// Where the header begins.
        offset: u64,
        /// What is wrong with the name.
        source: InvalidPath,
    },
    /// A limit was reached.
    #[error("cannot accept the archive at byte {offset}: {what} exceed the limit of {limit}")]
    Limit {
        /// Where.
        offset: u64,
        /// Of what there is too much.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A device node where none is allowed.
    #[error("cannot accept `{path}` from the archive: it is a device")]
    Device {
        /// Its path.
        path: TreePath,
    },
    /// The archive could not be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
    /// A file's data could not be read while it was put into an archive.
    #[error("cannot read the data of `{path}`")]
    Data {
        /// The entry.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// A file had more or less data than its entry says.
    #[error("cannot archive `{path}`: it does not have the {expected} bytes that were announced")]
    Size {
        /// The entry.
        path: TreePath,
        /// What its entry says.
        expected: u64,
    },
    /// The format has no way to say it.
    #[error("cannot archive `{path}`: {problem}")]
    Unwritable {
        /// The entry.
        path: TreePath,
        /// What does not fit.
        problem: &'static str,
    },
}
