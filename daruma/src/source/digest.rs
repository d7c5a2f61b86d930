//! What a source is: one digest of its paths, modes, link targets and contents.

use std::fmt;
use std::io::Read;

use fs_err::File;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cache::{StatCache, now};
use super::{Item, Kind, Source, SourceError, Stamp};

/// Stands before everything that is hashed; a change of what is hashed changes it.
const FORMAT: &[u8] = b"daruma source 1\n";

/// Files are hashed in pieces of this size.
const BUFFER: usize = 128 << 10;

/// The sha256 of a source: independent of times, owners, umask and of where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceDigest(pub [u8; 32]);

impl fmt::Display for SourceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for SourceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Source {
    /// The digest. Files that `cache` knows are not read; afterwards it knows exactly the files of this source, except
    /// those that were changed within two seconds before.
    pub fn digest(&self, cache: &mut StatCache) -> Result<SourceDigest, SourceError> {
        self.digest_at(now(), cache)
    }

    /// The digest as it is at `taken`, nanoseconds since 1970.
    pub(super) fn digest_at(
        &self,
        taken: i128,
        cache: &mut StatCache,
    ) -> Result<SourceDigest, SourceError> {
        let contents = self
            .items
            .par_iter()
            .map(|item| self.content(item, cache))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = Sha256::new_with_prefix(FORMAT);
        for (item, content) in self.items.iter().zip(&contents) {
            add(&mut all, item, content.as_ref());
        }
        let files = self.items.iter().zip(contents);
        cache.replace(
            taken,
            files.filter_map(|(item, content)| match &item.kind {
                Kind::File { stamp, .. } => Some((item.path.clone(), *stamp, content?)),
                _ => None,
            }),
        );
        Ok(SourceDigest(all.finalize().into()))
    }

    fn content(&self, item: &Item, cache: &StatCache) -> Result<Option<[u8; 32]>, SourceError> {
        let Kind::File { stamp, .. } = &item.kind else {
            return Ok(None);
        };
        if let Some(known) = cache.get(&item.path, stamp) {
            return Ok(Some(known));
        }
        let file = self.open_file(item, stamp)?;
        let digest = hash(&file, stamp.size).map_err(SourceError::Read)?;
        self.check_unchanged(item, stamp, &file)?;
        Ok(Some(digest))
    }

    /// Opens a file that is still as it was when the source was opened.
    pub(super) fn open_file(&self, item: &Item, stamp: &Stamp) -> Result<File, SourceError> {
        let on_disk = item.path.below(&self.root);
        let file = File::open(on_disk).map_err(SourceError::Read)?;
        self.check_unchanged(item, stamp, &file)?;
        Ok(file)
    }

    pub(super) fn check_unchanged(
        &self,
        item: &Item,
        stamp: &Stamp,
        file: &File,
    ) -> Result<(), SourceError> {
        let meta = file.metadata().map_err(SourceError::Read)?;
        if meta.is_file() && Stamp::of(&meta) == *stamp {
            return Ok(());
        }
        let path = item.path.below(&self.root);
        Err(SourceError::Changed { path })
    }
}

fn hash(mut file: &File, size: u64) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    // Most files are small, and there are many of them.
    let mut buffer = vec![
        0;
        usize::try_from(size.saturating_add(1))
            .unwrap_or(BUFFER)
            .min(BUFFER)
    ];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Adds one item: each part has a length before it, so that no two trees read the same.
fn add(all: &mut Sha256, item: &Item, content: Option<&[u8; 32]>) {
    let mut part = |bytes: &[u8]| {
        all.update((bytes.len() as u64).to_le_bytes());
        all.update(bytes);
    };
    part(item.path.as_bytes());
    match &item.kind {
        Kind::Dir => part(b"dir"),
        Kind::File { mode, .. } => {
            part(b"file");
            part(&mode.to_le_bytes());
            part(content.map_or(&[], |digest| &digest[..]));
        }
        Kind::Symlink(target) => {
            part(b"symlink");
            part(target);
        }
    }
}
