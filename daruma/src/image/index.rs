//! Indexes (OCI image-spec, image-index.md) and Docker's manifest lists: manifests by platform or by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::nullable;
use super::manifest::{MAX_MANIFEST, read, write};
use super::{Descriptor, Form, ImageError, MediaType, Target};

/// Most manifests that an index may hold: far above what images have, far below what would be slow.
const MAX_MANIFESTS: usize = 10_000;

/// An index in either form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<MediaType>,
    #[serde(deserialize_with = "nullable")]
    manifests: Vec<Descriptor>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Index {
    /// An index of these manifests.
    pub fn new(form: Form, manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::Index(form)),
            manifests,
            annotations: BTreeMap::new(),
            extra: Map::new(),
        }
    }

    /// Reads an index in either form.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let index: Self = read("index", MAX_MANIFEST, bytes)?;
        let invalid = |problem: &str| Err(ImageError::invalid("index", problem));
        if index.schema_version != 2 {
            return invalid("its schemaVersion is not 2");
        }
        if !matches!(index.media_type, None | Some(MediaType::Index(_))) {
            return invalid("its media type is not that of an index");
        }
        // One document that is a manifest to some and an index to others (CVE-2021-41190).
        if index.extra.contains_key("layers") {
            return invalid("it has both `layers` and `manifests`");
        }
        if index.manifests.len() > MAX_MANIFESTS {
            return invalid("it has more than 10000 manifests");
        }
        Ok(index)
    }

    /// The text, the same for the same value.
    pub fn render(&self) -> Result<Vec<u8>, ImageError> {
        write("index", self)
    }

    /// The manifests in order.
    pub fn manifests(&self) -> &[Descriptor] {
        &self.manifests
    }

    /// The same with other manifests.
    #[must_use]
    pub fn with_manifests(mut self, manifests: Vec<Descriptor>) -> Self {
        self.manifests = manifests;
        self
    }

    /// The first manifest for a target; one without a variant serves where the target names none.
    pub fn for_target(&self, target: &Target) -> Option<&Descriptor> {
        let of = |descriptor: &&Descriptor| descriptor.target().as_ref() == Some(target);
        self.manifests.iter().find(of)
    }
}
