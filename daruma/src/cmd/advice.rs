//! Which kind of failure each error of the core is, and what helps.

use std::error::Error;

use super::failure::{Failure, Kind};
use crate::build::BuildError;
use crate::engine::{EngineError, RootsError};
use crate::home::HomeError;
use crate::image::{ImageError, InvalidReference};
use crate::recipe::RecipeError;
use crate::run::RunError;
use crate::store::StoreError;

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
            _ if is_transient(&error) => Kind::TryAgain,
            _ => Kind::Failed,
        };
        let failure = Self::new(kind, error);
        hint.into_iter().fold(failure, Failure::hint)
    }
}

/// Whether the network is to blame, so that the same command may succeed later.
fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<crate::http::HttpError>()
            .is_some_and(crate::http::HttpError::is_transient)
        {
            return true;
        }
        cause = error.source();
    }
    false
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
