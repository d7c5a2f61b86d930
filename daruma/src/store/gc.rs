//! What nothing needs any more, found and removed.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::image::{Digest, Image, Index, MAX_CONFIG, MAX_MANIFEST, Manifest};

use super::sweep::Sweep;
use super::{Store, StoreError, remove_tree};

/// What to keep beyond what refs and leases name, and how to remove.
pub struct GcPolicy<'a> {
    /// Digests to keep: of blobs, diffIDs of roots, packages that locks name.
    pub keep: BTreeSet<Digest>,
    /// Packages and their members that nothing names are kept until they were not changed for this long.
    pub packages_unused_for: Duration,
    /// How to remove an unpacked root; an engine with sub-ids must do it as their owner. [`remove_tree`] otherwise.
    pub remove_root: &'a dyn Fn(&Path) -> io::Result<()>,
}

impl Default for GcPolicy<'_> {
    /// Keeps packages for 30 days: a base update that is taken back finds them.
    fn default() -> Self {
        Self {
            keep: BTreeSet::new(),
            packages_unused_for: Duration::from_secs(30 * 24 * 3600),
            remove_root: &remove_tree,
        }
    }
}

/// How much was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many things.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Removed {
    pub(super) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What a collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Manifests, configs and layers.
    pub blobs: Removed,
    /// Unpacked layers.
    pub roots: Removed,
    /// Packages and their members.
    pub packages: Removed,
    /// Half-made things of processes that are gone.
    pub leftovers: Removed,
    /// What could not be removed, and why.
    pub stuck: Vec<(PathBuf, String)>,
}

impl Store {
    /// Removes what no ref, no live lease and no digest of `policy.keep` leads to. Other processes may build
    /// meanwhile: they wait where they add something, though not for the removal of unpacked roots, and what they added
    /// before is leased.
    pub fn gc(&self, policy: &GcPolicy<'_>) -> Result<GcReport, StoreError> {
        let _one_at_a_time = self.home.lock("gc")?;
        let mut sweep = Sweep::new(self, policy);
        {
            let _lock = self.lock_exclusive()?;
            sweep.unname(&self.live(policy)?)?;
        }
        Ok(sweep.empty_trash())
    }

    /// Every digest that must stay.
    fn live(&self, policy: &GcPolicy<'_>) -> Result<BTreeSet<Digest>, StoreError> {
        let mut pending: Vec<Digest> = policy.keep.iter().copied().chain(self.leased()?).collect();
        for (_, entry) in self.read_refs()? {
            pending.push(entry.manifest.digest);
            pending.extend(entry.uses);
        }
        let mut live = BTreeSet::new();
        while let Some(digest) = pending.pop() {
            if live.insert(digest) {
                pending.extend(self.leads_to(digest)?);
            }
        }
        Ok(live)
    }

    /// What a blob names, if it is a manifest or an index; nothing for others.
    fn leads_to(&self, digest: Digest) -> Result<Vec<Digest>, StoreError> {
        let Some(bytes) = self.document(digest, MAX_MANIFEST)? else {
            return Ok(Vec::new());
        };
        if let Ok(index) = Index::parse(&bytes) {
            return Ok(index
                .manifests()
                .iter()
                .map(|manifest| manifest.digest)
                .collect());
        }
        let Ok(manifest) = Manifest::parse(&bytes) else {
            return Ok(Vec::new());
        };
        let config = manifest.config().digest;
        let layers = manifest.layers().iter().map(|layer| layer.digest);
        let mut digests: Vec<Digest> = layers.chain([config]).collect();
        if let Some(image) = self
            .document(config, MAX_CONFIG)?
            .and_then(|config| Image::parse(&bytes, &config).ok())
        {
            digests.extend(image.layers().iter().map(crate::image::Layer::diff_id));
        }
        Ok(digests)
    }

    /// A blob that may be a JSON object; layers are not read.
    fn document(&self, digest: Digest, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        match self.stat(digest)? {
            Some(size) if size <= limit as u64 => {}
            _ => return Ok(None),
        }
        let bytes = fs_err::read(self.blob_path(digest))?;
        let object = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        Ok(object.then_some(bytes))
    }
}
