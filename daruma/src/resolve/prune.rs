//! Packages that only maintainer scripts need, and that a runner does without because daruma does what the scripts did.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::debian::{Index, Package, PackageId, ParseRelationError, Relation, Selected};

/// A dependency that only the configuration of packages needs.
struct ConfigureOnly {
    /// Who depends; `None` for all.
    dependent: Option<&'static str>,
    /// On what.
    dependency: &'static str,
}

const fn for_all(dependency: &'static str) -> ConfigureOnly {
    ConfigureOnly {
        dependent: None,
        dependency,
    }
}

/// What is not followed, one row with its reason each.
const CONFIGURE_ONLY: &[ConfigureOnly] = &[
    // Makes users in scripts; the native effects write them.
    for_all("adduser"),
    // Ask questions while packages are configured; the answers are the defaults.
    for_all("cdebconf"),
    for_all("debconf"),
    for_all("debconf-2.0"),
    // Start services at boot; a container has one process and no init.
    for_all("init-system-helpers"),
    for_all("lsb-base"),
    // Indexes info pages, which a runner does not hold.
    for_all("install-info"),
    // Compares changed configuration files on upgrades; an image is never upgraded in place.
    for_all("ucf"),
    // Rehashes certificates in a script; the native effects write the links.
    ConfigureOnly {
        dependent: Some("ca-certificates"),
        dependency: "openssl",
    },
];

/// The packages of a solution that `wanted` reaches without the dependencies above, in the solution's order.
pub(super) fn prune(
    index: &Index,
    selected: &[Selected],
    wanted: &[Relation],
) -> Result<Vec<PackageId>, ParseRelationError> {
    let by_name = providers(index, selected)?;
    let mut reached: HashSet<PackageId> = HashSet::new();
    let mut queue: VecDeque<PackageId> = VecDeque::new();
    let found = |name: &str| by_name.get(name).into_iter().flatten().copied();
    queue.extend(
        wanted
            .iter()
            .flat_map(|relation| found(relation.name.as_str())),
    );
    while let Some(id) = queue.pop_front() {
        if !reached.insert(id) {
            continue;
        }
        for name in dependencies(index.get(id))? {
            queue.extend(found(&name));
        }
    }
    Ok(selected
        .iter()
        .map(|package| package.id)
        .filter(|id| reached.contains(id))
        .collect())
}

/// The names that a package needs to run, all alternatives of a group included: those that the solution lacks find
/// nothing.
fn dependencies(package: Package<'_>) -> Result<Vec<String>, ParseRelationError> {
    let mut names = Vec::new();
    for relations in [package.pre_depends()?, package.depends()?] {
        for group in relations.groups() {
            let group: Vec<&str> = group
                .alternatives()
                .iter()
                .map(|relation| relation.name.as_str())
                .collect();
            if !group
                .iter()
                .any(|name| is_configure_only(package.name(), name))
            {
                names.extend(group.into_iter().map(ToOwned::to_owned));
            }
        }
    }
    Ok(names)
}

fn is_configure_only(dependent: &str, dependency: &str) -> bool {
    CONFIGURE_ONLY.iter().any(|row| {
        row.dependency == dependency && row.dependent.is_none_or(|name| name == dependent)
    })
}

/// Real and virtual names of a solution's packages. A virtual name counts only where no package of the solution has it
/// as its real one, as apt sees a dependency as met.
fn providers(
    index: &Index,
    selected: &[Selected],
) -> Result<HashMap<String, Vec<PackageId>>, ParseRelationError> {
    let mut names: HashMap<String, Vec<PackageId>> = HashMap::new();
    for package in selected {
        names
            .entry(index.get(package.id).name().to_owned())
            .or_default()
            .push(package.id);
    }
    let real: HashSet<String> = names.keys().cloned().collect();
    for package in selected {
        for group in index.get(package.id).provides()?.groups() {
            for relation in group.alternatives() {
                if !real.contains(relation.name.as_str()) {
                    names
                        .entry(relation.name.as_str().to_owned())
                        .or_default()
                        .push(package.id);
                }
            }
        }
    }
    Ok(names)
}
