//! `daruma ps`

use clap::Args;

use super::failure::{Failure, Kind};
use super::settings::Context;
use crate::home::Home;
use crate::run::{RunDir, RunState};

/// Arguments of `ps`.
#[derive(Debug, Args)]
pub(super) struct PsArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Lists what runs.
pub(super) fn run(context: &Context, args: &PsArgs) -> Result<u8, Failure> {
    let running = RunDir::new(&Home::from_env()?).list()?;
    if args.json {
        let text = serde_json::to_string_pretty(&running)
            .map_err(|error| Failure::new(Kind::Failed, error))?;
        context.terminal.data(&text);
    } else if running.is_empty() {
        context.terminal.say("no app runs");
    }
    for state in running.iter().filter(|_| !args.json) {
        for line in lines(state) {
            context.terminal.data(&line);
        }
    }
    Ok(0)
}

fn lines(state: &RunState) -> Vec<String> {
    let line = |process: &crate::run::ProcessState| {
        let port = process
            .port
            .map_or_else(String::new, |port| format!("  PORT={port}"));
        let image = process
            .image
            .map_or_else(String::new, |digest| format!("  {}", digest.short()));
        format!(
            "{}  {}{port}{image}  pid {}",
            state.app, process.name, state.pid
        )
    };
    state.processes.iter().map(line).collect()
}
