//! Scripts that are not understood run, in a configure root: the runner's files, and beside them the essential packages,
//! dpkg and all that the runner's packages ask of an installed system.
//!
//! ```text
//! upper of script n   ← captured: what configuring its package changed
//! …                     one layer for each package before it
//! upper "prepare"       the packages that are not in the runner, configured
//! database              dpkg's, with all packages in it
//! native                the runner's second layer, as far as it could be worked out
//! packages              the runner's first layer
//! others                packages that are not in the runner
//! ```
//!
//! The packages that were understood count as installed: what their scripts do stands in the native layer. So a script
//! finds what it would find on an installed system, and what it changes is the difference to the runner.

mod capture;
mod cast;
mod database;
mod delta;
mod error;
mod ground;
mod job;
mod records;
mod root;
mod rules;
mod script;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use super::concat::Part;
use super::files::Merged;
use super::layout::Layout;
use super::member::Member;
use super::pieces::Pieces;
use crate::debian::effects::Unknown;
use crate::engine::SandboxEngine;
use crate::home::Home;
use crate::progress::{Event, Progress};
use crate::store::Store;
use crate::tree::{IdMap, TreePath};

use cast::Cast;
use delta::Delta;
use ground::{Ground, Owners};
use script::{Name, Task};
use stage::Stage;

pub use error::ConfigureError;

/// Packages in a layout, with the layer that they make.
pub(super) struct Group<'a> {
    /// The packages.
    pub members: &'a [Member],
    /// How they fit together.
    pub layout: &'a Layout,
    /// Their files.
    pub merged: &'a Merged<'a>,
    /// Their layer.
    pub parts: &'a [Part],
}

/// What there is to configure, and what with.
pub(super) struct Scene<'a> {
    /// Where things are kept.
    pub home: &'a Home,
    /// Where layers are.
    pub store: &'a Store,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// What stands in the runner.
    pub runner: Group<'a>,
    /// What stands in the configure root only.
    pub others: Group<'a>,
    /// What was worked out.
    pub native: &'a Pieces,
    /// What was not.
    pub unknown: &'a [Unknown],
}

/// Runs the unknown scripts; gives the native pieces with what they changed.
pub(super) fn configure(scene: &Scene<'_>) -> Result<Pieces, ConfigureError> {
    let engine = SandboxEngine::new(&scene.home.tmp()).map_err(ConfigureError::Sandbox)?;
    let cast = Cast::of(scene);
    let tasks = cast.tasks(scene.unknown);
    announce(scene, &tasks, &engine.ids());
    let mut stage = Stage::build(scene, &cast, &engine)?;
    let prepare = script::prepare(
        &stage::owned(scene, &engine.ids()),
        &cast.preinsts(),
        &cast.names(),
    );
    let before = stage.run(&prepare)?;
    let ground = ground(scene, &engine.ids()).with_before(&before);
    let mut delta = Delta::new(&ground);
    for (name, task) in &tasks {
        let captured = stage.run(&script::configure(name, task))?;
        delta.add(&name.package, &captured)?;
    }
    Ok(delta.into_pieces())
}

fn announce(scene: &Scene<'_>, tasks: &[(Name, Task)], ids: &IdMap) {
    let Some(first) = scene.unknown.first() else {
        return;
    };
    let count = tasks.len();
    let packages = if count == 1 { "package" } else { "packages" };
    scene.progress.event(Event::Note(&format!(
        "configuring {count} {packages} in a sandbox because the {} of {} is unknown",
        first.script, first.package
    )));
    if *ids == IdMap::Single {
        scene.progress.event(Event::Warning(
            "this user has a single id: what scripts run in the sandbox create belongs to root in the image",
        ));
    }
}

fn ground<'a>(scene: &'a Scene<'a>, ids: &IdMap) -> Ground<'a> {
    let others = scene.others.members.iter();
    let foreign: BTreeSet<TreePath> = others
        .flat_map(|member| member.info.entries.iter().chain(&member.info.dirs))
        .chain(&scene.others.layout.skeleton)
        .filter_map(|item| TreePath::try_from(item.path.as_str()).ok())
        .collect();
    Ground {
        merged: scene.runner.merged,
        native: scene.native,
        foreign,
        before: BTreeMap::new(),
        owners: match ids {
            IdMap::Single => Owners::Lost,
            IdMap::Same | IdMap::Ranges { .. } => Owners::Real,
        },
        mtime: scene.runner.merged.newest(),
    }
}
