//! Which kind of failure each error of the core is, and what helps.

use std::error::Error;

use super::failure::{Failure, Kind};
use crate::archive::ArchiveError;
use crate::build::BuildError;
use crate::engine::{EngineError, RootsError};
use crate::home::HomeError;
use crate::http::HttpError;
use crate::image::{ImageError, InvalidReference};
use crate::recipe::RecipeError;
use crate::run::RunError;
use crate::store::StoreError;

/// What helps where the network is to blame.
const NETWORK: &str =
    "check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL";

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let hint = match &error {
            BuildError::NoProcess { .. } => Some("echo 'web: ./server' > Procfile"),
            BuildError::Locked { .. } => {
                Some("run the command without --locked, and commit daruma.lock")
            }
            BuildError::Missing { .. } => Some("daruma build"),
            _ => None,
        };
        let kind = match &error {
            BuildError::Recipe(_)
            | BuildError::Lock(_)
            | BuildError::Locked { .. }
            | BuildError::NoProcess { .. }
            | BuildError::Unsupported { .. }
            | BuildError::Platform(_)
            | BuildError::Epoch(_) => Kind::Usage,
            _ if is_network(&error) => Kind::TryAgain,
            _ => Kind::Failed,
        };
        let network = (kind == Kind::TryAgain).then_some(NETWORK);
        let failure = Self::new(kind, error);
        hint.or(network).into_iter().fold(failure, Failure::hint)
    }
}

/// Whether the network is to blame, so that the same command may succeed later.
fn is_network(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| {
        let http = cause.downcast_ref::<HttpError>();
        let archive = cause.downcast_ref::<ArchiveError>();
        http.is_some_and(is_request) || archive.is_some_and(is_every_mirror)
    })
}

/// A name that is not found is not worth a second try at once, but may well be found when the network is back.
fn is_request(error: &HttpError) -> bool {
    error.is_transient() || matches!(error, HttpError::HostNotFound { .. })
}

fn is_every_mirror(error: &ArchiveError) -> bool {
    matches!(error, ArchiveError::NoMirror { tried, .. } if tried.iter().all(|error| is_network(error)))
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let kind = match &error {
            RunError::UnknownProcess { .. }
            | RunError::NothingDeclared
            | RunError::NothingByDefault { .. }
            | RunError::PortSpec { .. }
            | RunError::DotenvPort { .. }
            | RunError::Ports { .. } => Kind::Usage,
            _ => Kind::Failed,
        };
        Self::new(kind, error)
    }
}

impl From<RecipeError> for Failure {
    fn from(error: RecipeError) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<InvalidReference> for Failure {
    fn from(error: InvalidReference) -> Self {
        Self::new(Kind::Usage, error)
    }
}

/// Errors that are nobody's fault in particular.
macro_rules! plain_failures {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Kind::Failed, error)
            }
        })+
    };
}

plain_failures!(
    EngineError,
    HomeError,
    ImageError,
    RootsError,
    StoreError,
    std::io::Error
);
