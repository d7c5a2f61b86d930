//! Reading a root, wherever it is: in memory, on disk, or as a stack of layers.

#[cfg(target_os = "linux")]
mod disk;
mod memory;
mod resolve;
mod stack;

use std::io;

use super::{Entry, TreePath};

#[cfg(target_os = "linux")]
pub use disk::Disk;
pub use resolve::Resolved;
pub use stack::Stack;

/// A root that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The root's directory cannot be opened.
    #[error("cannot open the root `{root}`")]
    Root {
        /// The directory.
        root: String,
        /// Why.
        source: io::Error,
    },
    /// A path cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The path in the root.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than the caller takes.
    #[error("cannot read `{path}`: it has more than {max} bytes")]
    TooLarge {
        /// The file.
        path: TreePath,
        /// What the caller takes.
        max: u64,
    },
    /// There is no regular file at the path.
    #[error("cannot read `{path}`: it is not a regular file")]
    NotAFile {
        /// The path.
        path: TreePath,
    },
    /// Symbolic links that never arrive.
    #[error("cannot follow `{path}`: too many symbolic links")]
    Loop {
        /// The path that was asked for.
        path: String,
    },
    /// A name that is not a path inside a tree.
    #[error("cannot use a name in the root")]
    Name(#[from] super::InvalidPath),
}

/// A root that can be read but not changed. Paths are taken as they are: a symbolic link in the middle of one leads
/// nowhere, except in [`View::resolve`] and what is built on it.
pub trait View {
    /// What stands at `path`; a hard link is the file that it names. `None` where nothing is.
    fn entry(&self, path: &TreePath) -> Result<Option<Entry<u64>>, ViewError>;

    /// The data of the regular file at `path`, at most `max` bytes.
    fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>, ViewError>;

    /// The names in a directory (`None` is the root), sorted; none where there is no directory.
    fn list(&self, dir: Option<&TreePath>) -> Result<Vec<TreePath>, ViewError>;

    /// Follows symbolic links as a process would whose root this is; `..` stays inside. `path` may be absolute.
    fn resolve(&self, path: &[u8]) -> Result<Resolved, ViewError> {
        resolve::resolve(self, path)
    }

    /// The data of the file to which `path` leads; `None` where it leads to nothing.
    fn read_resolved(&self, path: &[u8], max: u64) -> Result<Option<Vec<u8>>, ViewError> {
        match self.resolve(path)? {
            Resolved::Found(entry) => self.read(&entry.path, max).map(Some),
            Resolved::Root | Resolved::Missing => Ok(None),
        }
    }
}

impl<V: View + ?Sized> View for &V {
    fn entry(&self, path: &TreePath) -> Result<Option<Entry<u64>>, ViewError> {
        (**self).entry(path)
    }

    fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>, ViewError> {
        (**self).read(path, max)
    }

    fn list(&self, dir: Option<&TreePath>) -> Result<Vec<TreePath>, ViewError> {
        (**self).list(dir)
    }
}

/// `name` in a directory; `None` is the root.
fn child(dir: Option<&TreePath>, name: &[u8]) -> Result<TreePath, super::InvalidPath> {
    match dir {
        Some(dir) => dir.join(name),
        None => TreePath::new(name),
    }
}

#[cfg(test)]
mod tests;
