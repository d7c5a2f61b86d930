//! Step 3 from Debian packages: packages become members, members a layer, and what their scripts would do another.
//!
//! The first layer is a skeleton of directories and one gzip member for each package, those that change most last. The
//! second holds what configuring changes: worked out, and where scripts are unknown, run and captured ([`configure`]).
//! Neither has an entry for `/app`.

mod concat;
mod configure;
mod effects;
mod files;
mod layout;
mod make;
mod member;
mod members;
mod paths;
mod pieces;
mod rewrite;
mod sum;

use std::path::PathBuf;

use crate::debian::effects::{EffectsError, Unknown};
use crate::home::Home;
use crate::image::{
    Compression, Created, Digest, Env, History, Image, Layer, RoleLabel, RunnerSpec, Target,
};
use crate::lock::{PackagePin, RoleLock};
use crate::progress::Progress;
use crate::store::{Store, StoreError};
use crate::tree::tar::{TarError, Writer};
use crate::tree::{Entry, InvalidPath};

use concat::Part;
use configure::{Group, Scene};
use files::Merged;
use layout::Layout;
use member::Member;
use pieces::{Pieces, PiecesError};

pub use configure::ConfigureError;

/// A runner cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// A package is not what a package must be.
    #[error("cannot use the package {package} {version}")]
    Package {
        /// Its name.
        package: String,
        /// Its version.
        version: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Packages do not fit together.
    #[error("cannot put the packages together")]
    Layout(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Scripts that daruma does not understand.
    #[error("cannot configure the runner without running scripts that daruma does not know:\n  {}", .0.join("\n  "))]
    Unknown(Vec<String>),
    /// Scripts that daruma does not understand could not be run either.
    #[error("cannot configure the runner in a sandbox, which must be because daruma does not know:\n  {}", scripts.join("\n  "))]
    Configure {
        /// The scripts.
        scripts: Vec<String>,
        /// Why.
        source: ConfigureError,
    },
    /// The configuration could not be worked out.
    #[error("cannot configure the runner")]
    Effects(#[from] EffectsError),
    /// A path cannot stand in an image.
    #[error("cannot write a layer")]
    Path(#[from] InvalidPath),
    /// A layer cannot be written.
    #[error("cannot write a layer")]
    Tar(#[from] TarError),
    /// The lock names a pocket that the suite does not have.
    #[error("cannot fetch {package}: the suite has no pocket `{pocket}`")]
    Pin {
        /// The package.
        package: String,
        /// The pocket.
        pocket: String,
    },
    /// The packages cannot be had.
    #[error("cannot fetch the runner's packages")]
    Fetch(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store failed.
    #[error("cannot keep the runner")]
    Store(#[from] StoreError),
    /// A file operation failed; the text names the path.
    #[error("cannot make the runner")]
    Io(#[from] std::io::Error),
}

impl From<PiecesError> for RunnerError {
    fn from(error: PiecesError) -> Self {
        match error {
            PiecesError::Path(error) => error.into(),
            PiecesError::Tar(error) => error.into(),
        }
    }
}

/// Gives the `.deb` files of packages, in the order in which they are asked for.
pub type Fetch<'a> = dyn Fn(&[PackagePin]) -> Result<Vec<PathBuf>, RunnerError> + 'a;

/// What a runner is made from and with.
pub struct RunnerInputs<'a> {
    /// Its packages.
    pub lock: &'a RoleLock,
    /// The platform.
    pub target: &'a Target,
    /// The platform's architecture in Debian's words.
    pub architecture: &'a str,
    /// The step's input digest.
    pub key: Digest,
    /// The image's `created`.
    pub created: Created,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// Gives the `.deb` files of packages, in the order in which they are asked for.
    pub fetch: &'a Fetch<'a>,
}

/// Makes the runner image; its layers are in the store.
///
/// Scripts that are not understood run where the lock has the packages to run them with; elsewhere they are
/// [`RunnerError::Unknown`].
pub fn runner(home: &Home, store: &Store, inputs: &RunnerInputs<'_>) -> Result<Image, RunnerError> {
    let pins = in_layer_order(&inputs.lock.packages, &inputs.lock.suite);
    let members = members::members(home, &pins, inputs.fetch)?;
    let layout = layout::layout(&members).map_err(|error| RunnerError::Layout(error.into()))?;
    let merged = Merged::new(&members, &layout);
    let packages = parts(&members, &layout)?;
    let (created, architecture) = (&inputs.created, inputs.architecture);
    let (layer, outcome) = rayon::join(
        || store_layer(store, &packages, created, "Debian packages"),
        || effects::configure(&members, &layout, &merged, architecture),
    );
    let (layer, outcome) = (layer?, outcome?);
    let mut pieces = effects::pieces(&outcome, &merged)?;
    pieces::add_parents(&mut pieces, &merged)?;
    if !outcome.unknown.is_empty() {
        let runner = Group {
            members: &members,
            layout: &layout,
            merged: &merged,
            parts: &packages,
        };
        pieces = run_unknown(home, store, inputs, runner, &outcome.unknown, &pieces)?;
        pieces::add_parents(&mut pieces, &merged)?;
    }
    let effects = [Part::of(pieces::layer(&pieces, merged.newest())?)?, end()?];
    let effects = store_layer(store, &effects, created, "configuration of Debian packages")?;
    let spec = RunnerSpec {
        target: inputs.target.clone(),
        layers: vec![layer, effects],
        env: [("LANG", "C.UTF-8")].into_iter().collect::<Env>(),
        label: RoleLabel::new(inputs.key).with_fact("suite", inputs.lock.suite.as_str()),
    };
    Ok(crate::image::runner(&spec, inputs.created.clone()))
}

/// The pieces with what the unknown scripts change.
fn run_unknown(
    home: &Home,
    store: &Store,
    inputs: &RunnerInputs<'_>,
    runner: Group<'_>,
    unknown: &[Unknown],
    native: &Pieces,
) -> Result<Pieces, RunnerError> {
    let scripts = effects::sentences(unknown);
    if inputs.lock.configure.is_empty() || unknown.iter().any(effects::is_loader_cache) {
        return Err(RunnerError::Unknown(scripts));
    }
    if inputs.target.arch() != Target::host().arch() {
        let source = ConfigureError::Platform(inputs.target.clone());
        return Err(RunnerError::Configure { scripts, source });
    }
    let pins = in_layer_order(&inputs.lock.configure, &inputs.lock.suite);
    let members = match members::members(home, &pins, inputs.fetch) {
        Err(RunnerError::Fetch(error)) => {
            let source = ConfigureError::Fetch(error);
            return Err(RunnerError::Configure { scripts, source });
        }
        other => other?,
    };
    let layout = layout::layout(&members).map_err(|error| RunnerError::Layout(error.into()))?;
    let merged = Merged::new(&members, &layout);
    let parts = parts(&members, &layout)?;
    let others = Group {
        members: &members,
        layout: &layout,
        merged: &merged,
        parts: &parts,
    };
    let scene = Scene {
        home,
        store,
        progress: inputs.progress,
        runner,
        others,
        native,
        unknown,
    };
    configure::configure(&scene).map_err(|source| RunnerError::Configure { scripts, source })
}

/// Packages that came from another pocket than the suite's first have changed since the release and will change again:
/// they come last, so that a change costs itself and little more.
fn in_layer_order(pins: &[PackagePin], suite: &str) -> Vec<PackagePin> {
    let mut pins = pins.to_vec();
    let is_volatile = |pin: &PackagePin| pin.pocket != suite;
    pins.sort_by(|a, b| (is_volatile(a), &a.name).cmp(&(is_volatile(b), &b.name)));
    pins
}

fn parts(members: &[Member], layout: &Layout) -> Result<Vec<Part>, RunnerError> {
    let mut parts = vec![Part::of(skeleton(layout)?)?];
    for member in members {
        parts.push(match layout.given_up.get(&member.info.package) {
            Some(paths) => Part::of(rewrite::without(member, paths)?)?,
            None => Part::Files {
                tar: member.tar.clone(),
                gzip: member.gzip.clone(),
            },
        });
    }
    parts.push(end()?);
    Ok(parts)
}

fn skeleton(layout: &Layout) -> Result<Vec<u8>, RunnerError> {
    let mut writer = Writer::new(Vec::new());
    for item in &layout.skeleton {
        let entry: Entry<u64> = item.entry()?;
        writer.append(&entry, std::io::empty())?;
    }
    Ok(writer.finish_member()?)
}

/// The end of the archive, a part like others.
fn end() -> Result<Part, RunnerError> {
    Ok(Part::of(Writer::new(Vec::new()).finish()?)?)
}

fn store_layer(
    store: &Store,
    parts: &[Part],
    created: &Created,
    what: &str,
) -> Result<Layer, RunnerError> {
    let mut blob = store.writer()?;
    let diff_id = concat::concat(parts, &mut blob)?;
    let blob = blob.finish()?;
    let history = History::new(created, &format!("daruma: {what}"));
    Ok(Layer::new(
        diff_id,
        blob.digest,
        blob.size,
        Compression::Gzip,
        history,
    ))
}
