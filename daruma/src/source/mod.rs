//! The user's source tree: what belongs to it, what it is (a digest), and copies of it. It is never written to.
//!
//! What is left out, in this order:
//! 1. always: [`ALWAYS_OUT`] at any depth (version control, secrets) and [`RECIPE_FILES`] at the top (inputs of other
//!    steps: a changed `Procfile` must not look like changed source);
//! 2. what `.dockerignore` says, with Docker's own rules, where there is one; else what `.gitignore` files say, nested
//!    ones included. The user's global git configuration, `.git/info/exclude` and files above the directory do not
//!    count: a build is the same for all users.
//!
//! Symbolic links are kept as links. Modes become 0755 for directories and executable files and 0644 for others; owners
//! and times do not count.

mod cache;
mod copy;
mod digest;
mod dockerignore;
mod layer;
mod pattern;
mod revision;
mod rules;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

use crate::tree::tar::TarError;
use crate::tree::{InvalidPath, TreePath};

pub use cache::StatCache;
pub use digest::SourceDigest;
pub use layer::Placement;
pub use revision::{Revision, State, revision};
pub use walk::{Item, Kind, Stamp};

/// Names that are never a part of the source, wherever they stand. `.env.production` and the like are: tools such as
/// Vite read them at build time, and by convention only the `.local` ones hold secrets.
pub const ALWAYS_OUT: [&str; 3] = [".git", ".env", ".env.local"];

/// `.env.<mode>.local` is never a part of the source either.
const ENV_LOCAL: (&[u8], &[u8]) = (b".env.", b".local");

/// What daruma was writing into the project when it was killed; module `home` gives these names.
const HALF_MADE: (&[u8], &[u8]) = (b".daruma-", b".tmp");

/// Files at the top that are inputs of other steps than the compile.
pub const RECIPE_FILES: [&str; 5] = [
    "daruma.toml",
    "daruma.lock",
    "Procfile",
    "app.json",
    ".dockerignore",
];

/// A source tree that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file or directory cannot be read.
    #[error("cannot read the source")]
    Read(#[source] io::Error),
    /// Something that no image can hold.
    #[error("cannot use `{path}` as source: it is {kind}")]
    Special {
        /// Where it stands.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A name that no tree can hold.
    #[error("cannot use a name in `{dir}`")]
    Name {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with the name.
        source: InvalidPath,
    },
    /// A rule that is not one.
    #[error("cannot read `{file}`: line {line}: {problem}")]
    Rule {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A `.gitignore` cannot be read.
    #[error("cannot read `{file}`")]
    Gitignore {
        /// The file.
        file: PathBuf,
        /// Why.
        source: ignore::Error,
    },
    /// The source was changed while it was used.
    #[error("cannot use `{path}`: it was changed meanwhile")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A copy cannot be written.
    #[error("cannot write the copy of the source")]
    Copy(#[source] io::Error),
    /// The layer cannot be written.
    #[error("cannot write the source as a layer")]
    Layer(#[from] TarError),
    /// `git` is there but cannot tell.
    #[error("cannot ask `git` for the revision of `{dir}`: {said}")]
    Git {
        /// The directory.
        dir: PathBuf,
        /// What it printed.
        said: String,
    },
}

/// A source tree as it was when it was opened.
#[derive(Debug)]
pub struct Source {
    root: PathBuf,
    items: Vec<Item>,
}

impl Source {
    /// Walks `dir` and decides what belongs to the source.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        let rules = rules::Rules::of(dir)?;
        let mut items = walk::walk(dir, rules)?;
        items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(Self {
            root: dir.to_owned(),
            items,
        })
    }

    /// Where it stands.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What belongs to it, in the paths' byte order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether a path belongs to it.
    pub fn contains(&self, path: &TreePath) -> bool {
        self.items
            .binary_search_by(|item| item.path.cmp(path))
            .is_ok()
    }
}

/// Whether something is left out whatever the rules say.
fn is_always_out(path: &TreePath) -> bool {
    let name = path.name();
    let between = |(start, end): (&[u8], &[u8])| {
        name.starts_with(start) && name.ends_with(end) && name.len() > start.len() + end.len()
    };
    let listed = |list: &[&str], name: &[u8]| list.iter().any(|one| one.as_bytes() == name);
    between(ENV_LOCAL)
        || between(HALF_MADE)
        || listed(&ALWAYS_OUT, name)
        || listed(&RECIPE_FILES, path.as_bytes())
}

#[cfg(test)]
mod tests;
