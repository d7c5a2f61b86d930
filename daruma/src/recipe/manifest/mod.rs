//! `daruma.toml`: everything in it is optional, and an absent key means the default that the type names.
//!
//! `docs/reference/daruma-toml.md` shows each key; [`KEYS`] is the same list as data.

mod advice;
mod choices;
mod reader;
mod schema;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::app_name::AppName;
use super::diagnostic::{Checked, Report};
use super::env_name::EnvName;
use super::error::RecipeError;
use super::position::{At, File};
use super::process_name::ProcessName;
use super::text::check_size;

pub use schema::{KEYS, Key};

/// What `daruma.toml` says. `None` and empty lists mean that it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The application's name; else the directory's.
    pub name: Option<At<AppName>>,
    /// Platforms to build for, as written; else this machine's.
    pub platforms: Vec<At<String>>,
    /// `[debian]`: the archive.
    pub debian: Archive,
    /// `[builder]`
    pub builder: Builder,
    /// `[runner]`
    pub runner: Runner,
    /// `[compile]`
    pub compile: Compile,
    /// `[build]`
    pub build: Build,
    /// `[env]`: environment in the image's configuration.
    pub env: BTreeMap<EnvName, At<String>>,
    /// `[versions]`: version requirements by language, as written.
    pub versions: BTreeMap<String, At<String>>,
    /// `[process.<name>]`, each with the place of its name.
    pub processes: BTreeMap<ProcessName, At<ProcessSettings>>,
    /// `[engine] default`
    pub engine: Option<At<EngineChoice>>,
}

/// Where Debian packages come from; each value overrides what the host's configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// URL of the archive.
    pub mirror: Option<At<String>>,
    /// URL of the security archive.
    pub security: Option<At<String>>,
    /// Path of a keyring, relative to the application's directory.
    pub keyring: Option<At<String>>,
    /// URL of a snapshot service, for packages that mirrors no longer have.
    pub snapshot: Option<At<String>>,
    /// What to do with an index that is past its `Valid-Until`.
    pub expired: Option<At<Expired>>,
}

/// What to do with an index that is past its `Valid-Until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expired {
    /// Refuse it.
    #[default]
    Refuse,
    /// Accept it: mirrors lag.
    Accept,
}

/// The image that dependencies are installed and the application is compiled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builder {
    /// What it is made from.
    pub source: RoleSource,
    /// More packages, as Debian relations, as written.
    pub packages: Vec<At<String>>,
}

/// The image below the compiled application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runner {
    /// What it is made from.
    pub source: RoleSource,
    /// More packages, as Debian relations, as written.
    pub packages: Vec<At<String>>,
    /// How much of a system it holds; only where `source` is [`RoleSource::Debian`].
    pub base: Option<At<Base>>,
    /// Where the language runtime lies.
    pub runtime: Option<At<RuntimePlace>>,
}

/// What a role is made from: exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleSource {
    /// Debian packages.
    Debian {
        /// The suite, as written; else the newest stable one that has what is needed.
        suite: Option<At<String>>,
    },
    /// An image reference, as written.
    Image(At<String>),
    /// A Dockerfile.
    Dockerfile {
        /// Its path, relative to the application's directory.
        path: At<String>,
        /// The stage.
        target: Option<At<String>>,
        /// Build arguments.
        args: BTreeMap<String, At<String>>,
    },
}

impl Default for RoleSource {
    fn default() -> Self {
        Self::Debian { suite: None }
    }
}

/// How much of a system a runner of Debian packages holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// A shell, core utilities, certificates and time zones.
    #[default]
    Default,
    /// What the dependencies need and user names.
    Minimal,
    /// What the dependencies need.
    None,
}

/// Where the language runtime lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuntimePlace {
    /// In the runner, below the seam: a patch of the runtime is a rebase.
    #[default]
    Runner,
    /// Under `/app/.daruma/runtime`, with its libraries and loader.
    App,
}

/// `[compile]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compile {
    /// Commands in their order; `None` is the languages' default, an empty list is nothing to do.
    pub run: Option<Vec<At<String>>>,
    /// Where they run, relative to the application's directory.
    pub workdir: Option<At<String>>,
}

/// `[build]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Build {
    /// Names of credentials that package managers may see.
    pub credentials: Vec<At<String>>,
    /// What of the network commands may reach.
    pub network: Option<At<Network>>,
}

/// What of the network the commands of a build may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Nothing.
    None,
    /// Everything while dependencies are installed (step 1), nothing after.
    Deps,
    /// What the host reaches.
    #[default]
    Host,
}

/// `[process.<name>]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The command, in place of the Procfile's.
    pub command: Option<At<String>>,
    /// Whether `daruma start` without names starts it.
    pub start: Option<At<Start>>,
}

/// When a process starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With `daruma start` without names.
    #[default]
    ByDefault,
    /// Only where it is named.
    OnRequest,
}

/// What runs commands in images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The one that is built in.
    #[default]
    Sandbox,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Manifest {
    /// Reads the text of a `daruma.toml` (TOML 1.1). All errors are found in one run.
    pub fn parse(text: &str) -> Result<Checked<Self>, RecipeError> {
        check_size(File::Manifest, text.len())?;
        let mut report = Report::default();
        let manifest = read(text, &mut report);
        report.finish(manifest)
    }
}

pub(super) use sections::read;
