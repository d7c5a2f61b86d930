//! Step 4: the compiled app on its runner, one image for each process.

use std::collections::BTreeMap;

use crate::image::{
    CompiledApp, Compression, Created, Digest, Env, History, Image, InvalidRole, Layer,
    ProcessSpec, Role, RoleLabel,
};
use crate::plan::ProcessInput;
use crate::store::{Store, StoreError};
use crate::tree::tar::{TarError, Writer};
use crate::tree::{Entry, InvalidPath, Meta, Node, TreePath};

use super::blocks::{Blocks, Effort};

/// An app image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A process has a name that no image can have.
    #[error("cannot make an image")]
    Role(#[from] InvalidRole),
    /// A file of the recipe has a name that cannot stand in an image.
    #[error("cannot write the app's layer")]
    Path(#[from] InvalidPath),
    /// A layer cannot be written.
    #[error("cannot write the app's layer")]
    Tar(#[from] TarError),
    /// The store failed.
    #[error("cannot keep the app image")]
    Store(#[from] StoreError),
    /// A file operation failed; the text names the path.
    #[error("cannot keep the app image")]
    Io(#[from] std::io::Error),
}

/// What the images of an app share.
pub struct AppInputs<'a> {
    /// The app's name.
    pub name: &'a str,
    /// The runner.
    pub runner: &'a Image,
    /// The compiled app.
    pub compiled: &'a Image,
    /// The input digest of the step that compiled.
    pub compiled_key: Digest,
    /// Files of the recipe that stand in `/app`, by name.
    pub metadata: &'a BTreeMap<String, Vec<u8>>,
    /// Environment over the runner's.
    pub env: &'a BTreeMap<String, String>,
    /// The images' `created`.
    pub created: Created,
}

/// Makes the layer that all images of the app share at the seam.
pub fn metadata_layer(store: &Store, inputs: &AppInputs<'_>) -> Result<Layer, AppError> {
    let mtime = inputs.created.unix();
    let meta = |mode| Meta {
        mode,
        uid: 1000,
        gid: 1000,
        mtime,
        ..Meta::default()
    };
    let mut writer = Writer::new(Blocks::new(store.writer()?, Effort::Fast));
    let dir = Entry {
        path: TreePath::try_from("app")?,
        meta: meta(0o755),
        node: Node::Dir,
    };
    writer.append(&dir, std::io::empty())?;
    for (name, bytes) in inputs.metadata {
        let path = TreePath::try_from(format!("app/{name}").as_str())?;
        let entry = Entry {
            path,
            meta: meta(0o644),
            node: Node::File(bytes.len() as u64),
        };
        writer.append(&entry, &bytes[..])?;
    }
    let (blob, diff_id) = writer.finish()?.finish()?;
    let blob = blob.finish()?;
    let history = History::new(&inputs.created, "daruma: recipe");
    Ok(Layer::new(
        diff_id,
        blob.digest,
        blob.size,
        Compression::Gzip,
        history,
    ))
}

/// The image of one process.
pub fn app(
    inputs: &AppInputs<'_>,
    seam: &Layer,
    process: &ProcessInput,
) -> Result<Image, AppError> {
    let layers = std::iter::once(seam)
        .chain(inputs.compiled.layers())
        .cloned()
        .collect();
    let compiled = CompiledApp {
        name: inputs.name.to_owned(),
        layers,
        label: RoleLabel::new(inputs.compiled_key),
    };
    let spec = ProcessSpec {
        role: Role::app(&process.name)?,
        entrypoint: process.entrypoint.clone(),
        path: Vec::new(),
        env: inputs
            .env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect::<Env>(),
    };
    Ok(crate::image::app(
        inputs.runner,
        &compiled,
        &spec,
        inputs.created.clone(),
    ))
}
