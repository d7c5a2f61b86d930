//! `daruma stop`

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::settings::Context;
use crate::home::Home;
use crate::run::{HowStopped, RunDir};

/// Arguments of `stop`.
#[derive(Debug, Args)]
pub(super) struct StopArgs {
    /// Seconds that the app has to end before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    grace: u64,
}

/// Ends the app that runs from this directory.
pub(super) fn run(context: &Context, args: &StopArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let stopped =
        RunDir::new(&Home::from_env()?).stop(&project.id, Duration::from_secs(args.grace))?;
    let how = match stopped.how {
        HowStopped::Terminated => "ended",
        HowStopped::Killed => "did not end in time and was killed",
    };
    context.terminal.say(&format!(
        "{} (pid {}) {how}",
        project.recipe.name.as_str(),
        stopped.pid
    ));
    Ok(0)
}
