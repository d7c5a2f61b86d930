//! Manifests and config documents: parsing with limits, and writing in one order of keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::config::nullable;
use super::{Created, Descriptor, Digest, Form, History, ImageConfig, ImageError, MediaType};

/// Longest manifest or index that is read, in bytes: what registries should take (distribution-spec, "Pushing
/// Manifests").
pub const MAX_MANIFEST: usize = 4 << 20;

/// Longest config that is read, in bytes: containerd's and skopeo's limit for a document is 4 MiB too.
pub const MAX_CONFIG: usize = 4 << 20;

/// Most layers of an image: overlayfs in Docker stops there.
const MAX_LAYERS: usize = 127;

/// A manifest as it was read, before its config is at hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub(super) form: Form,
    pub(super) document: ManifestDocument,
}

impl Manifest {
    /// Reads a manifest in either form.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let document: ManifestDocument = read("manifest", MAX_MANIFEST, bytes)?;
        let invalid = |problem: &str| Err(ImageError::invalid("manifest", problem));
        if document.schema_version != 2 {
            return invalid("its schemaVersion is not 2");
        }
        // One document that is a manifest to some and an index to others (CVE-2021-41190).
        if document.extra.contains_key("manifests") {
            return invalid("it has both `layers` and `manifests`");
        }
        if document.layers.len() > MAX_LAYERS {
            return invalid("it has more than 127 layers");
        }
        let form = match (&document.media_type, &document.config.media_type) {
            (Some(MediaType::Manifest(form)), _) | (None, MediaType::Config(form)) => *form,
            _ => return invalid("it is not the manifest of an image"),
        };
        Ok(Self { form, document })
    }

    /// The family of formats that it is written in.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The config's descriptor.
    pub fn config(&self) -> &Descriptor {
        &self.document.config
    }

    /// The layers' descriptors, lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.document.layers
    }

    /// The annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.document.annotations
    }
}

/// A manifest in both forms (OCI image-spec, manifest.md; Docker's schema 2 has the same fields but annotations).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ManifestDocument {
    pub(super) schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<MediaType>,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(super) extra: Map<String, Value>,
}

/// A config document (OCI image-spec, config.md); Docker's has the same fields and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ConfigDocument {
    pub(super) architecture: String,
    pub(super) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) variant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<Created>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) config: ImageConfig,
    pub(super) rootfs: RootFs,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(super) history: Vec<History>,
    #[serde(flatten)]
    pub(super) extra: Map<String, Value>,
}

/// The layers' diffIDs, lowest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RootFs {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) diff_ids: Vec<Digest>,
}

impl ConfigDocument {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        read("config", MAX_CONFIG, bytes)
    }
}

/// Reads a document of at most `limit` bytes.
pub(super) fn read<'a, T: Deserialize<'a>>(
    document: &'static str,
    limit: usize,
    bytes: &'a [u8],
) -> Result<T, ImageError> {
    if bytes.len() > limit {
        return Err(ImageError::TooLarge { document, limit });
    }
    serde_json::from_slice(bytes).map_err(|source| ImageError::Json { document, source })
}

/// Writes a document without spaces and with the keys of every object in order, so that one value has one text.
pub(super) fn write(document: &'static str, value: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    let failed = |source| ImageError::Json { document, source };
    let mut value = serde_json::to_value(value).map_err(failed)?;
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(failed)
}
