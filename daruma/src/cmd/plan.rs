//! `daruma plan`

use std::path::PathBuf;

use clap::Args;

use super::failure::{Failure, Kind};
use super::settings::Context;
use crate::build::{Prepared, prepare};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The app's directory
    dir: Option<PathBuf>,
    /// Print the plan as JSON; its format is versioned and stable
    #[arg(long)]
    json: bool,
}

/// Shows the plan.
pub(super) fn run(context: &Context, args: &PlanArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(args.dir.as_deref()))?;
    let session = context.session(&project)?;
    let prepared = prepare(&session, &project)?;
    if args.json {
        let text = serde_json::to_string_pretty(&prepared.plan)
            .map_err(|error| Failure::new(Kind::Failed, error))?;
        context.terminal.data(&text);
    } else {
        context.terminal.raw(&render(&prepared));
    }
    Ok(0)
}

fn render(prepared: &Prepared) -> String {
    let plan = &prepared.plan;
    let mut out = format!("{} for {}\n\n", plan.app, plan.platform);
    let widest = |width: usize, text: &str| width.max(text.chars().count());
    let what = plan
        .decisions
        .iter()
        .map(|d| d.what.as_str())
        .fold(0, widest);
    let value = plan
        .decisions
        .iter()
        .map(|d| d.value.as_str())
        .fold(0, widest)
        .min(60);
    for decision in &plan.decisions {
        let line = format!(
            "  {:what$}  {:value$}  {}",
            decision.what, decision.value, decision.from
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push('\n');
    for (step, state) in plan.steps.iter().zip(&prepared.states) {
        let number = u8::from(step.number);
        let due = if state.is_due() { "to do" } else { "done" };
        let due = if step.key.is_none() {
            "not needed"
        } else {
            due
        };
        let line = format!(
            "  step {number}  {:13}  {due:10}  {}\n",
            step.title, step.summary
        );
        out.push_str(&line);
        if state.is_due() {
            out.push_str(&format!("          {}\n", state.reason()));
        }
    }
    out
}
