//! Why scripts could not be run, or what they did that no script may do.

use super::super::pieces::PiecesError;
use crate::debian::ControlError;
use crate::engine::EngineError;
use crate::image::Target;
use crate::store::StoreError;
use crate::tree::capture::CaptureError;
use crate::tree::tar::TarError;
use crate::tree::unpack::UnpackError;
use crate::tree::{InvalidPath, MemoryError, TreePath};

/// Scripts could not be run, or did what no script may do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// There is no sandbox on this machine, or it failed.
    #[error("cannot run scripts in the sandbox")]
    Sandbox(#[source] EngineError),
    /// The scripts are for another kind of machine.
    #[error("cannot run programs for {0} on this machine")]
    Platform(Target),
    /// The packages to run scripts with cannot be had.
    #[error("cannot fetch the packages that run them")]
    Fetch(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A script failed.
    #[error(
        "cannot configure {}: dpkg ended with {status}, after{output}",
        listed(packages)
    )]
    Script {
        /// The packages that dpkg names; empty where it named none.
        packages: Vec<String>,
        /// What dpkg, or the shell around it, returned.
        status: u8,
        /// The last lines of output, each on a line of its own.
        output: String,
    },
    /// A script wrote where packages write nothing.
    #[error(
        "cannot take what the scripts of {package} wrote to /{path}: no package has anything to write there"
    )]
    Unexplained {
        /// The package.
        package: String,
        /// The path.
        path: TreePath,
    },
    /// A script changed what packages outside the runner had changed before.
    #[error(
        "cannot take what the scripts of {package} wrote to /{path}: packages that are not in the runner write there too"
    )]
    Mixed {
        /// The package.
        package: String,
        /// The path.
        path: TreePath,
    },
    /// A package's control file is damaged.
    #[error("cannot use the control file of {package}")]
    Control {
        /// The package.
        package: String,
        /// What is wrong with it.
        source: ControlError,
    },
    /// The engine did not hand back what a job changed.
    #[error("internal error: the sandbox kept no changes")]
    NoChanges,
    /// A layer of the configure root cannot be unpacked.
    #[error("cannot unpack the configure root")]
    Unpack(#[from] UnpackError),
    /// What a script changed cannot be read.
    #[error("cannot take what scripts changed")]
    Capture(#[from] CaptureError),
    /// What a script changed cannot be kept.
    #[error("cannot take what scripts changed")]
    Memory(#[from] MemoryError),
    /// A layer cannot be written.
    #[error("cannot write a layer of the configure root")]
    Tar(#[from] TarError),
    /// A path cannot stand in an image.
    #[error("cannot write a layer of the configure root")]
    Path(#[from] InvalidPath),
    /// The store failed.
    #[error("cannot keep the configure root")]
    Store(#[from] StoreError),
    /// A file operation failed; the text names the path.
    #[error("cannot make the configure root")]
    Io(#[from] std::io::Error),
}

impl From<PiecesError> for ConfigureError {
    fn from(error: PiecesError) -> Self {
        match error {
            PiecesError::Path(error) => error.into(),
            PiecesError::Tar(error) => error.into(),
        }
    }
}

fn listed(packages: &[String]) -> String {
    match packages {
        [] => "the packages".to_owned(),
        names => names.join(", "),
    }
}
