//! A private copy of the source.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fs_err as fs;
use rayon::prelude::*;

use super::{Item, Kind, Source, SourceError};

impl Source {
    /// Copies the source into the empty directory `dir`: modes normalised, and `mtime` (seconds since 1970) on every
    /// file, so that tools which compare times see the same for everyone. File systems that can share the data.
    pub fn copy_to(&self, dir: &Path, mtime: u64) -> Result<(), SourceError> {
        let time = UNIX_EPOCH + Duration::from_secs(mtime);
        // Parents come before what they hold.
        for item in self.items.iter().filter(|item| item.kind == Kind::Dir) {
            let path = item.path.below(dir);
            fs::create_dir(&path).map_err(SourceError::Copy)?;
            set_mode(&path, 0o755)?;
        }
        self.items
            .par_iter()
            .try_for_each(|item| self.copy(item, dir, time))
    }

    fn copy(&self, item: &Item, dir: &Path, time: SystemTime) -> Result<(), SourceError> {
        let to = item.path.below(dir);
        match &item.kind {
            Kind::Dir => Ok(()),
            Kind::Symlink(target) => {
                fs::os::unix::fs::symlink(OsStr::from_bytes(target), to).map_err(SourceError::Copy)
            }
            Kind::File { mode, stamp } => {
                let from = self.open_file(item, stamp)?;
                copy_data(from.file(), &to, time).map_err(SourceError::Copy)?;
                self.check_unchanged(item, stamp, &from)?;
                set_mode(&to, *mode)
            }
        }
    }
}

/// `io::copy` between files is `copy_file_range` on Linux, which shares extents where the file system can.
fn copy_data(mut from: &std::fs::File, to: &Path, time: SystemTime) -> std::io::Result<()> {
    let mut file = fs::File::create_new(to)?.into_file();
    std::io::copy(&mut from, &mut file)?;
    file.set_modified(time)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), SourceError> {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(SourceError::Copy)
}
