//! What was built, by content: one OCI image layout, the refs that give it names, and unpacked layers.
//!
//! ```text
//! $DARUMA_HOME/
//!   oci/
//!     oci-layout                        {"imageLayoutVersion":"1.0.0"}
//!     index.json                        generated from refs/, for other tools to read
//!     index.dirty                       only while refs/ and index.json may differ
//!     blobs/sha256/<hex>                manifests, configs, layers
//!     refs/<app>/<target>/<role>.json   format 1: manifest, step key, when and how long; the one truth about names
//!     leases/lease.<random>             digests, one a line, that a live process (it holds the flock) relies on
//!   roots/<owners>/<hex>/fs/            the layer with this diffID, unpacked
//!   tmp/blob.<random>                   a blob being written; its writer holds the flock
//!   tmp/root.<owners>.<hex>             a root being filled; its filler holds locks/root.<2 digits>
//!   tmp/trash.<random>                  a root being removed
//!   locks/store                         shared: adding; exclusive: changing refs, collecting
//!   locks/gc                            one collection at a time
//! ```
//!
//! Everything appears by rename after fsync, so a kill at any instant leaves whole files. What is then missing is
//! completed by the next [`Store::open`]: the layout's files, and `index.json` where `index.dirty` stands.
//!
//! **What [`Store::gc`] keeps**: what a ref names, what a live lease lists, and what manifests among those lead to.
//! A [`Store`] leases whatever it writes, finds or hands out, until it is dropped; so a build needs no grace period
//! between writing a blob and naming it, and nothing that it found present disappears under it.

mod assemble;
mod blobs;
mod error;
mod export;
mod gc;
mod images;
mod lease;
mod names;
mod refs;
mod roots;
mod sweep;
mod ustar;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fs_err as fs;

use crate::home::{FileLock, Home};
use crate::image::Digest;

pub use assemble::Part;
pub use blobs::{Blob, BlobWriter, Damage, Verified};
pub use error::StoreError;
pub use export::NamedImage;
pub use gc::{GcPolicy, GcReport, Removed};
pub use lease::Lease;
pub use names::{AppId, InvalidAppId, RefName};
pub use refs::RefEntry;
pub use roots::{CachedRoot, remove_tree};

/// What every layout says of itself (OCI image-spec, image-layout.md, "oci-layout file").
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The store of one home. Cheap to open; share it by reference between threads.
#[derive(Debug)]
pub struct Store {
    home: Home,
    /// Made when the first digest is to be protected.
    session: Mutex<Option<Lease>>,
}

impl Store {
    /// Opens the store of `home`, and completes what a killed process left.
    pub fn open(home: &Home) -> Result<Self, StoreError> {
        let store = Self {
            home: home.clone(),
            session: Mutex::new(None),
        };
        for dir in ["blobs/sha256", "refs", "leases"] {
            fs::create_dir_all(store.oci(dir))?;
        }
        store.check_layout(&store.oci("oci-layout"))?;
        let index = fs::metadata(store.oci("index.json")).is_ok_and(|meta| meta.len() > 0);
        if !index || store.oci("index.dirty").exists() {
            let _lock = store.lock_exclusive()?;
            store.write_index()?;
        }
        Ok(store)
    }

    /// The home that it is in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Writes `oci-layout` where it is missing or empty; refuses one of another version.
    fn check_layout(&self, path: &Path) -> Result<(), StoreError> {
        match fs::read(path) {
            Ok(found) if is_known_layout(&found) => Ok(()),
            Ok(found) if !found.is_empty() => {
                let found = String::from_utf8_lossy(&found)
                    .trim()
                    .chars()
                    .take(80)
                    .collect();
                let path = path.to_owned();
                Err(StoreError::Layout { path, found })
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(self.home.write(path, LAYOUT)?),
        }
    }

    fn oci(&self, path: &str) -> PathBuf {
        self.home.oci().join(path)
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        self.oci("blobs/sha256").join(digest.hex())
    }

    fn lock_path(&self) -> PathBuf {
        self.home.root().join("locks/store")
    }

    /// Held while something is added, so that it is leased before a collection can look.
    fn lock_shared(&self) -> Result<FileLock, StoreError> {
        Ok(FileLock::shared(&self.lock_path())?)
    }

    /// Held while refs change and while garbage is collected.
    fn lock_exclusive(&self) -> Result<FileLock, StoreError> {
        Ok(FileLock::exclusive(&self.lock_path())?)
    }
}

/// Other tools write the same object with other spaces.
fn is_known_layout(bytes: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    value.is_some_and(|value| value["imageLayoutVersion"] == "1.0.0")
}
