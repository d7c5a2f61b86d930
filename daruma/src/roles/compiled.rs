//! Step 2 for an app that compiles nothing: the source as it is, as one layer.

use crate::image::{Compression, Created, History, Image, Layer, Role, Target, label};
use crate::source::{Placement, Source, SourceError};
use crate::store::{Store, StoreError};
use crate::tree::tar::{TarError, Writer};
use crate::tree::{InvalidPath, TreePath};

use super::blocks::{Blocks, Effort};

/// The user and group that the app's files belong to.
const OWNER: u64 = 1000;

/// The compiled app cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum CompiledError {
    /// The source cannot be read.
    #[error("cannot take the source")]
    Source(#[from] SourceError),
    /// The layer cannot be written.
    #[error("cannot write the source's layer")]
    Tar(#[from] TarError),
    /// The place of the source in an image is none.
    #[error("cannot write the source's layer")]
    Path(#[from] InvalidPath),
    /// The store failed.
    #[error("cannot keep the compiled app")]
    Store(#[from] StoreError),
    /// A file operation failed; the text names the path.
    #[error("cannot keep the compiled app")]
    Io(#[from] std::io::Error),
}

/// Keeps `source` as a compiled app: an image of its layers with nothing below.
pub fn take(
    store: &Store,
    source: &Source,
    target: &Target,
    created: &Created,
) -> Result<Image, CompiledError> {
    let mut writer = Writer::new(Blocks::new(store.writer()?, Effort::Fast));
    let prefix = TreePath::try_from("app")?;
    let placement = Placement {
        prefix,
        uid: OWNER,
        gid: OWNER,
        mtime: created.unix(),
    };
    source.write_layer(&mut writer, &placement)?;
    let (blob, diff_id) = writer.finish()?.finish()?;
    let blob = blob.finish()?;
    let history = History::new(created, "daruma: source");
    let layer = Layer::new(diff_id, blob.digest, blob.size, Compression::Gzip, history);
    let image = Image::scratch(target, created.clone()).with_layers(vec![layer]);
    Ok(image.with_label(label::ROLE, Role::Compiled.kind()))
}
