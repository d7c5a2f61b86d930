//! The packages of a runner.

use std::collections::BTreeMap;

use super::programs::package_of;
use super::prune::prune;
use crate::archive::{Archive, ArchiveError, PocketIndex, Snapshot};
use crate::debian::{
    Architecture, Essential, Index, IndexError, PackageId, PackageName, ParseRelationError, Pocket,
    Relation, Relations, Request, SolveError, Version, solve,
};
use crate::image::Created;
use crate::language::Need;
use crate::lock::{PackagePin, PocketPin, RoleLock};
use crate::progress::Progress;

/// What every runner holds unless the recipe says less: a shell, the core utilities, certificates and time zones.
pub const DEFAULT_BASE: &[&str] = &[
    "base-files",
    "base-passwd",
    "ca-certificates",
    "coreutils",
    "dash",
    "libc-bin",
    "tzdata",
];

/// What a runner holds with `base = "minimal"`: names for users, and where programs look for libraries.
pub const MINIMAL_BASE: &[&str] = &["base-files", "base-passwd", "libc-bin"];

/// What a runner must have.
#[derive(Clone, Debug)]
pub struct Demand<'a> {
    /// The suite, by codename.
    pub suite: &'a str,
    /// The packages that every app gets.
    pub base: &'a [&'a str],
    /// The programs that processes name.
    pub needs: &'a [Need],
    /// What the user declared, in Debian's relation syntax.
    pub packages: &'a [String],
}

/// The outcome of a resolution.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The exact packages.
    pub lock: RoleLock,
    /// Programs that no package is known for; the source or a declared package may still have them.
    pub unknown: Vec<Need>,
}

/// No exact set of packages can be had.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// What the user wrote is no relation.
    #[error("cannot read the package `{text}`")]
    Declared {
        /// What was written.
        text: String,
        /// What is wrong with it.
        source: ParseRelationError,
    },
    /// The archive failed.
    #[error("cannot read the archive")]
    Archive(#[from] ArchiveError),
    /// An index of the archive is damaged.
    #[error("cannot read the archive's indexes")]
    Index(#[from] IndexError),
    /// A relation in the archive is damaged.
    #[error("cannot read a dependency in the archive's indexes")]
    Relation(#[from] ParseRelationError),
    /// The packages do not exist or do not fit together.
    #[error("cannot resolve the runner's packages")]
    Solve(#[from] SolveError),
    /// The packages that run unknown scripts do not fit those of the lock.
    #[error(
        "cannot resolve the packages that configure the runner; the archive may have moved on from daruma.lock"
    )]
    Configure(#[source] SolveError),
}

impl Demand<'_> {
    /// What is asked for, in order, each once; and the programs without a known package.
    fn declared(&self) -> (Vec<String>, Vec<Need>) {
        let mut declared: Vec<String> = Vec::new();
        let mut unknown = Vec::new();
        let mut add = |text: &str| {
            if !declared.iter().any(|known| known == text) {
                declared.push(text.to_owned());
            }
        };
        self.base.iter().for_each(|name| add(name));
        for need in self.needs {
            match package_of(&need.program) {
                Some(package) => add(package),
                None => unknown.push(need.clone()),
            }
        }
        self.packages.iter().for_each(|text| add(text));
        (declared, unknown)
    }

    /// Whether `lock` was made for this demand.
    pub fn is_met_by(&self, lock: &RoleLock) -> bool {
        lock.suite == self.suite && lock.declared == self.declared().0
    }

    /// The programs without a known package.
    pub fn unknown(&self) -> Vec<Need> {
        self.declared().1
    }
}

/// Resolves a runner's packages. Those that `previous` pins stay where they still can.
pub fn runner(
    archive: &dyn Archive,
    progress: &dyn Progress,
    demand: &Demand<'_>,
    architecture: &Architecture,
    previous: Option<&RoleLock>,
) -> Result<Resolved, ResolveError> {
    let (declared, unknown) = demand.declared();
    let wanted = relations(&declared, architecture)?;
    let snapshot = archive.snapshot(demand.suite, architecture.as_str(), progress)?;
    let index = index(&snapshot, architecture)?;
    let preferred = previous.map(preferred).unwrap_or_default();
    let request = Request {
        wanted: &wanted,
        essential: Essential::OnDemand,
        preferred: &preferred,
    };
    let selected = solve(&index, &request)?;
    let mut packages: Vec<PackagePin> = prune(&index, &selected, &wanted)?
        .into_iter()
        .map(|id| pin(&index, id))
        .collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let suite = demand.suite.to_owned();
    let lock = RoleLock {
        suite,
        declared,
        pockets: pockets(&snapshot),
        packages,
        configure: Vec::new(),
    };
    Ok(Resolved { lock, unknown })
}

pub(super) fn relations(
    declared: &[String],
    architecture: &Architecture,
) -> Result<Vec<Relation>, ResolveError> {
    let mut wanted = Vec::new();
    for text in declared {
        let relations =
            Relations::parse(text, architecture).map_err(|source| ResolveError::Declared {
                text: text.clone(),
                source,
            })?;
        wanted.extend(
            relations
                .into_iter()
                .filter_map(|group| group.alternatives().first().cloned()),
        );
    }
    Ok(wanted)
}

pub(super) fn index(
    snapshot: &Snapshot,
    architecture: &Architecture,
) -> Result<Index, ResolveError> {
    let texts = snapshot.pockets.iter().flat_map(|pocket| {
        pocket
            .packages
            .iter()
            .map(|packages| Pocket::new(&pocket.suite, packages.text.clone()))
    });
    Ok(Index::new(texts.collect(), architecture)?)
}

pub(super) fn preferred(lock: &RoleLock) -> BTreeMap<PackageName, Version> {
    let pins = lock.packages.iter();
    pins.filter_map(|pin| Some((pin.name.parse().ok()?, pin.version.parse().ok()?)))
        .collect()
}

pub(super) fn pin(index: &Index, id: PackageId) -> PackagePin {
    let package = index.get(id);
    PackagePin {
        name: package.name().to_owned(),
        version: package.version().to_owned(),
        arch: package.architecture().to_owned(),
        sha256: package.sha256().to_owned(),
        size: package.size(),
        path: package.filename().to_owned(),
        pocket: package.pocket().to_owned(),
    }
}

fn pockets(snapshot: &Snapshot) -> Vec<PocketPin> {
    let pin = |pocket: &PocketIndex| PocketPin {
        name: pocket.suite.clone(),
        inrelease: pocket.inrelease,
        date: Created::from_unix(pocket.date)
            .map(String::from)
            .unwrap_or_default(),
        key: pocket
            .signers
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
    };
    snapshot.pockets.iter().map(pin).collect()
}
