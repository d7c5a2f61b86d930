//! Images in the store.

use crate::image::{Descriptor, Digest, Image, Layer, MAX_CONFIG, MAX_MANIFEST, Manifest};

use super::{RefEntry, RefName, Store, StoreError};

impl Store {
    /// Stores an image's documents, in the form that it was read in; its layers must be there. Returns the manifest's
    /// descriptor.
    pub fn put_image(&self, image: &Image) -> Result<Descriptor, StoreError> {
        for layer in image.layers() {
            self.check_layer(layer)?;
        }
        let rendered = image.render(image.form())?;
        self.put_bytes(&rendered.config)?;
        self.put_bytes(&rendered.manifest)?;
        Ok(rendered.descriptor)
    }

    /// The image with this manifest.
    pub fn image(&self, manifest: Digest) -> Result<Image, StoreError> {
        let manifest = self.read(manifest, MAX_MANIFEST)?;
        let config = self.read(Manifest::parse(&manifest)?.config().digest, MAX_CONFIG)?;
        Ok(Image::parse(&manifest, &config)?)
    }

    /// What a name stands for, if everything of it is there: manifest, config and all layers. It then stays while this
    /// `Store` lives. `None` means that its step must be done (again).
    pub fn current(&self, name: &RefName) -> Result<Option<(RefEntry, Image)>, StoreError> {
        let Some(entry) = self.get_ref(name)? else {
            return Ok(None);
        };
        let whole = self.image(entry.manifest.digest).and_then(|image| {
            image
                .layers()
                .iter()
                .try_for_each(|layer| self.check_layer(layer))?;
            Ok(image)
        });
        match whole {
            Ok(image) => Ok(Some((entry, image))),
            Err(StoreError::Io(error)) => Err(error.into()),
            // Missing, cut or overwritten: as good as never made.
            Err(_) => Ok(None),
        }
    }

    fn check_layer(&self, layer: &Layer) -> Result<(), StoreError> {
        let (digest, expected) = (layer.digest(), layer.size());
        match self.size_of(digest)? {
            Some(found) if found == expected => Ok(()),
            Some(found) => Err(StoreError::OtherSize {
                digest,
                expected,
                found,
            }),
            None => Err(StoreError::Missing(digest)),
        }
    }
}
