//! `daruma inspect`

use clap::Args;

use super::failure::{Failure, Kind};
use super::settings::Context;
use super::terminal::size;
use crate::build::{Project, current_image};
use crate::image::{Image, Role};
use crate::lock::PackagePin;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The image: runner, compiled, or a process's name; the first process's without this
    #[arg(value_name = "IMAGE")]
    role: Option<String>,
    /// Print the image's config as JSON
    #[arg(long)]
    json: bool,
}

/// Shows one image of the app.
pub(super) fn run(context: &Context, args: &InspectArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let session = context.session(&project)?;
    let role = role(&project, args.role.as_deref())?;
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

/// The image's role by its own name, or by that of a process, which is the shorter one.
fn role(project: &Project, name: Option<&str>) -> Result<Role, Failure> {
    let mut roles = vec![Role::Runner, Role::Compiled];
    for process in project.recipe.processes.iter() {
        let role = Role::app(process.name.as_str());
        roles.push(role.map_err(|error| Failure::new(Kind::Usage, error))?);
    }
    let Some(name) = name else {
        // The first process's, or the runner where there is none.
        return Ok(roles.swap_remove(if roles.len() > 2 { 2 } else { 0 }));
    };
    let is_named = |role: &Role| {
        let known = role.to_string();
        known == name || known.strip_prefix("app-") == Some(name)
    };
    roles
        .iter()
        .find(|role| is_named(role))
        .cloned()
        .ok_or_else(|| {
            let known: Vec<String> = roles.iter().map(ToString::to_string).collect();
            let error = format!(
                "this app has no image `{name}`; there is {}",
                known.join(", ")
            );
            Failure::new(Kind::Usage, error)
        })
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
    ];
    if !config.entrypoint.is_empty() {
        lines.push(format!("entrypoint  {}", config.entrypoint.join(" ")));
    }
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
