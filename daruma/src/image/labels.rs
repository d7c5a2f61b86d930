//! What daruma writes onto images: labels, which are part of the config, and annotations, which no key covers.
//!
//! Runner and compiled application own one JSON label each. Neither says anything of the other's inputs, so that a
//! runner can be swapped without touching what was said of the application.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Digest, Image, ImageError, Layer};

/// What all labels begin with.
pub const LABEL_PREFIX: &str = "dev.daruma.";

/// Names of labels.
pub mod label {
    /// JSON of a [`super::RoleLabel`]: what the runner was made from.
    pub const RUNNER: &str = "dev.daruma.runner";
    /// JSON of a [`super::RoleLabel`]: what the compiled application was made from.
    pub const COMPILED: &str = "dev.daruma.compiled";
    /// The application's name.
    pub const APP: &str = "dev.daruma.app";
    /// The process that an application image starts.
    pub const PROCESS: &str = "dev.daruma.process";
    /// The role ([`crate::image::Role::kind`]).
    pub const ROLE: &str = "dev.daruma.role";
    /// The platform, `os/arch[/variant]`.
    pub const TARGET: &str = "dev.daruma.target";
}

/// Names of annotations (OCI image-spec, annotations.md).
pub mod annotation {
    /// When it was made.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// The source's revision.
    pub const REVISION: &str = "org.opencontainers.image.revision";
    /// What it is, for people.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// The reference of the image below.
    pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
    /// The digest of the image below.
    pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
    /// The name of a manifest in a layout's index.
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// The name that Docker's containerd store gives what it loads.
    pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
}

/// What a role was made from, as its label says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleLabel {
    schema: u64,
    /// The step's input digest.
    pub key: Digest,
    /// The diffIDs of its layers, lowest first; set when the image is put together.
    #[serde(default)]
    pub layers: Vec<Digest>,
    /// Further facts by name.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// Read first, so that a later schema is named and not its first unknown field.
#[derive(Deserialize)]
struct Schema {
    schema: u64,
}

impl RoleLabel {
    /// A label of the current schema.
    pub fn new(key: Digest) -> Self {
        Self {
            schema: 1,
            key,
            layers: Vec::new(),
            facts: Map::new(),
        }
    }

    /// The same with one fact more.
    #[must_use]
    pub fn with_fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// The same for these layers.
    pub(super) fn with_layers(mut self, layers: &[Layer]) -> Self {
        self.layers = layers.iter().map(Layer::diff_id).collect();
        self
    }

    /// The label `name` of an image, if it has one.
    pub fn of(image: &Image, name: &'static str) -> Result<Option<Self>, ImageError> {
        let failed = |source| ImageError::Label {
            label: name,
            source,
        };
        let Some(text) = image.config().labels.get(name) else {
            return Ok(None);
        };
        let Schema { schema } = serde_json::from_str(text).map_err(failed)?;
        if schema != 1 {
            return Err(ImageError::LabelSchema {
                label: name,
                found: schema,
            });
        }
        serde_json::from_str(text).map(Some).map_err(failed)
    }

    /// The label's text, the same for the same value.
    pub(super) fn render(&self) -> String {
        let mut facts = self.facts.clone();
        facts.insert("schema".to_owned(), self.schema.into());
        facts.insert("key".to_owned(), self.key.to_string().into());
        let layers: Vec<String> = self.layers.iter().map(Digest::to_string).collect();
        facts.insert("layers".to_owned(), layers.into());
        let mut value = Value::Object(facts);
        value.sort_all_objects();
        value.to_string()
    }
}

/// How many of an image's lowest layers are the runner's; `None` where no label says.
pub fn seam(image: &Image) -> Result<Option<usize>, ImageError> {
    let Some(label) = RoleLabel::of(image, label::RUNNER)? else {
        return Ok(None);
    };
    let below = image
        .layers()
        .get(..label.layers.len())
        .ok_or(ImageError::Seam)?;
    if below
        .iter()
        .map(Layer::diff_id)
        .ne(label.layers.iter().copied())
    {
        return Err(ImageError::Seam);
    }
    Ok(Some(below.len()))
}
