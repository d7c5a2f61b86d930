//! Which packages, and which of their versions, a set of relations leads to, Recommends left aside.
//!
//! Two parts, because the result has to be both what `apt-get install --no-install-recommends` takes and right where
//! apt's rules give up: [`walk`] follows apt's order of choice, depth first, never back; a SAT solver ([`sat`]) proves
//! that what the walk found is a solution, or else searches for one with the walk's choices first, or says why there is none.

mod sat;
mod walk;
mod world;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use super::{Index, PackageId, PackageName, Relation, Version};
use world::World;

/// What to solve for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The packages that must be there.
    pub wanted: &'a [Relation],
    /// Whether the essential packages must be there too.
    pub essential: Essential,
    /// Versions that are taken where they still exist and fit, such as locked ones; otherwise the newest is.
    pub preferred: &'a BTreeMap<PackageName, Version>,
}

/// Whether the packages with `Essential: yes` are part of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Essential {
    /// All of them.
    Included,
    /// Only those that something depends on.
    OnDemand,
}

/// Why a package is part of a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was wanted.
    Requested,
    /// It is essential, and essential packages were wanted.
    Essential,
    /// This package depends on it; of several, one that is nearest to what was wanted.
    DependencyOf(PackageName),
}

/// A package of a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The package in the index that was given.
    pub id: PackageId,
    /// Why it is here.
    pub reason: Reason,
}

/// No set of packages satisfies a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SolveError {
    /// No package has or provides the name.
    #[error("cannot find the package `{name}` in {pockets}{}", Nearest(nearest))]
    Missing {
        /// The name asked for.
        name: PackageName,
        /// The pockets that were looked at.
        pockets: String,
        /// Names like it.
        nearest: Vec<String>,
    },
    /// No version fits.
    #[error("cannot find a version for `{relation}`: there is {existing}")]
    Version {
        /// What was asked for.
        relation: String,
        /// The versions there are, with their pockets.
        existing: String,
    },
    /// The packages exclude each other, or need something that is not there.
    #[error("cannot put these packages together: {wanted}\n{explanation}")]
    Unsatisfiable {
        /// What was asked for.
        wanted: String,
        /// The chain of reasons, several lines.
        explanation: String,
    },
}

struct Nearest<'a>(&'a [String]);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            names => write!(f, "; there is {}", names.join(", ")),
        }
    }
}

/// Solves `request` over all packages of `index`. What was wanted comes first, then what that depends on, and so on; the
/// result depends on nothing but the arguments.
pub fn solve(index: &Index, request: &Request<'_>) -> Result<Vec<Selected>, SolveError> {
    let mut roots = essential_roots(index, request.essential);
    let wanted = request
        .wanted
        .iter()
        .cloned()
        .map(|r| (r, Reason::Requested));
    roots.splice(0..0, wanted);
    let relations: Vec<Relation> = roots.iter().map(|(relation, _)| relation.clone()).collect();
    let world = World::new(index, &relations, request.preferred);
    for relation in &relations {
        check_exists(&world, relation)?;
    }
    let walked = walk::walk(&world, &relations);
    let chosen = sat::decide(&world, &relations, &walked)
        .map_err(|explanation| unsatisfiable(request.wanted, explanation))?;
    Ok(with_reasons(&world, &roots, &chosen))
}

fn essential_roots(index: &Index, essential: Essential) -> Vec<(Relation, Reason)> {
    let mut roots: Vec<(Relation, Reason)> = Vec::new();
    if essential == Essential::Included {
        for package in index.iter().filter(|package| package.is_essential()) {
            let relation = Relation::any_version(package.package_name());
            if roots.last().is_none_or(|(last, _)| *last != relation) {
                roots.push((relation, Reason::Essential));
            }
        }
    }
    roots
}

fn check_exists(world: &World<'_>, relation: &Relation) -> Result<(), SolveError> {
    let index = world.index;
    if world.satisfying(relation).next().is_some() {
        return Ok(());
    }
    let name = relation.name.as_str();
    let existing: Vec<String> = index
        .named(name)
        .chain(index.providers(name).map(|provided| provided.package))
        .map(|p| format!("{} {} ({})", p.name(), p.version(), p.pocket()))
        .collect();
    Err(if existing.is_empty() {
        SolveError::Missing {
            name: relation.name.clone(),
            pockets: index.pocket_names().collect::<Vec<_>>().join(", "),
            nearest: index.nearest(name).into_iter().map(str::to_owned).collect(),
        }
    } else {
        SolveError::Version {
            relation: relation.to_string(),
            existing: existing.join(", "),
        }
    })
}

fn unsatisfiable(wanted: &[Relation], explanation: String) -> SolveError {
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    SolveError::Unsatisfiable {
        wanted: wanted.join(", "),
        explanation,
    }
}

/// Follows the relations breadth first from `roots` over `chosen`, so that each reason is part of a shortest chain.
fn with_reasons(
    world: &World<'_>,
    roots: &[(Relation, Reason)],
    chosen: &HashMap<usize, PackageId>,
) -> Vec<Selected> {
    let mut found: Vec<Selected> = Vec::with_capacity(chosen.len());
    let mut seen = vec![false; world.index.name_count()];
    let mut waiting: VecDeque<(PackageId, Reason)> = VecDeque::new();
    for (relation, reason) in roots {
        waiting.extend(
            world
                .chosen(relation, chosen)
                .map(|id| (id, reason.clone())),
        );
    }
    while let Some((id, reason)) = waiting.pop_front() {
        if std::mem::replace(&mut seen[world.number(id)], true) {
            continue;
        }
        found.push(Selected { id, reason });
        let name = world.index.get(id).package_name();
        for group in &world.needs(id).requires {
            for relation in group.alternatives() {
                let next = world.chosen(relation, chosen);
                waiting.extend(next.map(|id| (id, Reason::DependencyOf(name.clone()))));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
