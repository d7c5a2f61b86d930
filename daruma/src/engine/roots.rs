//! An image's layers as directories, unpacked once and shared by all that run on them.

use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::image::{Compression, Image, Layer};
use crate::store::{Store, StoreError};
use crate::tree::tar::{Limits, Reader};
use crate::tree::unpack::{Devices, Options, UnpackError, Whiteouts, Xattrs, unpack};
use crate::tree::{IdMap, Namespace};

use super::{Job, Network, Writes};

/// The layers of an image cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A layer is damaged or hostile.
    #[error("cannot unpack a layer")]
    Unpack(#[from] UnpackError),
    /// A layer is compressed in a way that daruma does not unpack.
    #[error("cannot unpack a layer that is compressed with {0:?}")]
    Compression(Compression),
    /// The store failed.
    #[error("cannot read a layer")]
    Store(#[from] StoreError),
}

/// The unpacked layers of `image`, lowest first, owned on disk as `ids` says.
pub fn layers(store: &Store, image: &Image, ids: &IdMap) -> Result<Vec<PathBuf>, RootsError> {
    image
        .layers()
        .iter()
        .map(|layer| one(store, layer, ids))
        .collect()
}

fn one(store: &Store, layer: &Layer, ids: &IdMap) -> Result<PathBuf, RootsError> {
    let root = store.cached_root(ids, layer.diff_id(), |dir| fill(store, layer, ids, dir))?;
    Ok(root.path)
}

fn fill(store: &Store, layer: &Layer, ids: &IdMap, dir: &Path) -> Result<(), RootsError> {
    let blob = store.open_verified(layer.digest())?;
    let options = unpack_options(ids);
    match layer.compression() {
        Compression::Gzip => {
            unpack(
                &mut Reader::new(MultiGzDecoder::new(blob), Limits::default()),
                dir,
                &options,
            )?;
        }
        Compression::None => {
            unpack(&mut Reader::new(blob, Limits::default()), dir, &options)?;
        }
        other @ Compression::Zstd => return Err(RootsError::Compression(other)),
    }
    Ok(())
}

/// How layers that lie under an overlay are unpacked: root marks what they remove as the kernel does for root, others as it does in their
/// user namespace.
pub fn unpack_options(ids: &IdMap) -> Options {
    let (namespace, xattrs, devices) = match ids {
        IdMap::Same => (Namespace::Trusted, Xattrs::IfAllowed, Devices::Create),
        IdMap::Single | IdMap::Ranges { .. } => (Namespace::User, Xattrs::IfAllowed, Devices::Omit),
    };
    Options {
        ids: ids.clone(),
        whiteouts: Whiteouts::Overlay(namespace),
        xattrs,
        devices,
    }
}

/// A job on these layers with the image's own environment, directory and user; `argv` replaces what the image runs.
pub fn job(image: &Image, layers: Vec<PathBuf>, argv: Option<Vec<String>>) -> Job {
    let config = image.config();
    let own = || {
        config
            .entrypoint
            .iter()
            .chain(&config.cmd)
            .cloned()
            .collect()
    };
    let env = config
        .env
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let cwd = match config.working_dir.as_str() {
        "" => "/",
        dir => dir,
    };
    Job {
        layers,
        argv: argv.unwrap_or_else(own),
        env,
        cwd: cwd.to_owned(),
        user: user(&config.user),
        mounts: Vec::new(),
        network: Network::Host,
        writes: Writes::Discard,
        pretend_ownership: false,
    }
}

/// The ids of an image's `User`; names, which daruma's own images never have, are root.
fn user(text: &str) -> (u32, u32) {
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    (user.parse().unwrap_or(0), group.parse().unwrap_or(0))
}
