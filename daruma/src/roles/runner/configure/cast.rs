//! The packages, and the part that each plays.

use std::collections::BTreeSet;

use super::super::effects::Package;
use super::super::files::Merged;
use super::script::{Name, Task};
use super::{Group, Scene};
use crate::debian::Stanza;
use crate::debian::dpkg_db::{self, State};
use crate::debian::effects::{Script, Unknown};

/// The packages with the part that each plays.
pub(super) struct Cast<'a> {
    /// What stands in the runner, and how far dpkg is to think each.
    pub runner: Vec<(Package, State)>,
    /// Its files.
    pub merged: &'a Merged<'a>,
    /// What stands in the configure root only.
    pub others: Vec<Package>,
    /// Its files.
    pub other_files: &'a Merged<'a>,
}

impl<'a> Cast<'a> {
    /// The packages of a scene.
    pub(super) fn of(scene: &'a Scene<'a>) -> Self {
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
    pub(super) fn names(&self) -> Vec<Name> {
        self.others.iter().map(name).collect()
    }

    /// Those of the other packages that have a preinst.
    pub(super) fn preinsts(&self) -> Vec<Name> {
        let with = |package: &&Package| package.control.get("preinst").is_some();
        self.others.iter().filter(with).map(name).collect()
    }

    /// What is to be done for each package with an unknown script, in the order in which they were met.
    pub(super) fn tasks(&self, unknown: &[Unknown]) -> Vec<(Name, Task)> {
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
