//! Carries the plan out.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::prepare::{architecture, prepare, ref_name, roles, with_configure};
use super::{BuildError, Prepared, Project, Session, State};
use crate::archive::{Archive as _, DebRef, Mirrors};
use crate::image::{Created, Digest, Image, Role};
use crate::lock::PackagePin;
use crate::plan::{Step, StepNumber};
use crate::progress::Event;
use crate::roles::{self as make, AppInputs, RunnerError, RunnerInputs};
use crate::store::RefEntry;

/// Which steps to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: StepNumber,
    /// The last.
    pub last: StepNumber,
}

impl Range {
    /// All four.
    pub const ALL: Self = Self {
        first: StepNumber::Builder,
        last: StepNumber::App,
    };

    fn contains(self, number: StepNumber) -> bool {
        self.first <= number && number <= self.last
    }
}

/// What a build came to.
#[derive(Debug)]
pub struct Built {
    /// The app's images that there are now, in the order of the plan's processes.
    pub images: Vec<BuiltImage>,
    /// How many steps were done.
    pub done: usize,
}

/// One app image.
#[derive(Debug)]
pub struct BuiltImage {
    /// Its process.
    pub process: String,
    /// Its manifest's digest.
    pub manifest: Digest,
    /// The image.
    pub image: Image,
}

/// Builds what is due within `range`; earlier steps must have been done.
pub fn build(session: &Session<'_>, project: &Project, range: Range) -> Result<Built, BuildError> {
    let _lock = session.home.lock(&format!("app.{}", project.id))?;
    super::gone::remember(session, project)?;
    let mut prepared = prepare(session, project)?;
    let mut done = 0;
    let due = StepNumber::ALL.into_iter();
    for number in due.filter(|number| range.contains(*number)) {
        let did = match do_step(session, project, &prepared, number) {
            // Only now it is known that there are scripts to run, and what runs them is an input like others.
            Err(BuildError::Runner(RunnerError::Unknown(scripts)))
                if prepared.lock.runner.configure.is_empty() =>
            {
                prepared = with_configure(session, project, prepared, scripts)?;
                do_step(session, project, &prepared, number)?
            }
            other => other?,
        };
        done += usize::from(did);
    }
    Ok(Built {
        images: images(session, project, &prepared)?,
        done,
    })
}

/// Does one step if it is due, and tells either way.
fn do_step(
    session: &Session<'_>,
    project: &Project,
    prepared: &Prepared,
    number: StepNumber,
) -> Result<bool, BuildError> {
    let mut states = StepNumber::ALL.into_iter().zip(&prepared.states);
    let state = states.find(|(of, _)| *of == number);
    let (Some(step), Some((_, state))) = (prepared.plan.step(number), state) else {
        return Ok(false);
    };
    let (number, title) = (u8::from(step.number), step.title);
    match state {
        State::NotNeeded => return Ok(false),
        State::Fresh { took } => {
            let saved = Some(*took);
            session.progress.event(Event::StepKept {
                step: number,
                title,
                saved,
            });
            return Ok(false);
        }
        State::New | State::Stale(_) => {}
    }
    let reason = state.reason();
    session.progress.event(Event::StepStarted {
        step: number,
        title,
        reason: &reason,
    });
    let start = Instant::now();
    let made = match step.number {
        StepNumber::Builder => Vec::new(),
        StepNumber::Compile => compile(session, prepared)?,
        StepNumber::Runner => runner(session, project, prepared, step)?,
        StepNumber::App => apps(session, project, prepared)?,
    };
    let took = start.elapsed();
    for made in &made {
        keep(session, project, prepared, step, made, took)?;
    }
    session.progress.event(Event::StepDone {
        step: number,
        title,
        took,
    });
    Ok(true)
}

fn created(prepared: &Prepared) -> Result<Created, BuildError> {
    Ok(Created::from_unix(prepared.plan.created)?)
}

/// What names the step's work.
fn digest(step: &Step) -> Digest {
    step.key.clone().unwrap_or_default().digest()
}

fn compile(session: &Session<'_>, prepared: &Prepared) -> Result<Vec<(Role, Image)>, BuildError> {
    let target = &session.settings.target;
    // The time is no input of step 2: a commit that changes no file must not make new layers.
    let epoch = Created::from_unix(0)?;
    let image = make::take(&session.store, &prepared.source, target, &epoch)?;
    Ok(vec![(Role::Compiled, image)])
}

fn runner(
    session: &Session<'_>,
    project: &Project,
    prepared: &Prepared,
    step: &Step,
) -> Result<Vec<(Role, Image)>, BuildError> {
    let target = &session.settings.target;
    let architecture = architecture(target)?;
    let fetch = |pins: &[PackagePin]| fetch(session, project, prepared, pins);
    let inputs = RunnerInputs {
        lock: &prepared.lock.runner,
        target,
        architecture: architecture.as_str(),
        key: digest(step),
        created: runner_time(prepared)?,
        progress: session.progress,
        fetch: &fetch,
    };
    let image = make::runner(&session.home, &session.store, &inputs)?;
    Ok(vec![(Role::Runner, image)])
}

/// A runner's time is that of the newest index that its packages came from.
fn runner_time(prepared: &Prepared) -> Result<Created, BuildError> {
    let pockets = prepared.lock.runner.pockets.iter();
    let newest = pockets
        .filter_map(|pocket| Created::parse(&pocket.date).ok())
        .map(|date| date.unix())
        .max();
    Ok(Created::from_unix(newest.unwrap_or(0))?)
}

fn fetch(
    session: &Session<'_>,
    project: &Project,
    prepared: &Prepared,
    pins: &[PackagePin],
) -> Result<Vec<PathBuf>, RunnerError> {
    let archive = session
        .archive(project)
        .map_err(|error| RunnerError::Fetch(error.into()))?;
    let debs = wanted(&archive, prepared, pins)?;
    archive
        .fetch(&debs, session.progress)
        .map_err(|error| RunnerError::Fetch(error.into()))
}

/// The packages as the archive names them; the lock's check has seen that digests and pockets are sound.
fn wanted(
    archive: &Mirrors,
    prepared: &Prepared,
    pins: &[PackagePin],
) -> Result<Vec<DebRef>, RunnerError> {
    let pockets = archive.pockets(&prepared.lock.runner.suite);
    let one = |pin: &PackagePin| {
        let pocket = pockets
            .iter()
            .find(|(_, name)| *name == pin.pocket)
            .map(|(pocket, _)| *pocket);
        let (Some(pocket), Ok(sha256)) = (pocket, pin.digest()) else {
            return Err(RunnerError::Pin {
                package: pin.name.clone(),
                pocket: pin.pocket.clone(),
            });
        };
        Ok(DebRef {
            pocket,
            path: pin.path.clone(),
            sha256,
            size: pin.size,
        })
    };
    pins.iter().map(one).collect()
}

fn apps(
    session: &Session<'_>,
    project: &Project,
    prepared: &Prepared,
) -> Result<Vec<(Role, Image)>, BuildError> {
    let plan = &prepared.plan;
    let runner = current_image(session, project, Role::Runner)?;
    let compiled = current_image(session, project, Role::Compiled)?;
    let compiled_key = plan
        .step(StepNumber::Compile)
        .map_or_else(|| Digest::of(b""), digest);
    let inputs = AppInputs {
        name: &plan.app,
        runner: &runner,
        compiled: &compiled,
        compiled_key,
        metadata: &project.metadata,
        env: &plan.env,
        created: created(prepared)?,
    };
    let seam = make::metadata_layer(&session.store, &inputs)?;
    let image = |process: &crate::plan::ProcessInput| -> Result<(Role, Image), BuildError> {
        let image = make::app(&inputs, &seam, process)?;
        let role = Role::app(&process.name).map_err(crate::roles::AppError::from)?;
        Ok((role, image))
    };
    plan.processes.iter().map(image).collect()
}

/// The app's image for `role`, as it was last built.
pub fn current_image(
    session: &Session<'_>,
    project: &Project,
    role: Role,
) -> Result<Image, BuildError> {
    let missing = BuildError::Missing {
        role: role.to_string(),
    };
    let found = session.store.current(&ref_name(session, project, role))?;
    found.map(|(_, image)| image).ok_or(missing)
}

fn keep(
    session: &Session<'_>,
    project: &Project,
    prepared: &Prepared,
    step: &Step,
    (role, image): &(Role, Image),
    took: Duration,
) -> Result<(), BuildError> {
    let entry = RefEntry {
        manifest: session.store.put_image(image)?,
        key: digest(step),
        made: Created::now(),
        took,
        uses: uses(prepared, role),
        inputs: serde_json::to_value(&step.key).unwrap_or_default(),
    };
    let name = ref_name(session, project, role.clone());
    Ok(session.store.set_ref(&name, &entry)?)
}

/// The packages behind a runner: while it stands, an update of one of them should find the others.
fn uses(prepared: &Prepared, role: &Role) -> Vec<Digest> {
    let pins = prepared.lock.runner.pins();
    let all = pins.packages.iter().chain(pins.configure);
    match role {
        Role::Runner => all.filter_map(|pin| pin.digest().ok()).collect(),
        _ => Vec::new(),
    }
}

fn images(
    session: &Session<'_>,
    project: &Project,
    prepared: &Prepared,
) -> Result<Vec<BuiltImage>, BuildError> {
    let mut images = Vec::new();
    for (role, process) in roles(&prepared.plan, StepNumber::App)?
        .into_iter()
        .zip(&prepared.plan.processes)
    {
        if let Some((entry, image)) = session.store.current(&ref_name(session, project, role))? {
            let manifest = entry.manifest.digest;
            images.push(BuiltImage {
                process: process.name.clone(),
                manifest,
                image,
            });
        }
    }
    Ok(images)
}
