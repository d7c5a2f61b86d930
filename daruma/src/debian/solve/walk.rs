//! The order in which apt's own solver chooses (apt 2.6, and 3.0 where its new solver is not asked for), in our words:
//! what was asked for is taken first and is certain; then, depth first, each relation that nothing taken satisfies takes
//! the first candidate that can be taken. What only one candidate can give to something certain is certain as well, and
//! what a certain package excludes is out of the question from then on. Nothing is ever tried again.

use std::collections::{HashMap, HashSet};

use super::world::World;
use crate::debian::{AnyOf, PackageId, Relation};

/// How deep the walk goes before it gives up and leaves the rest to the SAT solver. The walk of Debian 13's `kde-full`,
/// 1,500 packages, goes 17 deep; this many levels still fit into the 2 MiB stack of a thread in a debug build.
const MAX_DEPTH: usize = 400;

/// What a walk has taken, by the number of the package's name.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) taken: HashMap<usize, PackageId>,
}

/// Takes what `wanted` leads to. The result may be no solution: that is for the SAT solver to find out.
pub(super) fn walk(world: &World<'_>, wanted: &[Relation]) -> Walked {
    let mut walk = Walk {
        world,
        taken: HashMap::new(),
        certain: HashSet::new(),
        refused: HashSet::new(),
        exclusions: HashMap::new(),
        depth: 0,
    };
    let mut requests = Vec::new();
    for relation in wanted {
        if let Some(id) = world.candidates(relation).next() {
            walk.taken.insert(world.number(id), id);
            walk.certain.insert(world.number(id));
            requests.push(id);
        }
    }
    for id in requests {
        walk.take(id);
    }
    Walked { taken: walk.taken }
}

struct Walk<'w, 'i> {
    world: &'w World<'i>,
    taken: HashMap<usize, PackageId>,
    /// Names whose package is asked for, or the only one that will do.
    certain: HashSet<usize>,
    /// Names that cannot be taken.
    refused: HashSet<usize>,
    /// What taken packages exclude, by the excluded name.
    exclusions: HashMap<Box<str>, Vec<(usize, Relation)>>,
    depth: usize,
}

impl Walk<'_, '_> {
    /// Takes a package and what it needs; whether that worked out.
    fn take(&mut self, id: PackageId) -> bool {
        let number = self.world.number(id);
        let certain = self.certain.contains(&number);
        if self.taken.contains_key(&number) && !certain {
            return true;
        }
        if self.refused.contains(&number) || self.depth >= MAX_DEPTH {
            return false;
        }
        let possible = self.can_be_satisfied(id) && self.exclude(id, certain);
        if !possible && !certain {
            self.refused.insert(number);
            return false;
        }
        self.taken.insert(number, id);
        self.depth += 1;
        let complete = self.take_dependencies(id, certain);
        self.depth -= 1;
        if !complete && !certain {
            self.taken.remove(&number);
            self.refused.insert(number);
        }
        complete && possible
    }

    fn take_dependencies(&mut self, id: PackageId, certain: bool) -> bool {
        let needs = self.world.needs(id);
        let mut complete = true;
        for group in &needs.requires {
            if self.is_satisfied(group) {
                if certain {
                    self.make_certain(group);
                }
            } else if !self.take_one(group, certain) {
                complete = false;
                if !certain {
                    break;
                }
            }
        }
        complete
    }

    /// Where one candidate alone satisfies what something certain needs, that one is certain too.
    fn make_certain(&mut self, group: &AnyOf) {
        if let [only] = self.solutions(group)[..]
            && self.certain.insert(self.world.number(only))
        {
            self.take(only);
        }
    }

    fn take_one(&mut self, group: &AnyOf, certain: bool) -> bool {
        let solutions = self.solutions(group);
        if let ([only], true) = (&solutions[..], certain) {
            self.certain.insert(self.world.number(*only));
        }
        solutions.into_iter().any(|id| self.take(id))
    }

    fn is_satisfied(&self, group: &AnyOf) -> bool {
        group
            .alternatives()
            .iter()
            .any(|relation| self.world.chosen(relation, &self.taken).next().is_some())
    }

    /// The candidates for a group that are not out of the question, the preferred one first.
    fn solutions(&self, group: &AnyOf) -> Vec<PackageId> {
        let mut ids: Vec<PackageId> = Vec::new();
        for relation in group.alternatives() {
            for id in self.world.candidates(relation) {
                if !self.refused.contains(&self.world.number(id)) && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        ids
    }

    fn can_be_satisfied(&self, id: PackageId) -> bool {
        let needs = self.world.needs(id);
        needs.broken.is_none()
            && needs
                .requires
                .iter()
                .all(|group| self.is_satisfied(group) || !self.solutions(group).is_empty())
    }

    /// Notes what a package excludes; whether neither it nor anything taken excludes the other.
    fn exclude(&mut self, id: PackageId, certain: bool) -> bool {
        let number = self.world.number(id);
        let mut fine = !self.is_excluded(id);
        for relation in &self.world.needs(id).excludes {
            for other in self.world.candidates(relation) {
                let other = self.world.number(other);
                if other == number {
                    continue;
                }
                if self.taken.contains_key(&other) {
                    fine = false;
                } else if certain {
                    self.refused.insert(other);
                }
            }
            let name = relation.name.as_str().into();
            let exclusions = self.exclusions.entry(name).or_default();
            exclusions.push((number, relation.clone()));
        }
        fine
    }

    /// Whether something taken excludes this package, by its name or by what it provides.
    fn is_excluded(&self, id: PackageId) -> bool {
        let package = self.world.index.get(id);
        let provided = package.provides().unwrap_or_default();
        let provided = provided.groups().iter().flat_map(AnyOf::alternatives);
        let names = provided.map(|relation| relation.name.as_str());
        let mut names = std::iter::once(package.name()).chain(names);
        names.any(|name| {
            self.exclusions
                .get(name)
                .into_iter()
                .flatten()
                .any(|(by, relation)| {
                    *by != self.world.number(id)
                        && self.taken.contains_key(by)
                        && self
                            .world
                            .satisfying(relation)
                            .any(|excluded| excluded == id)
                })
        })
    }
}
