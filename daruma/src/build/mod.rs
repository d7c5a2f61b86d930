//! The driver: resolve → plan → roles, doing only the steps whose inputs changed.

mod created;
mod demand;
mod execute;
mod gone;
mod prepare;
mod project;
mod session;
mod unsupported;

pub use execute::{Built, BuiltImage, Range, build, current_image};
pub use gone::forget_gone_apps;
pub use prepare::{Prepared, State, prepare};
pub use project::Project;
pub use session::{LockPolicy, Session, Settings};

use crate::archive::ArchiveError;
use crate::image::{ImageError, InvalidTime};
use crate::lock::LockError;
use crate::recipe::RecipeError;
use crate::resolve::ResolveError;
use crate::roles::{AppError, CompiledError, RunnerError};
use crate::source::SourceError;
use crate::store::StoreError;

/// An app cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The user's files are wrong.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// `daruma.lock` cannot be read.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// `daruma.lock` is missing or behind the recipe, and may not be written.
    #[error("cannot use daruma.lock as it is: {reason}")]
    Locked {
        /// What differs.
        reason: String,
    },
    /// Unknown scripts must run, and `daruma.lock`, which may not be written, has no packages to run them with.
    #[error("cannot use daruma.lock as it is: it has no packages to run scripts with that daruma does not know:\n  {}", .0.join("\n  "))]
    NothingToConfigureWith(Vec<String>),
    /// The packages to run unknown scripts with cannot be resolved.
    #[error("cannot find out what runs scripts that daruma does not know:\n  {}", scripts.join("\n  "))]
    ResolveConfigure {
        /// The scripts.
        scripts: Vec<String>,
        /// Why.
        source: ResolveError,
    },
    /// The recipe declares nothing to run.
    #[error("cannot find a process to run in {}: there is no Procfile and no [process.*] in daruma.toml", dir.display())]
    NoProcess {
        /// The app's directory.
        dir: std::path::PathBuf,
    },
    /// The recipe asks for something that this version does not do.
    #[error(
        "cannot do what {what} ({origin}) asks for: this version of daruma compiles nothing and makes its roles from Debian packages, in its own sandbox"
    )]
    Unsupported {
        /// What is asked for.
        what: String,
        /// Where.
        origin: String,
    },
    /// A package has no architecture for the platform.
    #[error("cannot build for {0}: Debian has no architecture for it")]
    Platform(crate::image::Target),
    /// `SOURCE_DATE_EPOCH` is no time.
    #[error("cannot read SOURCE_DATE_EPOCH `{0}`: it must be a number of seconds since 1970")]
    Epoch(String),
    /// A time is out of range.
    #[error("cannot date the images")]
    Time(#[from] InvalidTime),
    /// A step that was left out has not been done.
    #[error("cannot find the {role} image: the step that makes it was not done yet")]
    Missing {
        /// The image's role.
        role: String,
    },
    /// The packages cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A mirror's address is none.
    #[error("cannot use the mirror")]
    Mirror(#[source] crate::http::InvalidUrl),
    /// The archive failed.
    #[error("cannot use the archive")]
    Archive(#[from] ArchiveError),
    /// The source cannot be read.
    #[error("cannot read the source")]
    Source(#[from] SourceError),
    /// Step 2 failed.
    #[error("step 2 (compile) failed")]
    Compile(#[from] CompiledError),
    /// Step 3 failed.
    #[error("step 3 (runner image) failed")]
    Runner(#[from] RunnerError),
    /// Step 4 failed.
    #[error("step 4 (app images) failed")]
    App(#[from] AppError),
    /// An image in the store is damaged.
    #[error("cannot read an image")]
    Image(#[from] ImageError),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[from] StoreError),
    /// A file operation failed; the text names the path.
    #[error("cannot read or write the project")]
    Io(#[from] std::io::Error),
}
