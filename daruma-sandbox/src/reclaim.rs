//! Removes what commands with mapped ids left: their caller may not.

use std::io;
use std::path::{Path, PathBuf};

use crate::child::Outcome;
use crate::enter::Request;
use crate::error::{During, SandboxError, Step};
use crate::ids::Ids;
use crate::launch::{Launcher, Stdio};

impl Launcher {
    /// Removes directories with all below, whose files belong to ids mapped like `ids`. What is not there is no error.
    pub fn remove(&self, ids: &Ids, paths: &[&Path]) -> Result<(), SandboxError> {
        let request = Request::Remove {
            ids: ids.clone(),
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        };
        self.request(&request, [Stdio::Null; 3]).map(|_| ())
    }
}

/// Runs as root of a user namespace in which the owners are mapped.
pub(crate) fn remove_all(paths: &[PathBuf]) -> Step<Outcome> {
    for path in paths {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).during(|| format!("remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(Outcome::Exited(0))
}
