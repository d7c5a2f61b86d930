//! The image itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::descriptor;
use super::layer::{join_history, split_history};
use super::manifest::{ConfigDocument, ManifestDocument, RootFs, write};
use super::{
    Created, Descriptor, Digest, Form, History, ImageConfig, ImageError, Layer, Manifest,
    MediaType, Target,
};

/// A config and layers. Every change returns a new image; two that were made by the same steps render to the same
/// bytes, and one that was read and not changed renders to the bytes that it was read from.
#[derive(Clone, Debug)]
pub struct Image {
    form: Form,
    target: Target,
    created: Option<Created>,
    config: ImageConfig,
    layers: Vec<Layer>,
    /// Entries of the history after the last layer's.
    tail: Vec<History>,
    annotations: BTreeMap<String, String>,
    /// Unknown fields of the config document.
    config_extra: Map<String, Value>,
    /// Unknown fields of the manifest.
    manifest_extra: Map<String, Value>,
    kept_config: Option<Arc<[u8]>>,
    kept_manifest: Option<Arc<[u8]>>,
}

/// An image's documents.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The manifest's bytes.
    pub manifest: Arc<[u8]>,
    /// The config's bytes.
    pub config: Arc<[u8]>,
    /// The manifest's descriptor, with the platform.
    pub descriptor: Descriptor,
    /// The config's digest: the image id that Docker and Podman show.
    pub id: Digest,
}

impl Image {
    /// An image without layers, as `FROM scratch`.
    pub fn scratch(target: &Target, created: Created) -> Self {
        Self {
            form: Form::Oci,
            target: target.clone(),
            created: Some(created),
            config: ImageConfig::default(),
            layers: Vec::new(),
            tail: Vec::new(),
            annotations: BTreeMap::new(),
            config_extra: Map::new(),
            manifest_extra: Map::new(),
            kept_config: None,
            kept_manifest: None,
        }
    }

    /// Reads an image from its two documents, in either form.
    pub fn parse(manifest: &[u8], config: &[u8]) -> Result<Self, ImageError> {
        let head = Manifest::parse(manifest)?;
        let (expected, found) = (head.config().digest, Digest::of(config));
        if expected != found {
            return Err(ImageError::OtherConfig { expected, found });
        }
        let document = ConfigDocument::parse(config)?;
        let unknown = || ImageError::invalid("config", "its platform is not one");
        let target = descriptor::target(
            &document.os,
            &document.architecture,
            document.variant.as_deref(),
        );
        let (layers, tail) = layers(head.document.layers, document.rootfs, document.history)?;
        Ok(Self {
            form: head.form,
            target: target.ok_or_else(unknown)?,
            created: document.created,
            config: document.config,
            layers,
            tail,
            annotations: head.document.annotations,
            config_extra: document.extra,
            manifest_extra: head.document.extra,
            kept_config: Some(config.into()),
            kept_manifest: Some(manifest.into()),
        })
    }

    /// The family of formats that it was read in; OCI for images that daruma made or changed.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The platform that it is for.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// When it was made, as it says itself.
    pub fn created(&self) -> Option<&Created> {
        self.created.as_ref()
    }

    /// What its containers run as.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// Its layers, lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Its manifest's annotations.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The same with another config.
    #[must_use]
    pub fn with_config(self, config: ImageConfig) -> Self {
        Self {
            config,
            ..self.changed()
        }
    }

    /// The same with a label more or another value of it.
    #[must_use]
    pub fn with_label(self, name: &str, value: &str) -> Self {
        let mut image = self.changed();
        image
            .config
            .labels
            .insert(name.to_owned(), value.to_owned());
        image
    }

    /// The same with another time.
    #[must_use]
    pub fn with_created(self, created: Created) -> Self {
        Self {
            created: Some(created),
            ..self.changed()
        }
    }

    /// The same with exactly these layers, and the history that they bring.
    #[must_use]
    pub fn with_layers(self, layers: Vec<Layer>) -> Self {
        Self {
            layers,
            tail: Vec::new(),
            ..self.changed()
        }
    }

    /// The same with these layers on top. Entries of the history after the old top keep their place below them.
    #[must_use]
    pub fn on_top(self, layers: &[Layer]) -> Self {
        let mut image = self.changed();
        let mut tail = std::mem::take(&mut image.tail);
        for layer in layers {
            image
                .layers
                .push(layer.clone().preceded_by(std::mem::take(&mut tail)));
        }
        image.tail = tail;
        image
    }

    /// The same with an annotation more or another value of it. The config, and so the image's id, stays.
    #[must_use]
    pub fn with_annotation(mut self, name: &str, value: &str) -> Self {
        self.kept_manifest = None;
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with exactly these annotations. The config, and so the image's id, stays.
    #[must_use]
    pub fn with_annotations(mut self, annotations: BTreeMap<String, String>) -> Self {
        // Docker's form would lose them.
        self.form = Form::Oci;
        self.kept_manifest = None;
        self.annotations = annotations;
        self
    }

    /// Its two documents in one form. Docker's has no annotations.
    pub fn render(&self, form: Form) -> Result<Rendered, ImageError> {
        let config = match &self.kept_config {
            Some(bytes) => bytes.clone(),
            None => write("config", &self.config_document())?.into(),
        };
        let manifest = match &self.kept_manifest {
            Some(bytes) if form == self.form => bytes.clone(),
            _ => write("manifest", &self.manifest_document(form, &config)?)?.into(),
        };
        let descriptor = Descriptor::of(MediaType::Manifest(form), &manifest).on(&self.target);
        let id = Digest::of(&config);
        Ok(Rendered {
            manifest,
            config,
            descriptor,
            id,
        })
    }

    /// The same without the bytes that it was read from, which no longer fit.
    fn changed(mut self) -> Self {
        self.form = Form::Oci;
        (self.kept_config, self.kept_manifest) = (None, None);
        self
    }

    fn config_document(&self) -> ConfigDocument {
        ConfigDocument {
            architecture: self.target.arch().to_owned(),
            os: self.target.os().to_owned(),
            variant: self.target.variant().map(str::to_owned),
            created: self.created.clone(),
            config: self.config.clone(),
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: self.layers.iter().map(Layer::diff_id).collect(),
            },
            history: join_history(&self.layers, &self.tail),
            extra: self.config_extra.clone(),
        }
    }

    fn manifest_document(&self, form: Form, config: &[u8]) -> Result<ManifestDocument, ImageError> {
        let layers: Result<_, _> = self
            .layers
            .iter()
            .map(|layer| layer.descriptor(form))
            .collect();
        Ok(ManifestDocument {
            schema_version: 2,
            media_type: Some(MediaType::Manifest(form)),
            config: Descriptor::of(MediaType::Config(form), config),
            layers: layers?,
            annotations: match form {
                Form::Oci => self.annotations.clone(),
                Form::Docker => BTreeMap::new(),
            },
            extra: self.manifest_extra.clone(),
        })
    }
}

/// Pairs a manifest's layers with the config's diffIDs and history. A history of another length is left out: it could
/// only be given to the wrong layers.
fn layers(
    blobs: Vec<Descriptor>,
    rootfs: RootFs,
    history: Vec<History>,
) -> Result<(Vec<Layer>, Vec<History>), ImageError> {
    let count = blobs.len();
    if count != rootfs.diff_ids.len() {
        let problem = format!(
            "it names {} layers, and the manifest {count}",
            rootfs.diff_ids.len()
        );
        return Err(ImageError::invalid("config", problem));
    }
    let (by_layer, tail) =
        split_history(history, count).unwrap_or_else(|| (vec![Vec::new(); count], Vec::new()));
    let parts = rootfs.diff_ids.into_iter().zip(blobs).zip(by_layer);
    let layers: Result<_, _> = parts
        .map(|((diff_id, blob), history)| Layer::from_parts(diff_id, blob, history))
        .collect();
    Ok((layers?, tail))
}
