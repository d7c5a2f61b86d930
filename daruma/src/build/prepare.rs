//! Everything up to the plan, and how it stands against what was built before.

use std::io::Write as _;
use std::time::Duration;

use super::demand::Wishes;
use super::{BuildError, LockPolicy, Project, Session, created};
use crate::debian::Architecture;
use crate::home::AtomicFile;
use crate::image::{Digest, Role, Target};
use crate::lock::{RolePins, TargetLock};
use crate::plan::{Change, Decision, Inputs, Key, Plan, Step, StepNumber, plan};
use crate::progress::Event;
use crate::resolve;
use crate::source::{Source, StatCache};
use crate::store::{RefEntry, RefName};

/// A plan, and what is to be done for it.
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// The inputs of this platform's images, exact.
    pub lock: TargetLock,
    /// The source that was looked at.
    pub source: Source,
    /// Its digest.
    pub source_digest: Digest,
    /// How each step stands, in their order.
    pub states: Vec<State>,
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// This app does without the step.
    NotNeeded,
    /// It was done for the same inputs.
    Fresh {
        /// How long it took then.
        took: Duration,
    },
    /// It was never done here.
    New,
    /// It was done for other inputs.
    Stale(Vec<Change>),
}

impl State {
    /// Whether there is something to do.
    pub fn is_due(&self) -> bool {
        matches!(self, Self::New | Self::Stale(_))
    }

    /// Why, in one sentence without a period.
    pub fn reason(&self) -> String {
        match self {
            Self::NotNeeded => "not needed".to_owned(),
            Self::Fresh { .. } => "nothing changed".to_owned(),
            Self::New => "not built here before".to_owned(),
            Self::Stale(changes) => match changes.split_first() {
                Some((first, [])) => first.to_string(),
                Some((first, more)) => format!("{first}, and {} more", more.len()),
                None => "what it made is gone".to_owned(),
            },
        }
    }
}

/// Resolves where the lock does not say enough, makes the plan, and compares it with what was built.
pub fn prepare(session: &Session<'_>, project: &Project) -> Result<Prepared, BuildError> {
    let wishes = Wishes::of(project)?;
    let lock = locked(session, project, &wishes)?;
    let source = Source::open(&project.dir)?;
    let digest = source_digest(session, project, &source)?;
    planned(session, project, wishes, lock, (source, digest))
}

/// The plan again with packages in the lock that run `scripts`, which turned out to be unknown, for the same source.
pub(super) fn with_configure(
    session: &Session<'_>,
    project: &Project,
    prepared: Prepared,
    scripts: Vec<String>,
) -> Result<Prepared, BuildError> {
    if session.settings.lock == LockPolicy::Obey {
        return Err(BuildError::NothingToConfigureWith(scripts));
    }
    let mut lock = prepared.lock;
    let archive = session.archive(project)?;
    let architecture = architecture(&session.settings.target)?;
    lock.runner.configure =
        resolve::configure(&archive, session.progress, &lock.runner, &architecture)
            .map_err(|source| BuildError::ResolveConfigure { scripts, source })?;
    write_lock(session, project, &lock)?;
    let wishes = Wishes::of(project)?;
    let source = (prepared.source, prepared.source_digest);
    planned(session, project, wishes, lock, source)
}

fn planned(
    session: &Session<'_>,
    project: &Project,
    wishes: Wishes,
    lock: TargetLock,
    (source, source_digest): (Source, Digest),
) -> Result<Prepared, BuildError> {
    let plan = plan(Inputs {
        app: project.recipe.name.as_str(),
        target: &session.settings.target,
        source: source_digest,
        metadata: project.metadata_digests(),
        runner: &lock.runner,
        env: &environment(project),
        processes: &wishes.processes,
        created: created::created(project, &lock.runner)?,
        decisions: decisions(wishes.decisions, project),
    });
    let states = StepNumber::ALL
        .iter()
        .map(|number| state(session, project, &plan, *number))
        .collect::<Result<Vec<_>, BuildError>>()?;
    Ok(Prepared {
        plan,
        lock,
        source,
        source_digest,
        states,
    })
}

fn decisions(mut decisions: Vec<Decision>, project: &Project) -> Vec<Decision> {
    for (name, at) in &project.recipe.manifest.env {
        let (what, from) = (
            format!("environment variable {name}"),
            at.origin().to_string(),
        );
        decisions.push(Decision {
            what,
            value: at.value.clone(),
            from,
        });
    }
    decisions
}

fn environment(project: &Project) -> std::collections::BTreeMap<String, String> {
    let env = project.recipe.manifest.env.iter();
    env.map(|(name, at)| (name.as_str().to_owned(), at.value.clone()))
        .collect()
}

/// The lock's entry for this platform: as it is, or resolved now and written.
fn locked(
    session: &Session<'_>,
    project: &Project,
    wishes: &Wishes,
) -> Result<TargetLock, BuildError> {
    let target = &session.settings.target;
    let demand = wishes.demand();
    let old = project.lock.as_ref().and_then(|lock| lock.target(target));
    for need in demand.unknown() {
        session.progress.event(Event::Note(&format!(
            "{}: no package is known for `{}`; it must be in the source or in [runner] packages",
            need.from, need.program
        )));
    }
    if let Some(old) = old.filter(|old| demand.is_met_by(&old.runner)) {
        return Ok(old.clone());
    }
    if session.settings.lock == LockPolicy::Obey {
        let reason = match old {
            Some(_) => "the recipe asks for other packages than it has".to_owned(),
            None => format!("it has nothing for {target}"),
        };
        return Err(BuildError::Locked { reason });
    }
    let archive = session.archive(project)?;
    let architecture = architecture(target)?;
    let resolved = resolve::runner(
        &archive,
        session.progress,
        &demand,
        &architecture,
        old.map(|old| &old.runner),
    )?;
    let entry = TargetLock {
        platform: target.clone(),
        builder: None,
        runner: resolved.lock,
    };
    write_lock(session, project, &entry)?;
    Ok(entry)
}

/// Writes `entry` into the project's lock, whose other platforms stay.
pub(super) fn write_lock(
    session: &Session<'_>,
    project: &Project,
    entry: &TargetLock,
) -> Result<(), BuildError> {
    let lock = project.lock.clone().unwrap_or_default().with(entry.clone());
    let path = project.lock_path();
    let mut file = AtomicFile::beside(&path)?;
    file.write_all(lock.render().as_bytes())?;
    file.commit()?;
    let RolePins {
        packages,
        configure,
    } = entry.runner.pins();
    let also = match configure.len() {
        0 => String::new(),
        more => format!(", {more} more to configure them"),
    };
    session.progress.event(Event::Note(&format!(
        "wrote daruma.lock ({} packages{also})",
        packages.len()
    )));
    Ok(())
}

/// Debian's name for the platform's architecture.
pub(super) fn architecture(target: &Target) -> Result<Architecture, BuildError> {
    let name = match (target.arch(), target.variant()) {
        ("amd64", _) => "amd64",
        ("arm64", _) => "arm64",
        ("arm", Some("v5" | "v6")) => "armel",
        ("arm", _) => "armhf",
        ("386", _) => "i386",
        ("ppc64le", _) => "ppc64el",
        ("riscv64", _) => "riscv64",
        ("s390x", _) => "s390x",
        _ => return Err(BuildError::Platform(target.clone())),
    };
    name.parse()
        .map_err(|_| BuildError::Platform(target.clone()))
}

fn source_digest(
    session: &Session<'_>,
    project: &Project,
    source: &Source,
) -> Result<Digest, BuildError> {
    let path = session.home.caches(project.id.as_str()).join("source.stat");
    let known = fs_err::read(&path).ok();
    let mut cache = known
        .and_then(|bytes| StatCache::from_bytes(&bytes))
        .unwrap_or_default();
    let before = cache.clone();
    let digest = Digest::from_bytes(source.digest(&mut cache)?.0);
    if cache != before {
        session.home.write(&path, &cache.to_bytes())?;
    }
    Ok(digest)
}

/// The roles that a step makes.
pub(super) fn roles(plan: &Plan, number: StepNumber) -> Result<Vec<Role>, BuildError> {
    Ok(match number {
        StepNumber::Builder => vec![Role::Builder],
        StepNumber::Compile => vec![Role::Compiled],
        StepNumber::Runner => vec![Role::Runner],
        StepNumber::App => plan
            .processes
            .iter()
            .map(|process| Role::app(&process.name))
            .collect::<Result<_, _>>()
            .map_err(crate::roles::AppError::from)?,
    })
}

/// The name of an image of this app.
pub(super) fn ref_name(session: &Session<'_>, project: &Project, role: Role) -> RefName {
    RefName {
        app: project.id.clone(),
        target: session.settings.target.clone(),
        role,
    }
}

fn state(
    session: &Session<'_>,
    project: &Project,
    plan: &Plan,
    number: StepNumber,
) -> Result<State, BuildError> {
    let Some(Step { key: Some(key), .. }) = plan.step(number) else {
        return Ok(State::NotNeeded);
    };
    let mut took = Duration::ZERO;
    for role in roles(plan, number)? {
        let name = ref_name(session, project, role);
        let Some(entry) = session.store.get_ref(&name)? else {
            return Ok(State::New);
        };
        if entry.key != key.digest() {
            return Ok(State::Stale(changes(&entry, key)));
        }
        if session.store.current(&name)?.is_none() {
            return Ok(State::Stale(Vec::new()));
        }
        took = took.max(entry.took);
    }
    Ok(State::Fresh { took })
}

fn changes(entry: &RefEntry, key: &Key) -> Vec<Change> {
    let old: Option<Key> = serde_json::from_value(entry.inputs.clone()).ok();
    old.map(|old| key.changes_since(&old)).unwrap_or_default()
}
