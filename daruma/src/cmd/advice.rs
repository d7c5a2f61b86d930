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
use crate::tree::unpack::UnpackError;

/// What helps where the network is to blame.
const NETWORK: &str =
    "check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL";

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let hint = match &error {
            BuildError::NoProcess { .. } => Some("echo 'web: ./server' > Procfile"),
            BuildError::Locked { .. } | BuildError::NothingToConfigureWith(_) => {
                Some("run the command without --locked, and commit daruma.lock")
            }
            BuildError::Missing { .. } => Some("daruma build"),
            _ => None,
        };
        let kind = match &error {
            BuildError::Recipe(_)
            | BuildError::Lock(_)
            | BuildError::Locked { .. }
            | BuildError::NothingToConfigureWith(_)
            | BuildError::NoProcess { .. }
            | BuildError::Unsupported { .. }
            | BuildError::Platform(_)
            | BuildError::Epoch(_) => Kind::Usage,
            _ if is_network(&error) => Kind::TryAgain,
            _ => Kind::Failed,
        };
        let network = (kind == Kind::TryAgain).then_some(NETWORK);
        let hint = hint.or(network).or(damage_hint(&error));
        let failure = Self::new(kind, error);
        hint.into_iter().fold(failure, Failure::hint)
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

/// What helps where a blob is not what its name says.
fn damage_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let damaged = causes.any(|cause| {
        // Who reads a blob to its end gets the store's error as one of reading, which is no source of its own.
        let read = cause.downcast_ref::<std::io::Error>();
        let inner = read.and_then(|error| error.get_ref()?.downcast_ref::<StoreError>());
        let store = inner.or(cause.downcast_ref::<StoreError>());
        let wrong = |error: &StoreError| matches!(error, StoreError::OtherDigest { .. });
        cause.is::<UnpackError>() || store.is_some_and(wrong)
    });
    damaged
        .then_some("remove what is damaged, and the next build makes it again: daruma gc --verify")
}

/// Errors of what was stored, which may be damage.
macro_rules! stored_failures {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let hint = damage_hint(&error);
                let failure = Self::new(Kind::Failed, error);
                hint.into_iter().fold(failure, Failure::hint)
            }
        })+
    };
}

stored_failures!(RootsError, StoreError);

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

plain_failures!(EngineError, HomeError, ImageError, std::io::Error);
