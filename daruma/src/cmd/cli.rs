//! The command line as it is typed: raw arguments, validated one by one. Nothing is opened or looked up here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{build, completions, exec, gc, images, inspect, plan, ps, shell, start, stop, why};

/// From an application's source tree to a fresh, secure, running container image, in four named steps.
#[derive(Debug, Parser)]
#[command(
    name = "daruma",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Arguments that every command takes.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line; settings.rs gives them types"
)]
pub(super) struct Global {
    /// The app's directory; the current one without this
    #[arg(short = 'C', long = "directory", global = true, value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,
    /// Say errors and warnings only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Also show what the commands of a build print
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// Use no network: what is not on this machine is an error
    #[arg(long, global = true)]
    pub(super) offline: bool,
    /// Fail where daruma.lock would have to change
    #[arg(long, global = true)]
    pub(super) locked: bool,
    /// The platform to build for, e.g. linux/amd64; daruma.toml's, or this machine's, without this
    #[arg(long, global = true, value_name = "PLATFORM")]
    pub(super) platform: Option<String>,
    /// Where Debian's main archive is mirrored; the host's apt sources say it without this
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "DARUMA_DEBIAN_MIRROR",
        hide_env_values = true
    )]
    pub(super) debian_mirror: Option<String>,
    /// Accept an index of Debian's that is past its Valid-Until, as mirrors that lag behind have it
    #[arg(long, global = true)]
    pub(super) allow_expired: bool,
    /// Accept an index of Debian's that is older than one already seen, as a slower mirror has it
    #[arg(long, global = true)]
    pub(super) allow_rollback: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the four steps, their inputs, and where each decision comes from
    Plan(plan::PlanArgs),
    /// Make the images, doing only the steps whose inputs changed
    Build(build::BuildArgs),
    /// Build and run the app's processes
    Start(start::StartArgs),
    /// Run one command in the app's image
    Exec(exec::ExecArgs),
    /// Open a shell in an image of the app
    Shell(shell::ShellArgs),
    /// List running apps and their processes
    Ps(ps::PsArgs),
    /// End a running app
    Stop(stop::StopArgs),
    /// Say why a step must be redone, or that it must not
    Why(why::WhyArgs),
    /// List the images in daruma's store
    Images(images::ImagesArgs),
    /// Show an image: its layers, packages, environment and labels
    Inspect(inspect::InspectArgs),
    /// Remove what no app needs
    Gc(gc::GcArgs),
    /// Write a completion script for a shell
    Completions(completions::CompletionsArgs),
}
