//! What can be wrong with an image.

use super::{Digest, MediaType};

/// An image could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A document is longer than daruma reads.
    #[error("cannot read the image's {document}: it is longer than {limit} bytes")]
    TooLarge {
        /// `manifest`, `config` or `index`.
        document: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A document is not the JSON that its specification describes.
    #[error("cannot read the image's {document}")]
    Json {
        /// `manifest`, `config` or `index`.
        document: &'static str,
        /// What is wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A document is well-formed but says something that cannot be.
    #[error("cannot use the image's {document}: {problem}")]
    Invalid {
        /// `manifest`, `config` or `index`.
        document: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The config's bytes are not those that the manifest names.
    #[error(
        "cannot use the image's config: its digest is {found}, and the manifest names {expected}"
    )]
    OtherConfig {
        /// What the manifest names.
        expected: Digest,
        /// What the bytes have.
        found: Digest,
    },
    /// A layer is of a kind that daruma cannot handle.
    #[error("cannot use layer {layer}: its media type is `{media_type}`")]
    Layer {
        /// The layer's blob.
        layer: Digest,
        /// Its media type.
        media_type: MediaType,
    },
    /// Docker's manifest format has no zstd layers.
    #[error("cannot write layer {layer} into a Docker manifest: it is compressed with zstd")]
    ZstdForDocker {
        /// The layer's blob.
        layer: Digest,
    },
    /// One of daruma's labels does not hold what it should.
    #[error("cannot read the image's label `{label}`")]
    Label {
        /// The label.
        label: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// One of daruma's labels is of another schema.
    #[error(
        "cannot read the image's label `{label}`: its schema is {found}, and this daruma knows 1"
    )]
    LabelSchema {
        /// The label.
        label: &'static str,
        /// Its schema.
        found: u64,
    },
    /// The layers at the bottom of an image are not those of the runner that its label names.
    #[error("cannot find the seam: the runner's label does not name the image's lowest layers")]
    Seam,
}

impl ImageError {
    pub(super) fn invalid(document: &'static str, problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self::Invalid { document, problem }
    }
}
