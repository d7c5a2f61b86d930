//! The configure root as it grows, job by job.

use std::path::PathBuf;

use super::super::concat::Part;
use super::super::member::Item;
use super::super::pieces::{self, Piece};
use super::cast::Cast;
use super::{ConfigureError, Scene, capture, database, job, root};
use crate::engine::{Changes, SandboxEngine};
use crate::tree::{IdMap, MemoryTree};

/// The layers so far. What jobs changed goes before the engine that ran them.
pub(super) struct Stage<'a> {
    scene: &'a Scene<'a>,
    engine: &'a SandboxEngine,
    layers: Vec<PathBuf>,
    changes: Vec<Changes>,
}

impl<'a> Stage<'a> {
    /// The root with no job done yet.
    pub(super) fn build(
        scene: &'a Scene<'a>,
        cast: &Cast<'_>,
        engine: &'a SandboxEngine,
    ) -> Result<Self, ConfigureError> {
        let ids = disk_ids(&engine.ids());
        let native = pieces::layer(scene.native, scene.runner.merged.newest())?;
        let native = [Part::of(native)?];
        let database = [database::layer(cast, scene.native)?];
        let stack = [scene.others.parts, scene.runner.parts, &native, &database];
        let layers = stack
            .into_iter()
            .map(|parts| root::unpacked(scene.store, &ids, parts))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            scene,
            engine,
            layers,
            changes: Vec::new(),
        })
    }

    /// Runs `script` on what there is; its changes become the uppermost layer.
    pub(super) fn run(&mut self, script: &str) -> Result<MemoryTree, ConfigureError> {
        let epoch = self.scene.runner.merged.newest();
        let layers = self.layers.clone();
        let changes = job::run(self.engine, layers, script, epoch, self.scene.progress)?;
        let captured = capture::captured(&changes)?;
        self.layers.push(changes.dir.path().to_owned());
        self.changes.push(changes);
        Ok(captured)
    }
}

/// Nobody but root can unpack into several ids from outside a user namespace: the root belongs to the user, who is root
/// inside, and the first job gives owners to the few files that have another.
fn disk_ids(ids: &IdMap) -> IdMap {
    match ids {
        IdMap::Ranges { .. } => IdMap::Single,
        other => other.clone(),
    }
}

/// What belongs to others than root and was unpacked as root's.
pub(super) fn owned(scene: &Scene<'_>, ids: &IdMap) -> Vec<Item> {
    if disk_ids(ids) == *ids {
        return Vec::new();
    }
    let native = scene.native.values().filter_map(|piece| match piece {
        Piece::Put(entry) => Item::of(&entry.clone().map_data(|data| data.len() as u64), 0).ok(),
        Piece::Remove => None,
    });
    let groups = [&scene.others, &scene.runner];
    let shipped = groups.into_iter().flat_map(|group| {
        let members = group.members.iter();
        members.flat_map(|member| member.info.entries.iter().chain(&member.info.dirs))
    });
    shipped
        .cloned()
        .chain(native)
        .filter(|item| (item.uid, item.gid) != (0, 0))
        .collect()
}
