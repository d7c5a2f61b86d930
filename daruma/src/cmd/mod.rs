//! The command line: one file for each verb, settings, rendering, and what failures look like.
//!
//! A verb takes its arguments, resolves them with `settings`, calls the core once, and renders the result.

mod advice;
mod build;
mod cli;
mod completions;
mod exec;
mod failure;
mod gc;
mod images;
mod inspect;
mod launch;
mod plan;
mod ps;
mod reference;
mod settings;
mod shell;
mod start;
mod stop;
mod terminal;
mod why;

use std::process::ExitCode;

use clap::Parser as _;

pub use reference::reference;

use cli::{Cli, Verb};
use failure::Failure;
use settings::Context;

/// Runs the command that the process's arguments say, and gives its exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(cli.global);
    match run(&context, cli.verb) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            context.terminal.failure(&failure.render());
            ExitCode::from(failure.code())
        }
    }
}

fn run(context: &Context, verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::Plan(args) => plan::run(context, &args),
        Verb::Build(args) => build::run(context, &args),
        Verb::Start(args) => start::run(context, &args),
        Verb::Exec(args) => exec::run(context, &args),
        Verb::Shell(args) => shell::run(context, &args),
        Verb::Ps(args) => ps::run(context, &args),
        Verb::Stop(args) => stop::run(context, &args),
        Verb::Why(args) => why::run(context, &args),
        Verb::Images(args) => images::run(context, &args),
        Verb::Inspect(args) => inspect::run(context, &args),
        Verb::Gc(args) => gc::run(context, &args),
        Verb::Completions(args) => Ok(completions::run(context, &args)),
    }
}
