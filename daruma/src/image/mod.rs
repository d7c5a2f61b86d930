//! Images as values: digests, references, targets, manifests, configs, and how an application image is put together.
//!
//! Pure: nothing here opens a file or a connection. Every change of an image returns a new one.
//!
//! An [`Image`] is a config and layers; it renders as an OCI or as a Docker schema 2 manifest with the same config.
//! What was read from elsewhere keeps its bytes until it is changed, and its unknown fields after that.

mod app;
mod config;
mod created;
mod descriptor;
mod digest;
mod error;
mod index;
mod labels;
mod layer;
mod manifest;
mod media;
mod reference;
mod role;
mod target;
mod value;

#[cfg(test)]
mod tests;

pub use app::{APP_DIR, APP_USER, CompiledApp, DEFAULT_PATH, ProcessSpec, RunnerSpec, app, runner};
pub use config::{Env, ImageConfig, Ports};
pub use created::{Created, InvalidTime};
pub use descriptor::{Descriptor, Platform};
pub use digest::{Digest, Hasher, InvalidDigest};
pub use error::ImageError;
pub use index::Index;
pub use labels::{LABEL_PREFIX, RoleLabel, annotation, label, seam};
pub use layer::{History, Layer};
pub use manifest::{MAX_CONFIG, MAX_MANIFEST, Manifest};
pub use media::{Compression, Form, MediaType};
pub use reference::{InvalidReference, Reference};
pub use role::{InvalidRole, Role};
pub use target::{InvalidTarget, Target};
pub use value::{Image, Rendered};
