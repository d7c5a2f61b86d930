//! `daruma exec`

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use clap::Args;

use super::failure::Failure;
use super::launch;
use super::settings::Context;
use super::terminal::OnTheWay;
use crate::build::{Project, Range, Session, build};
use crate::engine::{Job, SandboxEngine};
use crate::run::{Environment, OneOff, RunDir, Terminal, forward_signals};

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// The process whose image and environment the command gets; web, or the only one, without this
    #[arg(long, value_name = "PROCESS")]
    process: Option<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Runs one command.
pub(super) fn run(context: &Context, args: &ExecArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let on_the_way = OnTheWay(&context.terminal);
    let session = context.session_with(&project, &on_the_way)?;
    let built = build(&session, &project, Range::ALL)?;
    let image = launch::image_of(&built, args.process.as_deref())?;
    let engine = launch::engine(&session)?;
    let mut job = launch::image_job(&session, &engine, &image.image, Some(args.command.clone()))?;
    job.env = environment(&session, &project, &job.env, &image.process)?;
    one_off(&engine, &job)
}

/// The image's environment and `.env`, with the port of the same process where the app runs.
pub(super) fn environment(
    session: &Session<'_>,
    project: &Project,
    image: &BTreeMap<String, String>,
    process: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let running = RunDir::new(&session.home).running(&project.id)?;
    let port = running.and_then(|state| {
        state
            .processes
            .iter()
            .find(|running| running.name.as_str() == process)
            .and_then(|running| running.port)
    });
    let term = std::env::var("TERM")
        .ok()
        .filter(|_| terminal() == Terminal::Own);
    let (dotenv, flags) = (launch::dotenv(project), BTreeMap::new());
    let env = Environment {
        image,
        dotenv: &dotenv,
        flags: &flags,
        term: term.as_deref(),
        port,
    };
    Ok(env.resolve())
}

/// Runs `job` with this command's own streams; its code is the exit code.
pub(super) fn one_off(engine: &SandboxEngine, job: &Job) -> Result<u8, Failure> {
    let running = OneOff::start(engine, job, terminal())?;
    let _signals = forward_signals(&OneOff::SIGNALS, running.signals())?;
    Ok(running.wait()?.code())
}

fn terminal() -> Terminal {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        Terminal::Own
    } else {
        Terminal::None
    }
}
