//! What can go wrong in the store.

use std::path::PathBuf;

use crate::image::{Digest, ImageError};

/// Something in the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory holds another version of an image layout.
    #[error("cannot use {}: it says `{found}`, and this daruma knows image layouts of version 1.0.0", path.display())]
    Layout {
        /// The `oci-layout` file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A ref was written by a later daruma.
    #[error("cannot use {}: its format is {found}, and this daruma knows 1", path.display())]
    RefFormat {
        /// The ref's file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// A blob is not there.
    #[error("cannot find blob {0} in the store")]
    Missing(Digest),
    /// Bytes have another digest than was said.
    #[error("cannot take a blob as {expected}: its digest is {found}")]
    OtherDigest {
        /// What was said.
        expected: Digest,
        /// What the bytes have.
        found: Digest,
    },
    /// A blob has another length than was said.
    #[error("cannot take blob {digest}: it has {found} bytes instead of {expected}")]
    OtherSize {
        /// The blob.
        digest: Digest,
        /// What was said.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// A document is longer than such documents may be.
    #[error("cannot read blob {digest}: it is longer than {limit} bytes")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// The limit in bytes.
        limit: usize,
    },
    /// An image in the store, or one that was to be stored, is not valid.
    #[error("cannot use an image")]
    Image(#[from] ImageError),
    /// A record could not be written as JSON.
    #[error("internal error: cannot write a record")]
    Record(#[source] serde_json::Error),
    /// Files cannot be this long in an archive.
    #[error("cannot write `{name}` into an archive: it has {size} bytes")]
    ArchiveMember {
        /// Its name in the archive.
        name: String,
        /// Its length.
        size: u64,
    },
    /// A file operation failed; the source names the path.
    #[error("cannot use the store")]
    Io(#[from] std::io::Error),
}
