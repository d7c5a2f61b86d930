//! The time that images carry: said, or that of the commit, or that of the newest index.

use std::env;

use super::{BuildError, Project};
use crate::image::Created;
use crate::lock::RoleLock;
use crate::source::{self, State};

/// `SOURCE_DATE_EPOCH`, else the time of HEAD where the tree is clean, else the newest index that the lock names: never
/// the time of the build.
pub(super) fn created(project: &Project, runner: &RoleLock) -> Result<i64, BuildError> {
    if let Ok(text) = env::var("SOURCE_DATE_EPOCH") {
        return text.trim().parse().map_err(|_| BuildError::Epoch(text));
    }
    if let Some(revision) =
        source::revision(&project.dir)?.filter(|found| found.state == State::Clean)
    {
        return Ok(revision.time);
    }
    let dates = runner
        .pockets
        .iter()
        .filter_map(|pocket| Created::parse(&pocket.date).ok());
    Ok(dates.map(|date| date.unix()).max().unwrap_or(0))
}
