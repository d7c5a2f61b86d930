//! What both parts of the solver ask an index: which packages satisfy a relation, in which order, and what each needs.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::debian::version::compare;
use crate::debian::{
    AnyOf, Index, MultiArch, Package, PackageId, PackageName, ParseRelationError, Qualifier,
    Relation, Version,
};

/// An index with the version of each package that is taken if it can be.
pub(super) struct World<'i> {
    pub(super) index: &'i Index,
    /// Where not the newest version is the first choice, by the number of the name.
    candidates: HashMap<usize, PackageId>,
    needs: RefCell<HashMap<PackageId, Rc<Needs>>>,
}

/// The relations of a package.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// `Pre-Depends`, then `Depends`.
    pub(super) requires: Vec<AnyOf>,
    /// `Conflicts`, then `Breaks`.
    pub(super) excludes: Vec<Relation>,
    /// Why the package cannot be used at all.
    pub(super) broken: Option<ParseRelationError>,
}

impl<'i> World<'i> {
    pub(super) fn new(
        index: &'i Index,
        wanted: &[Relation],
        preferred: &BTreeMap<PackageName, Version>,
    ) -> Self {
        let mut world = Self {
            index,
            candidates: HashMap::new(),
            needs: RefCell::new(HashMap::new()),
        };
        for (name, version) in preferred {
            world.prefer(name, |package| {
                compare(package.version(), version.as_str()).is_eq()
            });
        }
        for relation in wanted {
            let fits = |package: Package<'_>| matches(relation, package);
            let candidate = world.candidate_named(relation.name.as_str());
            if !candidate.is_some_and(|id| fits(index.get(id))) {
                world.prefer(&relation.name, fits);
            }
        }
        world
    }

    fn prefer(&mut self, name: &PackageName, fits: impl Fn(Package<'_>) -> bool) {
        let found = self
            .index
            .named(name.as_str())
            .find(|package| fits(*package));
        if let Some(package) = found {
            let number = self.number(package.id());
            self.candidates.insert(number, package.id());
        }
    }

    /// The number of a package's name.
    pub(super) fn number(&self, id: PackageId) -> usize {
        self.index.number_of_package(id)
    }

    /// The version of a name that is taken if it can be.
    pub(super) fn candidate(&self, number: usize) -> Option<PackageId> {
        let newest = self.index.numbered(number).first();
        self.candidates.get(&number).or(newest).copied()
    }

    fn candidate_named(&self, name: &str) -> Option<PackageId> {
        self.candidate(self.index.number_of(name)?)
    }

    /// The versions of a name, the first choice first, then from new to old.
    pub(super) fn versions(&self, number: usize) -> Vec<PackageId> {
        let mut ids = self.index.numbered(number).to_vec();
        let first = self.candidate(number);
        ids.sort_by_key(|&id| Some(id) != first);
        ids
    }

    /// All packages that satisfy `relation` in apt's order of choice: those that have the name before those that provide
    /// it; of these the essential, then the protected, then those of higher priority, then those that apt heard of last.
    pub(super) fn satisfying(&self, relation: &Relation) -> std::vec::IntoIter<PackageId> {
        let name = relation.name.as_str();
        let real = self
            .index
            .named(name)
            .filter(|package| matches(relation, *package))
            .map(Package::id);
        let mut provided: Vec<Package<'_>> = self
            .index
            .providers(name)
            .filter(|provided| provided.package.name() != name)
            .filter(|provided| qualifies(relation, provided.package))
            .filter(|provided| fits_provided(relation, provided.version))
            .map(|provided| provided.package)
            .collect();
        provided.sort_by(|a, b| self.compare_providers(*a, *b));
        let ids: Vec<PackageId> = real.chain(provided.into_iter().map(Package::id)).collect();
        ids.into_iter()
    }

    fn compare_providers(&self, a: Package<'_>, b: Package<'_>) -> Ordering {
        let mention = |package: Package<'_>| self.index.first_mention(self.number(package.id()));
        (a.standing(), a.priority())
            .cmp(&(b.standing(), b.priority()))
            .then_with(|| mention(b).cmp(&mention(a)))
            .then(a.id().cmp(&b.id()))
    }

    /// Those that satisfy `relation` and are first choices of their names.
    pub(super) fn candidates(&self, relation: &Relation) -> impl Iterator<Item = PackageId> {
        self.satisfying(relation)
            .filter(|&id| self.candidate(self.number(id)) == Some(id))
    }

    /// Those that satisfy `relation` and are among `chosen` (by the number of the name).
    pub(super) fn chosen<'c>(
        &'c self,
        relation: &Relation,
        chosen: &'c HashMap<usize, PackageId>,
    ) -> impl Iterator<Item = PackageId> + 'c {
        self.satisfying(relation)
            .filter(|id| chosen.get(&self.number(*id)) == Some(id))
    }

    /// The relations of a package, read when they are first asked for.
    pub(super) fn needs(&self, id: PackageId) -> Rc<Needs> {
        if let Some(known) = self.needs.borrow().get(&id) {
            return Rc::clone(known);
        }
        let needs = read_needs(self.index.get(id)).unwrap_or_else(|error| Needs {
            broken: Some(error),
            ..Needs::default()
        });
        let needs = Rc::new(needs);
        self.needs.borrow_mut().insert(id, Rc::clone(&needs));
        needs
    }
}

fn read_needs(package: Package<'_>) -> Result<Needs, ParseRelationError> {
    let excludes = package.conflicts()?.into_iter().chain(package.breaks()?);
    Ok(Needs {
        requires: package
            .pre_depends()?
            .into_iter()
            .chain(package.depends()?)
            .collect(),
        excludes: excludes
            .flat_map(|group| group.alternatives().to_vec())
            .collect(),
        broken: None,
    })
}

/// Whether a package that has the relation's name satisfies it.
fn matches(relation: &Relation, package: Package<'_>) -> bool {
    let version = relation.version.as_ref();
    qualifies(relation, package)
        && version.is_none_or(|(operator, wanted)| {
            operator.accepts(compare(package.version(), wanted.as_str()))
        })
}

fn qualifies(relation: &Relation, package: Package<'_>) -> bool {
    match &relation.qualifier {
        None | Some(Qualifier::Native) => true,
        Some(Qualifier::Any) => package.multi_arch() == MultiArch::Allowed,
        Some(Qualifier::Exact(architecture)) => architecture == package.index_architecture(),
    }
}

/// A relation with a version is satisfied only by a provided version (policy 7.5).
fn fits_provided(relation: &Relation, provided: Option<&str>) -> bool {
    match (&relation.version, provided) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((operator, wanted)), Some(version)) => {
            operator.accepts(compare(version, wanted.as_str()))
        }
    }
}
