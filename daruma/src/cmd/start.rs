//! `daruma start`

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::failure::{Failure, Kind};
use super::launch;
use super::settings::Context;
use super::terminal::OnTheWay;
use crate::build::{Built, Project, Range, Session, build};
use crate::engine::SandboxEngine;
use crate::image::Created;
use crate::recipe::ProcessName;
use crate::run::{
    AutoStart, Cause, Colour, Declared, Environment, LogFormat, LogLine, LogSink, Mask, PortPlan,
    PortSpec, PrefixedLog, ProcessState, RunDir, RunEvent, Service, SuperviseOptions, Supervisor,
    forward_signals, select,
};

/// Arguments of `start`.
#[derive(Debug, Args)]
pub(super) struct StartArgs {
    /// The processes; all but `release` and those with `start = false` without this
    processes: Vec<String>,
    /// PORT of web, or HOST:CONTAINER to listen on HOST at 127.0.0.1 for it
    #[arg(short, long, value_name = "PORT")]
    port: Vec<PortSpec>,
    /// Seconds that processes have to end before they are killed
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
}

/// Builds and runs.
pub(super) fn run(context: &Context, args: &StartArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let on_the_way = OnTheWay(&context.terminal);
    let session = context.session_with(&project, &on_the_way)?;
    let lease = RunDir::new(&session.home).claim(&project.id)?;
    let built = build(&session, &project, Range::ALL)?;
    let engine = launch::engine(&session)?;
    let env = launch::dotenv(&project);
    let ports = PortPlan::new(&args.port, env.get("PORT").map(String::as_str))?;
    let names = select(&declared(&project), &args.processes)?;
    let services = services(&session, &project, &engine, &built, &names, &ports)?;
    let states = states(&built, &services);
    lease.publish(
        names.iter().any(ProcessName::is_web).then(|| ports.url()),
        states,
        Created::now().unix(),
    )?;
    let options = SuperviseOptions {
        grace: Duration::from_secs(args.grace),
        forwards: ports.forwards().to_vec(),
        mask: Mask::new(
            env.values()
                .map(String::as_str)
                .filter(|value| looks_secret(value)),
        ),
        ..SuperviseOptions::default()
    };
    supervise(context, &engine, &names, &services, options)
}

/// Whether a value of `.env` is masked in the log. Words and numbers such as `production` or `3000` are not: they are no
/// secrets, and hiding them would make logs unreadable.
fn looks_secret(value: &str) -> bool {
    let kinds: [fn(char) -> bool; 3] = [
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
    ];
    let other = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | ' ');
    let mixed = kinds
        .iter()
        .filter(|kind| value.chars().any(**kind))
        .count()
        > 1;
    value.len() >= 8 && (mixed || value.chars().any(other))
}

fn declared(project: &Project) -> Vec<Declared> {
    let start = |process: &crate::recipe::Process| {
        if process.starts_by_default() {
            AutoStart::WithTheOthers
        } else {
            AutoStart::WhenNamed
        }
    };
    let processes = project.recipe.processes.iter();
    processes
        .map(|process| Declared {
            name: process.name.clone(),
            start: start(process),
        })
        .collect()
}

fn services(
    session: &Session<'_>,
    project: &Project,
    engine: &SandboxEngine,
    built: &Built,
    names: &[ProcessName],
    ports: &PortPlan,
) -> Result<Vec<Service>, Failure> {
    let all: Vec<ProcessName> = project
        .recipe
        .processes
        .iter()
        .map(|process| process.name.clone())
        .collect();
    let dotenv = launch::dotenv(project);
    let mut services = Vec::new();
    for name in names {
        let image = &launch::image_of(built, Some(name.as_str()))?.image;
        let job = launch::image_job(session, engine, image, None)?;
        let (image, flags) = (job.env.clone(), std::collections::BTreeMap::new());
        let env = Environment {
            image: &image,
            dotenv: &dotenv,
            flags: &flags,
            term: None,
            port: None,
        };
        services.push(Service::new(
            name.clone(),
            job,
            env,
            ports.port_of(name, &all)?,
            ports,
        ));
    }
    Ok(services)
}

fn states(built: &Built, services: &[Service]) -> Vec<ProcessState> {
    let state = |service: &Service| {
        let image = built
            .images
            .iter()
            .find(|image| image.process == service.name.as_str());
        ProcessState {
            name: service.name.clone(),
            port: service.port,
            image: image.map(|image| image.manifest),
        }
    };
    services.iter().map(state).collect()
}

/// A log without what is neither a line nor a warning.
struct WithoutNews<L>(L);

impl<L: LogSink> LogSink for WithoutNews<L> {
    fn line(&self, line: LogLine<'_>) -> std::io::Result<()> {
        self.0.line(line)
    }

    fn event(&self, event: RunEvent<'_>) {
        if matches!(event, RunEvent::NotReady { .. }) {
            self.0.event(event);
        }
    }
}

fn supervise(
    context: &Context,
    engine: &SandboxEngine,
    names: &[ProcessName],
    services: &[Service],
    options: SuperviseOptions,
) -> Result<u8, Failure> {
    let colour = match anstream::AutoStream::choice(&std::io::stdout()) {
        anstream::ColorChoice::Never => Colour::Off,
        _ => Colour::ByName,
    };
    let format = LogFormat {
        colour,
        clock: None,
    };
    let log = PrefixedLog::new(names, format, std::io::stdout(), std::io::stderr());
    let log: Arc<dyn LogSink> = if context.terminal.is_quiet() {
        Arc::new(WithoutNews(log))
    } else {
        Arc::new(log)
    };
    let supervisor = Supervisor::new(engine, log, options);
    let _signals = forward_signals(&Supervisor::SIGNALS, supervisor.signals())?;
    let outcome = supervisor.run(services)?;
    match outcome.cause {
        Cause::AllDone => Ok(0),
        Cause::NeverReady { ref process, .. } => {
            let mut error =
                format!("`{process}` ended before anything accepted connections on its port");
            if !outcome.last_lines.is_empty() {
                error += &format!("; its last lines:\n  {}", outcome.last_lines.join("\n  "));
            }
            Err(Failure::new(Kind::Process(outcome.cause.code()), error))
        }
        cause => Err(Failure::process(cause.code())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_words() {
        let secrets = [
            "postgres://u:p@db/shop",
            "s3cr3tvalue",
            "AKIAabcdefgh",
            "correct horse!",
        ];
        let plain = [
            "production",
            "development",
            "3000",
            "en_GB.UTF-8",
            "true",
            "1.2.3",
        ];
        assert!(secrets.iter().all(|value| looks_secret(value)));
        let shown: Vec<_> = plain.iter().filter(|value| looks_secret(value)).collect();
        assert_eq!(shown, [&"en_GB.UTF-8"]);
    }
}
