//! `daruma shell`

use clap::{Args, ValueEnum};

use super::failure::{Failure, Kind};
use super::settings::Context;
use super::terminal::OnTheWay;
use super::{exec, launch};
use crate::build::{Range, build, current_image};
use crate::image::Role;

/// Arguments of `shell`.
#[derive(Debug, Args)]
pub(super) struct ShellArgs {
    /// The image to look into
    #[arg(default_value = "app")]
    role: ShellRole,
    /// The process whose image it is, with `app`
    #[arg(long, value_name = "PROCESS")]
    process: Option<String>,
}

/// An image that a shell can be opened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShellRole {
    /// The app's image
    App,
    /// What the app runs on
    Runner,
}

/// Opens a shell.
pub(super) fn run(context: &Context, args: &ShellArgs) -> Result<u8, Failure> {
    let project = context.project(&context.directory(None))?;
    let on_the_way = OnTheWay(&context.terminal);
    let session = context.session_with(&project, &on_the_way)?;
    let built = build(&session, &project, Range::ALL)?;
    let engine = launch::engine(&session)?;
    let (image, process) = match args.role {
        ShellRole::App => {
            let image = launch::image_of(&built, args.process.as_deref())?;
            (image.image.clone(), image.process.clone())
        }
        ShellRole::Runner => (
            current_image(&session, &project, Role::Runner)?,
            String::new(),
        ),
    };
    let mut job = launch::image_job(&session, &engine, &image, Some(vec!["/bin/sh".to_owned()]))?;
    if !job
        .layers
        .iter()
        .any(|layer| layer.join("usr/bin/sh").symlink_metadata().is_ok())
    {
        let error = "this image has no shell";
        return Err(Failure::new(Kind::Failed, error).hint("add `dash` to [runner] packages"));
    }
    job.env = exec::environment(&session, &project, &job.env, &process)?;
    exec::one_off(&engine, &job)
}
