//! Files that appear whole or not at all.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::NamedTempFile;

/// How the names of half-made files begin and end. Some stand in a project for a moment, and a kill at that moment leaves
/// them there: module `source` knows them by this.
const HALF_MADE: (&str, &str) = (".daruma-", ".tmp");

/// A file in the making. Dropped without [`AtomicFile::commit`], it leaves nothing.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins a file in `tmp` that will take the name `path`; both must lie on one file system.
    pub fn new(tmp: &Path, path: &Path) -> io::Result<Self> {
        fs::create_dir_all(tmp)?;
        // As any file that is made: the umask decides, not the caution of temporary files.
        let mode = std::fs::Permissions::from_mode(0o666);
        let file = tempfile::Builder::new()
            .prefix(HALF_MADE.0)
            .suffix(HALF_MADE.1)
            .permissions(mode)
            .tempfile_in(tmp)?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// As [`AtomicFile::new`], for a file outside daruma's own directory: half-made it stands in the directory of `path`.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        Self::new(dir.unwrap_or(Path::new(".")), path)
    }

    /// Flushes to the disk and takes the final name, replacing what stood there.
    pub fn commit(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent)?;
        }
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// The file as it is until then, to read back or to seek in.
    pub fn as_file(&self) -> &std::fs::File {
        self.file.as_file()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes `bytes` to `path` by way of `tmp`.
pub fn write_atomic(tmp: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::new(tmp, path)?;
    file.write_all(bytes)?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_users_has_the_mode_that_any_program_would_give_it() {
        let dir = tempfile::tempdir().expect("tempdir");
        let mode = |name: &str| {
            let found = fs::metadata(dir.path().join(name)).expect("written");
            found.permissions().mode() & 0o777
        };
        let mut file = AtomicFile::beside(&dir.path().join("lock")).expect("begun");
        file.write_all(b"text").expect("written");
        file.commit().expect("committed");
        fs::write(dir.path().join("plain"), "text").expect("written");
        assert_eq!(mode("lock"), mode("plain"));
    }
}
