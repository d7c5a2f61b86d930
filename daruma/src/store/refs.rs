//! Refs: one file for each name, and the index that is generated from them.

use std::io;
use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::image::{Created, Descriptor, Digest, Form, Index, annotation};

use super::{RefName, Store, StoreError};

/// The version of ref files.
const FORMAT: u64 = 1;

/// Longest ref file that is read, in bytes: daruma's own are below 1 KiB plus 74 for each digest in `uses`.
const MAX_REF: u64 = 4 << 20;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefEntry {
    /// The image's manifest.
    pub manifest: Descriptor,
    /// The input digest of the step that made it.
    pub key: Digest,
    /// When that step was done.
    pub made: Created,
    /// How long it took.
    #[serde(rename = "took_ms", with = "milliseconds")]
    pub took: Duration,
    /// Further digests that a collection should keep while this name stands: packages, members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Digest>,
    /// The named inputs behind `key`, as the plan wrote them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub inputs: Value,
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[derive(Serialize, Deserialize)]
struct RefFile {
    format: u64,
    #[serde(flatten)]
    entry: RefEntry,
}

/// Read first, so that a later format is named and not its first unknown field.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Store {
    /// Gives an image in the store a name, in place of what it named before.
    pub fn set_ref(&self, name: &RefName, entry: &RefEntry) -> Result<(), StoreError> {
        let file = RefFile {
            format: FORMAT,
            entry: entry.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&file).map_err(StoreError::Record)?;
        let _lock = self.lock_exclusive()?;
        if self.stat(entry.manifest.digest)?.is_none() {
            return Err(StoreError::Missing(entry.manifest.digest));
        }
        self.change_refs(|| self.home.write(&self.oci("refs").join(name.path()), &bytes))
    }

    /// Takes a name away; not an error where there is none.
    pub fn remove_ref(&self, name: &RefName) -> Result<(), StoreError> {
        let _lock = self.lock_exclusive()?;
        self.change_refs(
            || match fs::remove_file(self.oci("refs").join(name.path())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        )
    }

    /// What a name stands for; the image then stays while this `Store` lives. A damaged file counts as none: its step
    /// is done again.
    pub fn get_ref(&self, name: &RefName) -> Result<Option<RefEntry>, StoreError> {
        let _lock = self.lock_shared()?;
        let entry = read_ref(&self.oci("refs").join(name.path()))?;
        if let Some(entry) = &entry {
            self.protect(&[entry.manifest.digest])?;
        }
        Ok(entry)
    }

    /// All names, in order, and what they stand for.
    pub fn refs(&self) -> Result<Vec<(RefName, RefEntry)>, StoreError> {
        let _lock = self.lock_shared()?;
        self.read_refs()
    }

    /// The same for those who hold the lock.
    pub(super) fn read_refs(&self) -> Result<Vec<(RefName, RefEntry)>, StoreError> {
        let mut refs = Vec::new();
        for app in names(&self.oci("refs"))? {
            for target in names(&self.oci("refs").join(&app))? {
                let dir = self.oci("refs").join(&app).join(&target);
                for file in names(&dir)? {
                    let Some(name) = RefName::from_path(&app, &target, &file) else {
                        continue;
                    };
                    refs.extend(read_ref(&dir.join(&file))?.map(|entry| (name, entry)));
                }
            }
        }
        refs.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(refs)
    }

    /// Changes refs such that a kill in between is noticed by the next [`Store::open`]. The caller holds the lock
    /// exclusively.
    fn change_refs(&self, change: impl FnOnce() -> io::Result<()>) -> Result<(), StoreError> {
        self.home.write(&self.oci("index.dirty"), b"")?;
        change()?;
        self.write_index()
    }

    /// Writes `index.json` anew. The caller holds the lock exclusively.
    pub(super) fn write_index(&self) -> Result<(), StoreError> {
        let of = |(name, entry): (RefName, RefEntry)| {
            let manifest = entry.manifest.on(&name.target);
            manifest.annotated(annotation::REF_NAME, &name.to_string())
        };
        let manifests = self.read_refs()?.into_iter().map(of).collect();
        let bytes = Index::new(Form::Oci, manifests).render()?;
        self.home.write(&self.oci("index.json"), &bytes)?;
        match fs::remove_file(self.oci("index.dirty")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// The names in a directory; none where there is no such directory.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let name =
        |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
    entries
        .filter_map(|entry| name(entry).transpose())
        .collect()
}

fn read_ref(path: &Path) -> Result<Option<RefEntry>, StoreError> {
    let bytes = match fs::metadata(path)
        .and_then(|meta| Ok((meta.len() <= MAX_REF).then_some(fs::read(path)?)))
    {
        Ok(bytes) => bytes.unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match serde_json::from_slice(&bytes) {
        Ok(Format { format: FORMAT }) => Ok(serde_json::from_slice(&bytes)
            .ok()
            .map(|file: RefFile| file.entry)),
        Ok(Format { format: found }) => Err(StoreError::RefFormat {
            path: path.to_owned(),
            found,
        }),
        Err(_) => Ok(None),
    }
}
