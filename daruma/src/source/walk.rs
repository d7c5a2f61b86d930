//! What stands in the source's directory and belongs to it.

use std::fs::Metadata;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

use super::SourceError;
use super::rules::{Rules, Verdict};
use crate::tree::TreePath;

/// Something that belongs to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it stands below the source's root.
    pub path: TreePath,
    /// What it is.
    pub kind: Kind,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File {
        /// 0755 where its owner may execute it, else 0644.
        mode: u32,
        /// What the file system says of it.
        stamp: Stamp,
    },
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
}

/// What changes when a file's content does (git's documentation, "racy-git").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last change of the content, nanoseconds since 1970.
    pub mtime: i128,
    /// Last change of content or metadata, nanoseconds since 1970; no program can set it back.
    pub ctime: i128,
    /// Inode.
    pub inode: u64,
}

impl Stamp {
    /// The stamp of a file.
    pub(super) fn of(meta: &Metadata) -> Self {
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            size: meta.len(),
            mtime: nanos(meta.mtime(), meta.mtime_nsec()),
            ctime: nanos(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }
}

/// Everything below `root` that `rules` leave in, in no particular order.
pub(super) fn walk(root: &Path, rules: Rules) -> Result<Vec<Item>, SourceError> {
    dir(root, None, rules)
}

fn dir(on_disk: &Path, path: Option<&TreePath>, rules: Rules) -> Result<Vec<Item>, SourceError> {
    let rules = rules.enter(on_disk)?;
    let mut items = Vec::new();
    let mut dirs = Vec::new();
    for entry in fs::read_dir(on_disk).map_err(SourceError::Read)? {
        let entry = entry.map_err(SourceError::Read)?;
        let name = entry.file_name();
        let child = match path {
            Some(path) => path.join(name.as_bytes()),
            None => TreePath::new(name.as_bytes()),
        };
        let child = child.map_err(|source| SourceError::Name {
            dir: on_disk.to_owned(),
            source,
        })?;
        let kind = entry.file_type().map_err(SourceError::Read)?;
        let on_disk = entry.path();
        match rules.judge(&child, &on_disk, kind.is_dir()) {
            Verdict::Out => {}
            Verdict::In(_) if !kind.is_dir() => items.push(leaf(child, on_disk)?),
            Verdict::Through(_) if !kind.is_dir() => {}
            Verdict::In(rules) => dirs.push((child, on_disk, rules, Own::Belongs)),
            Verdict::Through(rules) => dirs.push((child, on_disk, rules, Own::OnlyWithContent)),
        }
    }
    let below: Vec<Vec<Item>> = dirs
        .into_par_iter()
        .map(|(path, on_disk, rules, own)| subtree(path, &on_disk, rules, own))
        .collect::<Result<_, _>>()?;
    items.extend(below.into_iter().flatten());
    Ok(items)
}

/// Whether a directory itself belongs to the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    Belongs,
    OnlyWithContent,
}

fn subtree(
    path: TreePath,
    on_disk: &Path,
    rules: Rules,
    own: Own,
) -> Result<Vec<Item>, SourceError> {
    let mut items = dir(on_disk, Some(&path), rules)?;
    if own == Own::Belongs || !items.is_empty() {
        let kind = Kind::Dir;
        items.push(Item { path, kind });
    }
    Ok(items)
}

/// A file or a link; anything else that is not a directory has no place in an image.
fn leaf(path: TreePath, on_disk: PathBuf) -> Result<Item, SourceError> {
    let meta = fs::symlink_metadata(&on_disk).map_err(SourceError::Read)?;
    let kind = meta.file_type();
    let kind = if kind.is_file() {
        let mode = if meta.mode() & 0o100 == 0 {
            0o644
        } else {
            0o755
        };
        let stamp = Stamp::of(&meta);
        Kind::File { mode, stamp }
    } else if kind.is_symlink() {
        let target = fs::read_link(&on_disk).map_err(SourceError::Read)?;
        Kind::Symlink(target.into_os_string().into_vec())
    } else {
        let kind = special(kind);
        let path = on_disk;
        return Err(SourceError::Special { path, kind });
    };
    Ok(Item { path, kind })
}

fn special(kind: std::fs::FileType) -> &'static str {
    if kind.is_socket() {
        "a socket"
    } else if kind.is_fifo() {
        "a named pipe"
    } else {
        "a device"
    }
}
