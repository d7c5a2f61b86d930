//! Blobs: written once under the digest of their bytes.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fs_err as fs;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use crate::image::{Digest, Hasher};

use super::{Store, StoreError};

/// What temporary names of blobs begin with.
pub(super) const TMP_PREFIX: &str = "blob.";

/// A blob's digest and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// A blob whose bytes are not those of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its name.
    pub digest: Digest,
    /// What its bytes have.
    pub found: Digest,
}

/// A blob in the making. Dropped without [`BlobWriter::finish`], it leaves nothing.
pub struct BlobWriter<'s> {
    store: &'s Store,
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
}

impl BlobWriter<'_> {
    /// Stores what was written.
    pub fn finish(self) -> Result<Blob, StoreError> {
        let blob = Blob {
            digest: self.hasher.finish(),
            size: self.size,
        };
        self.store.install(self.file, blob)?;
        Ok(blob)
    }

    /// Stores what was written if it has this digest; else nothing is stored.
    pub fn finish_as(self, expected: Digest) -> Result<Blob, StoreError> {
        let found = self.hasher.clone().finish();
        if found != expected {
            return Err(StoreError::OtherDigest { expected, found });
        }
        self.finish()
    }

    /// How many bytes were written.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Write for BlobWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Store {
    /// Begins a blob. Writes go to the disk as they come: hand over large pieces.
    pub fn writer(&self) -> Result<BlobWriter<'_>, StoreError> {
        let (store, file, hasher) = (self, self.temporary()?, Hasher::new());
        Ok(BlobWriter {
            store,
            file,
            hasher,
            size: 0,
        })
    }

    /// Stores bytes.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Blob, StoreError> {
        let blob = Blob {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        };
        if self.size_of(blob.digest)? != Some(blob.size) {
            let mut file = self.temporary()?;
            file.write_all(bytes)?;
            self.install(file, blob)?;
        }
        Ok(blob)
    }

    /// Whether a blob is there; if so, it stays while this `Store` lives.
    pub fn has(&self, digest: Digest) -> Result<bool, StoreError> {
        Ok(self.size_of(digest)?.is_some())
    }

    /// The length of a blob in bytes, if it is there; it then stays while this `Store` lives.
    pub fn size_of(&self, digest: Digest) -> Result<Option<u64>, StoreError> {
        let _lock = self.lock_shared()?;
        let size = self.stat(digest)?;
        if size.is_some() {
            self.protect(&[digest])?;
        }
        Ok(size)
    }

    /// Opens a blob as it is, for those who check its digest themselves or need not.
    pub fn open_blob(&self, digest: Digest) -> Result<fs::File, StoreError> {
        if self.has(digest)? {
            Ok(fs::File::open(self.blob_path(digest))?)
        } else {
            Err(StoreError::Missing(digest))
        }
    }

    /// Opens a blob to be read to its end, where a wrong digest is an error.
    pub fn open_verified(&self, digest: Digest) -> Result<Verified<fs::File>, StoreError> {
        Ok(Verified::new(self.open_blob(digest)?, digest))
    }

    /// Reads a document of at most `limit` bytes and checks its digest.
    pub fn read(&self, digest: Digest, limit: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        self.open_blob(digest)?
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(StoreError::TooLarge { digest, limit });
        }
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(StoreError::OtherDigest {
                expected: digest,
                found,
            });
        }
        Ok(bytes)
    }

    /// Reads every blob and returns those whose bytes are not those of their names.
    pub fn verify_all(&self) -> Result<Vec<Damage>, StoreError> {
        let check = |digest: Digest| match self.rehash(digest) {
            // Removed by a collection since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(error.into())),
            Ok(found) => (found != digest).then_some(Ok(Damage { digest, found })),
        };
        self.blobs()?.into_par_iter().filter_map(check).collect()
    }

    /// Removes damaged blobs, so that the steps that made them are done again.
    pub fn discard(&self, damaged: &[Damage]) -> Result<(), StoreError> {
        let _lock = self.lock_exclusive()?;
        for damage in damaged {
            fs::remove_file(self.blob_path(damage.digest))?;
        }
        Ok(())
    }

    fn rehash(&self, digest: Digest) -> io::Result<Digest> {
        let mut hasher = Hasher::new();
        let mut file = fs::File::open(self.blob_path(digest))?;
        copy_large(&mut file, &mut hasher)?;
        Ok(hasher.finish())
    }

    /// All blobs, in order.
    pub(super) fn blobs(&self) -> Result<Vec<Digest>, StoreError> {
        let mut digests = Vec::new();
        for entry in fs::read_dir(self.oci("blobs/sha256"))? {
            let name = entry?.file_name();
            digests.extend(name.to_str().and_then(|hex| Digest::from_hex(hex).ok()));
        }
        digests.sort_unstable();
        Ok(digests)
    }

    pub(super) fn stat(&self, digest: Digest) -> Result<Option<u64>, StoreError> {
        match fs::metadata(self.blob_path(digest)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A file that a collection leaves alone while it is open.
    pub(super) fn temporary(&self) -> Result<NamedTempFile, StoreError> {
        let _lock = self.lock_shared()?;
        let file = public_temporary(TMP_PREFIX, &self.home.tmp())?;
        flock(file.as_file(), FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from)?;
        Ok(file)
    }

    /// Gives a whole file its name, unless the blob is there already.
    pub(super) fn install(&self, file: NamedTempFile, blob: Blob) -> Result<(), StoreError> {
        if self.stat(blob.digest)? != Some(blob.size) {
            file.as_file().sync_data()?;
        }
        let _lock = self.lock_shared()?;
        self.protect(&[blob.digest])?;
        // A file of another length was cut by a full disk or a power failure: it is replaced.
        if self.stat(blob.digest)? != Some(blob.size) {
            file.persist(self.blob_path(blob.digest))
                .map_err(|error| error.error)?;
        }
        Ok(())
    }
}

/// A temporary file that all may read, as far as the umask lets them: others hand blobs and layouts on.
pub(super) fn public_temporary(prefix: &str, dir: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(prefix)
        .permissions(PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir)
}

/// A reader that fails at the end of its input if the bytes do not have the digest that was said.
pub struct Verified<R> {
    inner: R,
    hasher: Hasher,
    expected: Digest,
}

impl<R: Read> Verified<R> {
    /// Reads `inner`, which should have the digest `expected`.
    pub fn new(inner: R, expected: Digest) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            expected,
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() {
            let (expected, found) = (self.expected, self.hasher.clone().finish());
            if found != expected {
                let error = StoreError::OtherDigest { expected, found };
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
        Ok(read)
    }
}

/// Copies in pieces of 256 KiB: large enough for the calls not to count, small enough for the second-level cache.
pub(super) fn copy_large(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let mut copied = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(&buffer[..read])?;
        copied += read as u64;
    }
}
