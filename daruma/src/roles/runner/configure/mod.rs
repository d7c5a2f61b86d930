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
mod database;
mod delta;
mod ground;
mod job;
mod records;
mod root;
mod rules;
mod script;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::concat::Part;
use super::effects::Package;
use super::files::Merged;
use super::layout::Layout;
use super::member::{Item, Member};
use super::pieces::{self, Pieces, PiecesError};
use crate::debian::dpkg_db::{self, State};
use crate::debian::effects::{Script, Unknown};
use crate::debian::{ControlError, Stanza};
use crate::engine::{Changes, EngineError, SandboxEngine};
use crate::home::Home;
use crate::progress::{Event, Progress};
use crate::store::{Store, StoreError};
use crate::tree::capture::CaptureError;
use crate::tree::tar::TarError;
use crate::tree::unpack::UnpackError;
use crate::tree::{IdMap, InvalidPath, MemoryError, TreePath};

use delta::Delta;
use ground::{Ground, Owners};
use script::{Name, Task};

/// Scripts could not be run, or did what no script may do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// There is no sandbox on this machine, or it failed.
    #[error("cannot run scripts in the sandbox")]
    Sandbox(#[source] EngineError),
    /// A script failed.
    #[error(
        "cannot configure {}: dpkg ended with {status}, after{output}",
        listed(packages)
    )]
    Script {
        /// The packages that dpkg names; empty where it named none.
        packages: Vec<String>,
        /// What dpkg, or the shell around it, returned.
        status: u8,
        /// The last lines of output, each on a line of its own.
        output: String,
    },
    /// A script wrote where packages write nothing.
    #[error(
        "cannot take what the scripts of {package} wrote to /{path}: no package has anything to write there"
    )]
    Unexplained {
        /// The package.
        package: String,
        /// The path.
        path: TreePath,
    },
    /// A script changed what packages outside the runner had changed before.
    #[error(
        "cannot take what the scripts of {package} wrote to /{path}: packages that are not in the runner write there too"
    )]
    Mixed {
        /// The package.
        package: String,
        /// The path.
        path: TreePath,
    },
    /// A package's control file is damaged.
    #[error("cannot use the control file of {package}")]
    Control {
        /// The package.
        package: String,
        /// What is wrong with it.
        source: ControlError,
    },
    /// The engine did not hand back what a job changed.
    #[error("internal error: the sandbox kept no changes")]
    NoChanges,
    /// A layer of the configure root cannot be unpacked.
    #[error("cannot unpack the configure root")]
    Unpack(#[from] UnpackError),
    /// What a script changed cannot be read.
    #[error("cannot take what scripts changed")]
    Capture(#[from] CaptureError),
    /// What a script changed cannot be kept.
    #[error("cannot take what scripts changed")]
    Memory(#[from] MemoryError),
    /// A layer cannot be written.
    #[error("cannot write a layer of the configure root")]
    Tar(#[from] TarError),
    /// A path cannot stand in an image.
    #[error("cannot write a layer of the configure root")]
    Path(#[from] InvalidPath),
    /// The store failed.
    #[error("cannot keep the configure root")]
    Store(#[from] StoreError),
    /// A file operation failed; the text names the path.
    #[error("cannot make the configure root")]
    Io(#[from] std::io::Error),
}

impl From<PiecesError> for ConfigureError {
    fn from(error: PiecesError) -> Self {
        match error {
            PiecesError::Path(error) => error.into(),
            PiecesError::Tar(error) => error.into(),
        }
    }
}

fn listed(packages: &[String]) -> String {
    match packages {
        [] => "the packages".to_owned(),
        names => names.join(", "),
    }
}

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

/// The packages with the part that each plays.
struct Cast<'a> {
    runner: Vec<(Package, State)>,
    merged: &'a Merged<'a>,
    others: Vec<Package>,
    other_files: &'a Merged<'a>,
}

/// Runs the unknown scripts; gives the native pieces with what they changed.
pub(super) fn configure(scene: &Scene<'_>) -> Result<Pieces, ConfigureError> {
    let engine = SandboxEngine::new(&scene.home.tmp()).map_err(ConfigureError::Sandbox)?;
    let cast = Cast::of(scene);
    let tasks = cast.tasks(scene.unknown);
    announce(scene, &tasks, &engine.ids());
    let mut stage = Stage::build(scene, &cast, &engine)?;
    let prepare = script::prepare(
        &owned(scene, &engine.ids()),
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

/// The configure root as it grows. What jobs changed goes before the engine that ran them.
struct Stage<'a> {
    scene: &'a Scene<'a>,
    engine: &'a SandboxEngine,
    layers: Vec<PathBuf>,
    changes: Vec<Changes>,
}

impl<'a> Stage<'a> {
    fn build(
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
    fn run(&mut self, script: &str) -> Result<crate::tree::MemoryTree, ConfigureError> {
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
        before: std::collections::BTreeMap::new(),
        owners: match ids {
            IdMap::Single => Owners::Lost,
            IdMap::Same | IdMap::Ranges { .. } => Owners::Real,
        },
        mtime: scene.runner.merged.newest(),
    }
}

/// What belongs to others than root and was unpacked as root's.
fn owned(scene: &Scene<'_>, ids: &IdMap) -> Vec<Item> {
    if disk_ids(ids) == *ids {
        return Vec::new();
    }
    let native = scene.native.values().filter_map(|piece| match piece {
        pieces::Piece::Put(entry) => {
            Item::of(&entry.clone().map_data(|data| data.len() as u64), 0).ok()
        }
        pieces::Piece::Remove => None,
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

impl<'a> Cast<'a> {
    fn of(scene: &'a Scene<'a>) -> Self {
        let packages = |group: &Group<'_>| -> Vec<Package> {
            let members = group.members.iter();
            members
                .map(|member| Package::of(member, group.layout))
                .collect()
        };
        let state = |package: &Package| {
            let runs = |it: &&Unknown| it.package == package.name && it.script != Script::Triggered;
            match scene.unknown.iter().find(runs) {
                Some(_) => State::Unpacked,
                None => State::Installed,
            }
        };
        let runner = packages(&scene.runner).into_iter();
        Self {
            runner: runner
                .map(|package| {
                    let state = state(&package);
                    (package, state)
                })
                .collect(),
            merged: scene.runner.merged,
            others: packages(&scene.others),
            other_files: scene.others.merged,
        }
    }

    /// The other packages.
    fn names(&self) -> Vec<Name> {
        self.others.iter().map(name).collect()
    }

    /// Those of the other packages that have a preinst.
    fn preinsts(&self) -> Vec<Name> {
        let with = |package: &&Package| package.control.get("preinst").is_some();
        self.others.iter().filter(with).map(name).collect()
    }

    /// What is to be done for each package with an unknown script, in the order in which they were met.
    fn tasks(&self, unknown: &[Unknown]) -> Vec<(Name, Task)> {
        let mut seen = BTreeSet::new();
        let first = unknown.iter().filter(|it| seen.insert(&it.package));
        first
            .filter_map(|it| {
                let mut packages = self.runner.iter().map(|(package, _)| package);
                let package = packages.find(|package| package.name == it.package)?;
                Some((name(package), task(package, it.script)))
            })
            .collect()
    }
}

/// A package's preinst is met before its postinst, and that before triggers.
fn task(package: &Package, first: Script) -> Task {
    match first {
        Script::Preinst => Task::Both,
        Script::Postinst => Task::Postinst,
        Script::Triggered => {
            let interests = dpkg_db::interests(&package.control).into_iter();
            let names = interests.map(|interest| interest.trigger);
            Task::Triggers(names.filter(|name| !name.starts_with('/')).collect())
        }
    }
}

fn name(package: &Package) -> Name {
    let control = package.control.text("control").unwrap_or_default();
    let info = Stanza::parse(control.as_bytes()).map(|stanza| dpkg_db::info_name(&stanza));
    Name {
        package: package.name.clone(),
        info: info.unwrap_or_else(|_| package.name.clone()),
        architecture: package.architecture.clone(),
    }
}
