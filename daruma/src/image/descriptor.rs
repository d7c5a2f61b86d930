//! Descriptors (OCI image-spec, descriptor.md): what a blob is, its digest and its length.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Digest, MediaType, Target};

/// Names a blob from within another document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Descriptor {
    /// What it is.
    #[serde(rename = "mediaType")]
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// The platform that it is for, where an index names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Fields that daruma does not know, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A platform as an index writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Platform {
    /// GOARCH.
    pub architecture: String,
    /// GOOS.
    pub os: String,
    /// The architecture's variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `os.version`, `os.features` and what else may stand there.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor without platform and annotations.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
            extra: Map::new(),
        }
    }

    /// A descriptor of `bytes`.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The same for a platform.
    #[must_use]
    pub fn on(mut self, target: &Target) -> Self {
        self.platform = Some(target.into());
        self
    }

    /// The same with an annotation more.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The platform, where it is named and valid.
    pub fn target(&self) -> Option<Target> {
        let platform = self.platform.as_ref()?;
        target(
            &platform.os,
            &platform.architecture,
            platform.variant.as_deref(),
        )
    }
}

impl From<&Target> for Platform {
    fn from(target: &Target) -> Self {
        Self {
            architecture: target.arch().to_owned(),
            os: target.os().to_owned(),
            variant: target.variant().map(str::to_owned),
            extra: Map::new(),
        }
    }
}

/// The target with these parts; an empty variant is none (Go tools write both).
pub(super) fn target(os: &str, arch: &str, variant: Option<&str>) -> Option<Target> {
    match variant.filter(|variant| !variant.is_empty()) {
        Some(variant) => format!("{os}/{arch}/{variant}").parse().ok(),
        None => format!("{os}/{arch}").parse().ok(),
    }
}
