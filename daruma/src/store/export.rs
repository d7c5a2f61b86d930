//! Images handed to other tools: as an OCI layout, or as one archive that is a layout and what `docker save` writes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use fs_err as fs;
use serde::Serialize;

use crate::image::{
    Descriptor, Digest, Form, Image, Index, Layer, MAX_MANIFEST, Reference, annotation,
};

use super::blobs::{copy_large, public_temporary};
use super::ustar::{self, Kind, header};
use super::{LAYOUT, Store, StoreError, Verified};

/// An image and the name that others will know it by.
#[derive(Clone, Debug)]
pub struct NamedImage {
    /// Its name; `latest` stands for a missing tag.
    pub name: Reference,
    /// The image; its layers are in the store.
    pub image: Image,
}

/// One entry of `manifest.json` (Docker's image specification 1.2, "Combined Image JSON + Filesystem Changeset Format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Everything that is to be written.
struct Export {
    /// Manifests and configs.
    documents: BTreeMap<Digest, Arc<[u8]>>,
    layers: BTreeSet<Digest>,
    manifests: Vec<Descriptor>,
    docker: Vec<DockerEntry>,
}

impl Export {
    fn new(images: &[NamedImage]) -> Result<Self, StoreError> {
        let mut export = Self {
            documents: BTreeMap::new(),
            layers: BTreeSet::new(),
            manifests: Vec::new(),
            docker: Vec::new(),
        };
        for NamedImage { name, image } in images {
            export.add(
                &name
                    .with_tag(name.tag_or_latest())
                    .unwrap_or_else(|_| name.clone()),
                image,
            )?;
        }
        Ok(export)
    }

    fn add(&mut self, name: &Reference, image: &Image) -> Result<(), StoreError> {
        let rendered = image.render(Form::Oci)?;
        self.layers.extend(image.layers().iter().map(Layer::digest));
        let manifest = rendered
            .descriptor
            .clone()
            .annotated(annotation::REF_NAME, &name.familiar());
        self.manifests
            .push(manifest.annotated(annotation::CONTAINERD_NAME, &name.to_string()));
        let config = member(rendered.id);
        // Two names of one image share an entry.
        match self.docker.iter_mut().find(|entry| entry.config == config) {
            Some(entry) => entry.repo_tags.push(name.familiar()),
            None => self.docker.push(DockerEntry {
                config,
                repo_tags: vec![name.familiar()],
                layers: image
                    .layers()
                    .iter()
                    .map(|layer| member(layer.digest()))
                    .collect(),
            }),
        }
        self.documents
            .insert(rendered.descriptor.digest, rendered.manifest);
        self.documents.insert(rendered.id, rendered.config);
        Ok(())
    }
}

/// Where a blob stands in a layout.
fn member(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

impl Store {
    /// Writes images into the OCI layout at `dir`, which is made where it is missing. Images in it that have other
    /// names stay.
    pub fn export_layout(&self, dir: &Path, images: &[NamedImage]) -> Result<(), StoreError> {
        let export = Export::new(images)?;
        let index = merged(dir, &export.manifests)?;
        fs::create_dir_all(dir.join("blobs/sha256"))?;
        for &layer in &export.layers {
            self.copy_out(layer, &dir.join(member(layer)))?;
        }
        for (&digest, bytes) in &export.documents {
            publish(&dir.join(member(digest)), |file| file.write_all(bytes))?;
        }
        publish(&dir.join("oci-layout"), |file| file.write_all(LAYOUT))?;
        publish(&dir.join("index.json"), |file| file.write_all(&index))
    }

    /// Copies a layer, unless one of its length is there.
    fn copy_out(&self, layer: Digest, to: &Path) -> Result<(), StoreError> {
        let from = self.open_blob(layer)?;
        let size = from.metadata()?.len();
        if fs::metadata(to).is_ok_and(|found| found.len() == size) {
            return Ok(());
        }
        // Between two plain files this is copy_file_range(2), a reflink where the file system has them.
        publish(to, |file| io::copy(&mut from.file(), file).map(drop))
    }

    /// Writes images as one tar that is an OCI layout and has Docker's `manifest.json`: `docker load`, `podman load`
    /// and `skopeo` take it. The same images give the same bytes. A damaged layer is an error, after part was written.
    pub fn export_archive(
        &self,
        to: &mut impl Write,
        images: &[NamedImage],
    ) -> Result<(), StoreError> {
        let export = Export::new(images)?;
        let index = Index::new(Form::Oci, export.manifests.clone()).render()?;
        let docker = serde_json::to_vec(&export.docker).map_err(StoreError::Record)?;
        append(to, "oci-layout", LAYOUT)?;
        append(to, "index.json", &index)?;
        append(to, "manifest.json", &docker)?;
        for dir in ["blobs/", "blobs/sha256/"] {
            to.write_all(&header(dir, Kind::Dir, 0)?)?;
        }
        for (&digest, bytes) in &export.documents {
            append(to, &member(digest), bytes)?;
        }
        for &layer in &export.layers {
            self.append_layer(to, layer)?;
        }
        to.write_all(&[0; 2 * ustar::BLOCK])?;
        Ok(to.flush()?)
    }

    fn append_layer(&self, to: &mut impl Write, layer: Digest) -> Result<(), StoreError> {
        let file = self.open_blob(layer)?;
        let size = file.metadata()?.len();
        to.write_all(&header(&member(layer), Kind::File, size)?)?;
        copy_large(&mut Verified::new(file, layer), to)?;
        Ok(to.write_all(ustar::padding(size))?)
    }
}

fn append(to: &mut impl Write, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let size = bytes.len() as u64;
    to.write_all(&header(name, Kind::File, size)?)?;
    to.write_all(bytes)?;
    Ok(to.write_all(ustar::padding(size))?)
}

/// The index of the layout at `dir` with `manifests` in place of those of the same names.
fn merged(dir: &Path, manifests: &[Descriptor]) -> Result<Vec<u8>, StoreError> {
    let index = match fs::File::open(dir.join("index.json")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Index::new(Form::Oci, Vec::new()),
        file => {
            let mut bytes = Vec::new();
            file?
                .take(MAX_MANIFEST as u64 + 1)
                .read_to_end(&mut bytes)?;
            Index::parse(&bytes)?
        }
    };
    let name = |manifest: &Descriptor| manifest.annotations.get(annotation::REF_NAME).cloned();
    let new: BTreeSet<_> = manifests.iter().map(name).collect();
    let kept = index
        .manifests()
        .iter()
        .filter(|old| !new.contains(&name(old)));
    let all = kept.chain(manifests).cloned().collect();
    Ok(index.with_manifests(all).render()?)
}

/// Makes a whole file at `path`, in place of one that stands there.
fn publish(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut file = public_temporary(".daruma-", path.parent().unwrap_or(path))?;
    write(file.as_file_mut())?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
