//! One layer of an image, with its line of history.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Compression, Created, Descriptor, Digest, Form, ImageError, MediaType};

/// A layer: the digest of its tar, which is its identity, and the blob that carries it, which Docker may recompress.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    diff_id: Digest,
    blob: Descriptor,
    compression: Compression,
    history: Vec<History>,
}

/// One entry of an image's history, in the fields of config.md's "history".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Map<String, Value>);

impl History {
    /// An entry that says when a layer was made and by what, e.g. `daruma: runner`.
    pub fn new(created: &Created, created_by: &str) -> Self {
        let fields = [("created", created.as_str()), ("created_by", created_by)];
        let value = |text: &str| Value::from(text);
        Self(
            fields
                .into_iter()
                .map(|(name, text)| (name.to_owned(), value(text)))
                .collect(),
        )
    }

    /// What made the layer.
    pub fn created_by(&self) -> Option<&str> {
        self.0.get("created_by")?.as_str()
    }

    /// Whether the entry stands for a change of the config alone.
    pub fn is_empty_layer(&self) -> bool {
        self.0.get("empty_layer").and_then(Value::as_bool) == Some(true)
    }
}

impl Layer {
    /// A layer whose uncompressed tar has the digest `diff_id`, in a blob of `size` bytes.
    pub fn new(
        diff_id: Digest,
        digest: Digest,
        size: u64,
        compression: Compression,
        history: History,
    ) -> Self {
        Self {
            diff_id,
            blob: Descriptor::new(MediaType::Layer(Form::Oci, compression), digest, size),
            compression,
            history: vec![history],
        }
    }

    /// A layer as a manifest and a config name it; `history` ends with its own entry.
    pub(super) fn from_parts(
        diff_id: Digest,
        blob: Descriptor,
        history: Vec<History>,
    ) -> Result<Self, ImageError> {
        match blob.media_type {
            MediaType::Layer(_, compression) => Ok(Self {
                diff_id,
                blob,
                compression,
                history,
            }),
            media_type => Err(ImageError::Layer {
                layer: blob.digest,
                media_type,
            }),
        }
    }

    /// The digest of the uncompressed tar.
    pub fn diff_id(&self) -> Digest {
        self.diff_id
    }

    /// The digest of the blob.
    pub fn digest(&self) -> Digest {
        self.blob.digest
    }

    /// The blob's length in bytes.
    pub fn size(&self) -> u64 {
        self.blob.size
    }

    /// How the blob is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The blob's descriptor in the names of one form.
    pub fn descriptor(&self, form: Form) -> Result<Descriptor, ImageError> {
        if (form, self.compression) == (Form::Docker, Compression::Zstd) {
            return Err(ImageError::ZstdForDocker {
                layer: self.digest(),
            });
        }
        Ok(Descriptor {
            media_type: MediaType::Layer(form, self.compression),
            ..self.blob.clone()
        })
    }

    /// The same with entries of changes to the config before its own.
    pub(super) fn preceded_by(mut self, entries: Vec<History>) -> Self {
        self.history.splice(0..0, entries);
        self
    }

    /// The entries of changes to the config that came before it, then its own; empty where the image had no history.
    pub fn history(&self) -> &[History] {
        &self.history
    }
}

/// Splits an image's history by layer: for each its entries, then those after the last. `None` where the numbers of
/// entries and layers differ.
pub(super) fn split_history(
    entries: Vec<History>,
    layers: usize,
) -> Option<(Vec<Vec<History>>, Vec<History>)> {
    let mut by_layer = Vec::with_capacity(layers);
    let mut pending = Vec::new();
    for entry in entries {
        let own = !entry.is_empty_layer();
        pending.push(entry);
        if own {
            by_layer.push(std::mem::take(&mut pending));
        }
    }
    (by_layer.len() == layers).then_some((by_layer, pending))
}

/// The history of an image with these layers: one entry for each, or none at all where none has any.
pub(super) fn join_history(layers: &[Layer], tail: &[History]) -> Vec<History> {
    if layers.iter().all(|layer| layer.history.is_empty()) {
        return Vec::new();
    }
    let of = |layer: &Layer| match layer.history.as_slice() {
        [] => vec![History::default()],
        entries => entries.to_vec(),
    };
    layers
        .iter()
        .flat_map(of)
        .chain(tail.iter().cloned())
        .collect()
}
