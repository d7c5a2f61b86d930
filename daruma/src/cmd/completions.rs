//! `daruma completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::cli::Cli;
use super::settings::Context;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Writes a completion script.
pub(super) fn run(context: &Context, args: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "daruma", &mut script);
    context.terminal.raw(&String::from_utf8_lossy(&script));
    0
}
