//! `daruma why`

use clap::Args;

use super::failure::Failure;
use super::settings::Context;
use crate::build::{State, prepare};

/// Arguments of `why`.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// The step, 1 to 4; all of them without this
    #[arg(value_parser = clap::value_parser!(u8).range(1..=4))]
    step: Option<u8>,
}

/// Says why steps are due.
pub(super) fn run(context: &Context, args: &WhyArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let session = context.session(&project)?;
    let prepared = prepare(&session, &project)?;
    for (step, state) in prepared.plan.steps.iter().zip(&prepared.states) {
        let number = u8::from(step.number);
        if args.step.is_none_or(|wanted| wanted == number) {
            for line in sentences(state) {
                context
                    .terminal
                    .data(&format!("step {number} ({}): {line}", step.title));
            }
        }
    }
    Ok(0)
}

fn sentences(state: &State) -> Vec<String> {
    match state {
        State::NotNeeded => vec!["not needed: nothing in this app is compiled".to_owned()],
        State::Fresh { .. } => {
            vec!["nothing to do: its inputs are those that it was done for".to_owned()]
        }
        State::Stale(changes) if !changes.is_empty() => changes
            .iter()
            .map(|change| format!("to do: {change}"))
            .collect(),
        due => vec![format!("to do: {}", due.reason())],
    }
}
