//! The reference page of the command line, made from the definitions that parse it.

use clap::CommandFactory as _;

use super::cli::Cli;

/// `docs/reference/cli.md`.
pub fn reference() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut out = "# daruma's command line\n\nMade by `make docs` from the definitions in `daruma/src/cmd`.\n".to_owned();
    let mut section = |name: &str, help: String| {
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        out.push_str(&format!(
            "\n## {name}\n\n```text\n{}\n```\n",
            lines.join("\n").trim_end()
        ));
    };
    section("daruma", command.render_long_help().to_string());
    for verb in command.get_subcommands_mut() {
        let name = format!("daruma {}", verb.get_name());
        section(&name, verb.render_long_help().to_string());
    }
    out
}
