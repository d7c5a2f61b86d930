//! Blobs from pieces that lie on the disk already: a layer is its packages' gzip members, one after another.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::NamedTempFile;

use crate::image::{Digest, Hasher};

use super::blobs::copy_large;
use super::{Blob, Store, StoreError};

/// A piece of a blob.
#[derive(Clone, Debug)]
pub enum Part {
    /// A whole file.
    File(PathBuf),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Store {
    /// Stores the parts, one after another, as one blob. Their files must not change meanwhile: one thread hashes them
    /// while the kernel copies them.
    pub fn concat(&self, parts: impl IntoIterator<Item = Part>) -> Result<Blob, StoreError> {
        let parts: Vec<Part> = parts.into_iter().collect();
        let mut file = self.temporary()?;
        let (digest, size) = rayon::join(|| hash(&parts), || copy(&parts, file.as_file_mut()));
        let blob = Blob {
            digest: digest?,
            size: size?,
        };
        self.install(file, blob)?;
        Ok(blob)
    }

    /// The same where the caller knows the outcome, from a hash that it carried on itself: the bytes are not read.
    /// Only the length is checked; [`Store::verify_all`] would find a caller's error.
    pub fn concat_known(
        &self,
        parts: impl IntoIterator<Item = Part>,
        blob: Blob,
    ) -> Result<(), StoreError> {
        if self.size_of(blob.digest)? == Some(blob.size) {
            return Ok(());
        }
        let parts: Vec<Part> = parts.into_iter().collect();
        let mut file = self.temporary()?;
        check_size(blob, copy(&parts, file.as_file_mut())?)?;
        self.install(file, blob)
    }

    /// Takes a finished file of this home's file system (say, from [`crate::home::Home::tmp`]) as a blob, by renaming
    /// it. Only its length is checked.
    pub fn adopt(&self, path: &Path, blob: Blob) -> Result<(), StoreError> {
        let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
        check_size(blob, file.metadata()?.len())?;
        let path = tempfile::TempPath::try_from_path(path)?;
        self.install(NamedTempFile::from_parts(file.into_parts().0, path), blob)
    }
}

fn hash(parts: &[Part]) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    for part in parts {
        match part {
            Part::Bytes(bytes) => hasher.update(bytes),
            Part::File(path) => drop(copy_large(&mut fs::File::open(path)?, &mut hasher)?),
        }
    }
    Ok(hasher.finish())
}

/// Copies the parts and returns how many bytes they are.
fn copy(parts: &[Part], to: &mut std::fs::File) -> io::Result<u64> {
    let mut size = 0;
    for part in parts {
        size += match part {
            Part::Bytes(bytes) => to.write_all(bytes).map(|()| bytes.len() as u64)?,
            // Between two plain files this is copy_file_range(2), a reflink where the file system has them.
            Part::File(path) => io::copy(&mut fs::File::open(path)?.file(), to)?,
        };
    }
    Ok(size)
}

fn check_size(blob: Blob, found: u64) -> Result<(), StoreError> {
    let (digest, expected) = (blob.digest, blob.size);
    if found == expected {
        return Ok(());
    }
    Err(StoreError::OtherSize {
        digest,
        expected,
        found,
    })
}
