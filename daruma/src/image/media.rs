//! Media types (OCI image-spec, media-types.md; Docker's image manifest version 2, schema 2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a layer's tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, several members allowed; what every consumer takes.
    Gzip,
    /// zstd; neither `docker load` nor Docker's own manifest format takes it.
    Zstd,
}

/// Which family of formats a manifest is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// OCI image-spec 1.
    Oci,
    /// Docker's image manifest version 2, schema 2.
    Docker,
}

/// What a blob is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum MediaType {
    /// Several manifests, by platform.
    Index(Form),
    /// One image.
    Manifest(Form),
    /// An image's config.
    Config(Form),
    /// A layer.
    Layer(Form, Compression),
    /// Anything else.
    Other(Box<str>),
}

/// The types that daruma knows, with their names.
const NAMES: [(MediaType, &str); 12] = {
    use Compression::{Gzip, None, Zstd};
    use Form::{Docker, Oci};
    use MediaType::{Config, Index, Layer, Manifest};
    [
        (Index(Oci), "application/vnd.oci.image.index.v1+json"),
        (Manifest(Oci), "application/vnd.oci.image.manifest.v1+json"),
        (Config(Oci), "application/vnd.oci.image.config.v1+json"),
        (Layer(Oci, None), "application/vnd.oci.image.layer.v1.tar"),
        (
            Layer(Oci, Gzip),
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
        (
            Layer(Oci, Zstd),
            "application/vnd.oci.image.layer.v1.tar+zstd",
        ),
        (
            Index(Docker),
            "application/vnd.docker.distribution.manifest.list.v2+json",
        ),
        (
            Manifest(Docker),
            "application/vnd.docker.distribution.manifest.v2+json",
        ),
        (
            Config(Docker),
            "application/vnd.docker.container.image.v1+json",
        ),
        (
            Layer(Docker, None),
            "application/vnd.docker.image.rootfs.diff.tar",
        ),
        (
            Layer(Docker, Gzip),
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        (
            Layer(Docker, Zstd),
            "application/vnd.docker.image.rootfs.diff.tar.zstd",
        ),
    ]
};

impl MediaType {
    /// The name.
    pub fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        NAMES
            .iter()
            .find(|(known, _)| known == self)
            .map_or("", |(_, name)| name)
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        match NAMES.iter().find(|(_, name)| *name == text) {
            Some((known, _)) => known.clone(),
            None => Self::Other(text.into()),
        }
    }
}

impl From<MediaType> for String {
    fn from(media_type: MediaType) -> Self {
        media_type.as_str().to_owned()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_leads_to_its_type_and_back() {
        for (known, name) in NAMES {
            assert_eq!(MediaType::from(name.to_owned()), known);
            assert_eq!(known.as_str(), name);
        }
        let other = MediaType::from("text/plain".to_owned());
        assert_eq!(other.as_str(), "text/plain");
    }
}
