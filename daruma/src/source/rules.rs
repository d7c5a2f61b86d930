//! Which rules a directory has, and how they are handed down.

use std::path::Path;
use std::sync::Arc;

use fs_err as fs;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::dockerignore::{Dockerignore, Matched};
use super::{SourceError, is_always_out};
use crate::tree::TreePath;

/// The rules as they are in one directory.
#[derive(Clone)]
pub(super) enum Rules {
    /// One file at the top, and which of its rules matched on the way here.
    Docker(Arc<Dockerignore>, Matched),
    /// A file in each directory; the innermost first.
    Git(Option<Arc<Level>>),
}

/// The `.gitignore` of one directory and those above it.
pub(super) struct Level {
    rules: Gitignore,
    above: Option<Arc<Level>>,
}

/// What becomes of a path.
pub(super) enum Verdict {
    /// It belongs to the source; the rules are those for what it holds.
    In(Rules),
    /// It does not, but something that it holds may.
    Through(Rules),
    /// It does not, and nothing that it holds.
    Out,
}

impl Rules {
    /// The rules at the top of a source.
    pub(super) fn of(dir: &Path) -> Result<Self, SourceError> {
        let file = dir.join(".dockerignore");
        match fs::read(&file) {
            Ok(text) => {
                let rules = Dockerignore::parse(&text, &file)?;
                Ok(Self::Docker(Arc::new(rules), Matched::default()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::Git(None)),
            Err(error) => Err(SourceError::Read(error)),
        }
    }

    /// The rules in the directory at `dir`, once its own file counts.
    pub(super) fn enter(self, dir: &Path) -> Result<Self, SourceError> {
        let Self::Git(above) = self else {
            return Ok(self);
        };
        let file = dir.join(".gitignore");
        // A link is not followed, as in git.
        if !fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file()) {
            return Ok(Self::Git(above));
        }
        let fail = |source| SourceError::Gitignore {
            file: file.clone(),
            source,
        };
        let mut builder = GitignoreBuilder::new(dir);
        match builder.add(&file) {
            Some(error) if error.is_io() => return Err(fail(error)),
            // A pattern that is none matches nothing, as in git.
            _ => {}
        }
        let rules = builder.build().map_err(fail)?;
        Ok(Self::Git(Some(Arc::new(Level { rules, above }))))
    }

    /// What becomes of `path`, which stands at `on_disk`.
    pub(super) fn judge(&self, path: &TreePath, on_disk: &Path, is_dir: bool) -> Verdict {
        if is_always_out(path) {
            return Verdict::Out;
        }
        match self {
            Self::Docker(rules, parent) => {
                let (out, matched) = rules.leaves_out(path, parent);
                let below = || Self::Docker(Arc::clone(rules), matched);
                match out {
                    false => Verdict::In(below()),
                    true if is_dir && rules.may_include_below(path) => Verdict::Through(below()),
                    true => Verdict::Out,
                }
            }
            Self::Git(level) if is_git_ignored(level.as_deref(), on_disk, is_dir) => Verdict::Out,
            Self::Git(_) => Verdict::In(self.clone()),
        }
    }
}

/// The innermost file that has something to say decides (gitignore(5)).
fn is_git_ignored(mut level: Option<&Level>, on_disk: &Path, is_dir: bool) -> bool {
    while let Some(here) = level {
        match here.rules.matched(on_disk, is_dir) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => level = here.above.as_deref(),
        }
    }
    false
}
