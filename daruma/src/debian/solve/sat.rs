//! The same question as a satisfiability problem, for `resolvo`.
//!
//! A name of the problem is a name that a package has. A group of alternatives is a union of version sets in apt's order
//! of choice, where a version set is a list of packages of one name; what a package excludes is a constraint to the
//! other packages of that name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, DenseIndex as _, Dependencies,
    DependencyProvider, Interner, KnownDependencies, NameId, Problem, Requirement, SolvableId,
    Solver, SolverCache, StringId, UnsolvableOrCancelled, VersionSetId, VersionSetUnionId,
};

use super::walk::Walked;
use super::world::World;
use crate::debian::{AnyOf, Package, PackageId, Relation};

/// Confirms what was walked, or finds the solution that is nearest to it; the packages by the number of their name.
/// The error is the chain of reasons why there is none.
pub(super) fn decide(
    world: &World<'_>,
    wanted: &[Relation],
    walked: &Walked,
) -> Result<HashMap<usize, PackageId>, String> {
    let roots: Vec<AnyOf> = wanted.iter().cloned().map(AnyOf::from).collect();
    if let Ok(confirmed) = run(world, &roots, walked, Walks::MustHold) {
        return Ok(confirmed);
    }
    run(world, &roots, walked, Walks::ComeFirst)
}

/// What a walk's choices mean for a solution.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walks {
    MustHold,
    ComeFirst,
}

fn run(
    world: &World<'_>,
    roots: &[AnyOf],
    walked: &Walked,
    walks: Walks,
) -> Result<HashMap<usize, PackageId>, String> {
    let provider = Provider {
        world,
        walked,
        sets: RefCell::default(),
        unions: RefCell::default(),
        messages: RefCell::default(),
    };
    let requirements = provider.problem(roots, walks)?;
    let mut solver = Solver::new(provider);
    match solver.solve(Problem::new().requirements(requirements)) {
        Ok(chosen) => Ok(chosen
            .into_iter()
            .map(|solvable| PackageId::from_place(solvable.to_index()))
            .map(|id| (world.number(id), id))
            .collect()),
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) if walks == Walks::ComeFirst => Err(
            readable(&conflict.display_user_friendly(&solver).to_string()),
        ),
        Err(_) => Err(String::new()),
    }
}

/// The solver's account in the words of Debian's packages, its headline left out.
fn readable(account: &str) -> String {
    let words = [
        (" would constrain", " excludes"),
        (" would require", " depends on"),
        (" is excluded because ", " cannot be used: "),
        (
            ", which conflicts with any installable versions previously reported",
            ", which is needed as well (see above)",
        ),
        (
            " can be installed with any of the following options:",
            " could be:",
        ),
        (
            " cannot be installed because there are no viable options:",
            " cannot be installed:",
        ),
        // A name without a version leaves the blank between them.
        (" ,", ","),
    ];
    let lines = account.trim_end().lines().skip(1);
    let text = lines.collect::<Vec<_>>().join("\n");
    words
        .iter()
        .fold(text, |text, (theirs, ours)| text.replace(theirs, ours))
}

fn unmet(group: &AnyOf) -> String {
    format!("nothing satisfies `{group}`")
}

/// Some packages of one name.
struct VersionSet {
    number: usize,
    members: Vec<PackageId>,
    /// What is said about them after the name.
    label: String,
}

struct Provider<'w, 'i> {
    world: &'w World<'i>,
    walked: &'w Walked,
    sets: RefCell<Vec<VersionSet>>,
    unions: RefCell<Vec<Vec<VersionSetId>>>,
    messages: RefCell<Vec<String>>,
}

impl Provider<'_, '_> {
    fn set(&self, number: usize, members: Vec<PackageId>, label: String) -> VersionSetId {
        let mut sets = self.sets.borrow_mut();
        sets.push(VersionSet {
            number,
            members,
            label,
        });
        VersionSetId::from_index(sets.len() - 1)
    }

    /// What must be there: the roots, and what was walked if it must hold.
    fn problem(
        &self,
        roots: &[AnyOf],
        walks: Walks,
    ) -> Result<Vec<ConditionalRequirement>, String> {
        let mut requirements: Vec<Requirement> = Vec::new();
        for group in roots {
            requirements.push(self.requirement(group).ok_or_else(|| unmet(group))?);
        }
        if walks == Walks::MustHold {
            let mut taken: Vec<_> = self.walked.taken.iter().collect();
            taken.sort_unstable();
            requirements.extend(taken.into_iter().map(|(&number, &id)| {
                Requirement::from(self.set(number, vec![id], String::new()))
            }));
        }
        Ok(requirements.into_iter().map(Into::into).collect())
    }

    /// What satisfies a group, the walk's choice first; `None` where nothing does.
    fn requirement(&self, group: &AnyOf) -> Option<Requirement> {
        let mut sets: Vec<(bool, VersionSetId)> = Vec::new();
        for relation in group.alternatives() {
            for (number, members) in self.by_name(relation) {
                let taken = self.walked.taken.get(&number);
                let walked = taken.is_some_and(|id| members.contains(id));
                let label = self.label(relation, number);
                sets.push((!walked, self.set(number, members, label)));
            }
        }
        sets.sort_by_key(|(later, _)| *later);
        let sets: Vec<VersionSetId> = sets.into_iter().map(|(_, set)| set).collect();
        match sets[..] {
            [] => None,
            [only] => Some(only.into()),
            _ => {
                let mut unions = self.unions.borrow_mut();
                unions.push(sets);
                Some(VersionSetUnionId::from_index(unions.len() - 1).into())
            }
        }
    }

    /// The packages that satisfy a relation by name, the names in the order of choice.
    fn by_name(&self, relation: &Relation) -> Vec<(usize, Vec<PackageId>)> {
        let mut names: Vec<(usize, Vec<PackageId>)> = Vec::new();
        for id in self.world.satisfying(relation) {
            let number = self.world.number(id);
            match names.iter_mut().find(|(other, _)| *other == number) {
                Some((_, members)) => members.push(id),
                None => names.push((number, vec![id])),
            }
        }
        names
    }

    fn label(&self, relation: &Relation, number: usize) -> String {
        let has_name = self.world.index.number_of(relation.name.as_str()) == Some(number);
        match (&relation.version, has_name) {
            (None, true) => String::new(),
            (Some((operator, version)), true) => format!("{} {version}", operator.as_str()),
            (_, false) => format!("providing {relation}"),
        }
    }

    /// What has to be left out for a package that excludes `relation`: its own name never is.
    fn constraints(&self, id: PackageId, relation: &Relation) -> Vec<VersionSetId> {
        let mut sets = Vec::new();
        for (number, excluded) in self.by_name(relation) {
            if number != self.world.number(id) {
                let all = self.world.index.numbered(number).iter().copied();
                let rest = all.filter(|id| !excluded.contains(id)).collect();
                let label = self.label(relation, number);
                sets.push(self.set(number, rest, label));
            }
        }
        sets
    }

    fn dependencies(&self, id: PackageId) -> Dependencies {
        let needs = self.world.needs(id);
        if let Some(broken) = &needs.broken {
            return self.unknown(broken.to_string());
        }
        let mut known = KnownDependencies::default();
        for group in &needs.requires {
            match self.requirement(group) {
                Some(requirement) => known.requirements.push(requirement.into()),
                None => return self.unknown(unmet(group)),
            }
        }
        for relation in &needs.excludes {
            known.constrains.extend(self.constraints(id, relation));
        }
        Dependencies::Known(known)
    }

    fn unknown(&self, message: String) -> Dependencies {
        let mut messages = self.messages.borrow_mut();
        messages.push(message);
        Dependencies::Unknown(StringId::from_index(messages.len() - 1))
    }

    fn name(&self, number: usize) -> &str {
        let first = self.world.index.numbered(number).first();
        first.map_or("", |&id| self.world.index.get(id).name())
    }
}

fn package(solvable: SolvableId) -> PackageId {
    PackageId::from_place(solvable.to_index())
}

fn solvable(id: PackageId) -> SolvableId {
    SolvableId::from_index(id.place())
}

impl Interner for Provider<'_, '_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let package = self.world.index.get(package(solvable));
        format!("{} {}", package.name(), package.version())
    }

    fn display_merged_solvables(&self, solvables: &[SolvableId]) -> impl Display + '_ {
        let packages = solvables.iter().map(|&s| self.world.index.get(package(s)));
        let mut versions: Vec<&str> = packages.clone().map(Package::version).collect();
        versions.dedup();
        let name = packages.map(Package::name).next().unwrap_or_default();
        format!("{name} {}", versions.join(" | "))
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.name(name.to_index())
    }

    fn display_version_set(&self, set: VersionSetId) -> impl Display + '_ {
        self.sets.borrow()[set.to_index()].label.clone()
    }

    fn display_string(&self, message: StringId) -> impl Display + '_ {
        self.messages.borrow()[message.to_index()].clone()
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        NameId::from_index(self.sets.borrow()[set.to_index()].number)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_index(self.world.number(package(solvable)))
    }

    fn version_sets_in_union(
        &self,
        union: VersionSetUnionId,
    ) -> impl Iterator<Item = VersionSetId> {
        self.unions.borrow()[union.to_index()].clone().into_iter()
    }

    fn resolve_condition(&self, condition: ConditionId) -> Condition {
        // No requirement of ours has a condition, so nothing asks; a set that nothing is in is never met.
        let _ = condition;
        Condition::Requirement(self.set(0, Vec::new(), String::new()))
    }
}

impl DependencyProvider for Provider<'_, '_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let sets = self.sets.borrow();
        let members = &sets[set.to_index()].members;
        let within = |solvable: &SolvableId| members.contains(&package(*solvable)) != inverse;
        candidates.iter().copied().filter(within).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let versions = self.world.versions(name.to_index());
        Some(Candidates {
            candidates: versions.into_iter().map(solvable).collect(),
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        let Some(&first) = solvables.first() else {
            return;
        };
        let order = self.world.versions(self.world.number(package(first)));
        solvables.sort_by_key(|s| order.iter().position(|id| *id == package(*s)));
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        self.dependencies(package(solvable))
    }
}
