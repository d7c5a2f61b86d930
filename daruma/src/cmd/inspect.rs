//! `daruma inspect`

use clap::Args;

use super::failure::{Failure, Kind};
use super::settings::Context;
use super::terminal::size;
use crate::build::current_image;
use crate::image::{Image, Role};
use crate::lock::PackagePin;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The image: runner, compiled, or app-PROCESS; the first process's without this
    role: Option<String>,
    /// Print the image's config as JSON
    #[arg(long)]
    json: bool,
}

/// Shows one image of the app.
pub(super) fn run(context: &Context, args: &InspectArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let session = context.session()?;
    let first = project
        .recipe
        .processes
        .iter()
        .next()
        .map(|process| format!("app-{}", process.name));
    let role = args
        .role
        .clone()
        .or(first)
        .unwrap_or_else(|| "runner".to_owned());
    let role: Role = role
        .parse()
        .map_err(|error: crate::image::InvalidRole| Failure::new(Kind::Usage, error))?;
    let image = current_image(&session, &project, role.clone())?;
    if args.json {
        let rendered = image.render(crate::image::Form::Oci)?;
        context
            .terminal
            .data(&String::from_utf8_lossy(&rendered.config));
        return Ok(0);
    }
    for line in describe(&image) {
        context.terminal.data(&line);
    }
    let target = project
        .lock
        .as_ref()
        .and_then(|lock| lock.target(&session.settings.target));
    if let (Role::Runner, Some(lock)) = (&role, target) {
        lock.runner
            .packages
            .iter()
            .for_each(|pin| context.terminal.data(&package(pin)));
    }
    Ok(0)
}

fn package(pin: &PackagePin) -> String {
    format!("package     {} {} ({})", pin.name, pin.version, pin.pocket)
}

fn describe(image: &Image) -> Vec<String> {
    let config = image.config();
    let mut lines = vec![
        format!("platform    {}", image.target()),
        format!(
            "user        {}",
            if config.user.is_empty() {
                "0:0"
            } else {
                &config.user
            }
        ),
        format!(
            "directory   {}",
            if config.working_dir.is_empty() {
                "/"
            } else {
                &config.working_dir
            }
        ),
        format!("entrypoint  {}", config.entrypoint.join(" ")),
    ];
    lines.extend(
        config
            .env
            .iter()
            .map(|(name, value)| format!("env         {name}={value}")),
    );
    lines.extend(
        config
            .labels
            .iter()
            .map(|(name, value)| format!("label       {name}={value}")),
    );
    for layer in image.layers() {
        let what = layer
            .history()
            .last()
            .and_then(|entry| entry.created_by())
            .unwrap_or_default();
        lines.push(format!(
            "layer       {}  {:>9}  {what}",
            layer.diff_id().short(),
            size(layer.size())
        ));
    }
    lines
}
