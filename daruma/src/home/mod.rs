//! Where daruma keeps things on this machine, and how processes share it.
//!
//! ```text
//! $DARUMA_HOME, else $XDG_CACHE_HOME/daruma, else ~/.cache/daruma
//!   format        the layout's version; a newer one is refused
//!   oci/          one OCI image layout (module `store`)
//!   debs/         packages by sha256, and their layer members
//!   indexes/      verified Release files and decoded Packages
//!   roots/        unpacked layers, apart per way of owning files
//!   caches/<app>/ what the package managers of an app keep
//!   run/          one file per running app, leases, sockets
//!   tmp/          half-made things; anything here without a live lock may be removed
//! ```
//! Everything appears by rename from `tmp/`, so that a kill at any instant leaves whole files only; what cannot be made
//! again without a build is on the disk before it has its name.

mod atomic;
mod lock;

use std::path::{Path, PathBuf};

use fs_err as fs;

pub use atomic::{AtomicFile, write_atomic, write_cached};
pub use lock::FileLock;

/// The layout's version, written to `format`.
const FORMAT: &str = "1\n";

/// The directory that daruma owns, created where it was missing.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// The home directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No variable says where it may be.
    #[error("cannot find a cache directory: neither DARUMA_HOME, XDG_CACHE_HOME nor HOME is set")]
    Nowhere,
    /// It holds another version's layout.
    #[error("cannot use {}: its format is {found}, and this daruma knows {}", path.display(), FORMAT.trim())]
    Format {
        /// The `format` file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A file operation failed; the text names the path.
    #[error("cannot prepare the cache directory")]
    Io(#[from] std::io::Error),
}

impl Home {
    /// The directory that the environment names: `DARUMA_HOME`, else `XDG_CACHE_HOME/daruma`, else `~/.cache/daruma`.
    pub fn from_env() -> Result<Self, HomeError> {
        let var = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let root = var("DARUMA_HOME")
            .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("daruma")))
            .or_else(|| var("HOME").map(|dir| dir.join(".cache/daruma")))
            .ok_or(HomeError::Nowhere)?;
        Self::open(&root)
    }

    /// Opens or creates the layout at `root`.
    pub fn open(root: &Path) -> Result<Self, HomeError> {
        let home = Self {
            root: std::path::absolute(root)?,
        };
        fs::create_dir_all(home.tmp())?;
        let path = home.root.join("format");
        match fs::read_to_string(&path) {
            Ok(found) if found == FORMAT => {}
            Ok(found) => {
                return Err(HomeError::Format {
                    path,
                    found: found.trim().to_owned(),
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_atomic(&home.tmp(), &path, FORMAT.as_bytes())?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(home)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The OCI image layout.
    pub fn oci(&self) -> PathBuf {
        self.root.join("oci")
    }

    /// Debian packages and their layer members.
    pub fn debs(&self) -> PathBuf {
        self.root.join("debs")
    }

    /// Verified indexes of Debian archives.
    pub fn indexes(&self) -> PathBuf {
        self.root.join("indexes")
    }

    /// Unpacked layers.
    pub fn roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// What the package managers of one app keep.
    pub fn caches(&self, app: &str) -> PathBuf {
        self.root.join("caches").join(app)
    }

    /// State of running apps.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Half-made things, on the same file system as all else here.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Writes `bytes` to `path` (below this home) so that a reader sees the old file or the new one, never a part.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        write_atomic(&self.tmp(), path, bytes)
    }

    /// The same for what can be made again and is checked when it is read; does not wait for the disk.
    pub fn write_cached(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        write_cached(&self.tmp(), path, bytes)
    }

    /// A file in the making that takes the name `path` when it is committed.
    pub fn create(&self, path: &Path) -> std::io::Result<AtomicFile> {
        AtomicFile::new(&self.tmp(), path)
    }

    /// A lock by name, shared by all processes that use this home. Blocks until it is free.
    pub fn lock(&self, name: &str) -> std::io::Result<FileLock> {
        FileLock::exclusive(&self.root.join("locks").join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_of_a_later_version_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("tempdir");
        Home::open(dir.path()).expect("opened");
        fs::write(dir.path().join("format"), "2\n").expect("written");
        let error = Home::open(dir.path())
            .map(|_| ())
            .map_err(|e| e.to_string());
        let path = dir.path().join("format");
        assert_eq!(
            error,
            Err(format!(
                "cannot use {}: its format is 2, and this daruma knows 1",
                path.display()
            ))
        );
    }
}
