//! Puts an archive below a directory, safely: nothing outside it is ever touched, whatever the archive says.
//!
//! Every name is opened from the directory's descriptor, no symbolic link is followed on the way, and what an entry
//! replaces is removed first (OCI image-spec, layer.md, "Applying Changesets").

mod lower;
mod nodes;
mod place;

use std::io::{self, Read};
use std::path::Path;

use super::tar::{Reader, TarError};
use super::{IdMap, Namespace, TreePath};

use place::Unpacking;

/// How an archive is unpacked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom entries belong to on disk. With [`IdMap::Single`] owners are ignored: all belongs to whoever unpacks.
    pub ids: IdMap,
    /// What becomes of whiteouts.
    pub whiteouts: Whiteouts,
    /// What becomes of extended attributes; those of overlayfs itself are never taken from an archive.
    pub xattrs: Xattrs,
    /// What becomes of devices.
    pub devices: Devices,
}

/// What becomes of whiteouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whiteouts {
    /// They remove what was below the directory before.
    Apply,
    /// They become overlayfs's own: `0:0` character devices and opaque directories.
    Overlay(Namespace),
}

/// What becomes of extended attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xattrs {
    /// One that cannot be set is an error.
    Required,
    /// One that this user or file system may not have is left out.
    IfAllowed,
}

/// What becomes of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// They are made, which takes real root.
    Create,
    /// They are left out.
    Omit,
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of file data.
    pub bytes: u64,
}

/// An archive that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The directory cannot be opened.
    #[error("cannot unpack into `{dir}`")]
    Open {
        /// The directory.
        dir: String,
        /// Why.
        source: io::Error,
    },
    /// The archive is damaged or beyond its limits.
    #[error("cannot unpack the archive")]
    Archive(#[from] TarError),
    /// An entry's way leads through something that is not a directory.
    #[error("cannot unpack `{path}`: a parent of it is not a directory")]
    Parent {
        /// The entry.
        path: TreePath,
    },
    /// A hard link's target is not there.
    #[error("cannot unpack the hard link `{path}`: there is no `{target}`")]
    LinkTarget {
        /// The link.
        path: TreePath,
        /// Its target.
        target: TreePath,
    },
    /// The owner has no place in the map of ids.
    #[error("cannot unpack `{path}`: owner {uid}:{gid} is outside the ids that this user may use")]
    Owner {
        /// The entry.
        path: TreePath,
        /// Its user.
        uid: u64,
        /// Its group.
        gid: u64,
    },
    /// An entry that would mean something else to overlayfs.
    #[error("cannot unpack `{path}`: {problem}")]
    Reserved {
        /// The entry.
        path: TreePath,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file system refuses.
    #[error("cannot unpack `{path}`: {action} failed")]
    Place {
        /// The entry.
        path: TreePath,
        /// What was tried.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Unpacks all entries of `reader` below `dir`, which must be there. Parents that the archive lacks are made with mode
/// 0755. After an error `dir` holds a part of the archive: unpack into a place that can be thrown away.
pub fn unpack<R: Read>(
    reader: &mut Reader<R>,
    dir: &Path,
    options: &Options,
) -> Result<Summary, UnpackError> {
    let mut unpacking = Unpacking::new(dir, options)?;
    let mut summary = Summary::default();
    while let Some((entry, mut data)) = reader.next_entry()? {
        summary.entries += 1;
        summary.bytes += unpacking.entry(&entry, &mut data)?;
    }
    unpacking.finish()?;
    Ok(summary)
}

#[cfg(test)]
mod tests;
