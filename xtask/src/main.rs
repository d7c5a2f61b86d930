//! Tasks of the project that are not daruma: generated documents, and benches against peers.

mod docs;

use std::process::ExitCode;

/// What a task does.
type Task = fn() -> std::io::Result<()>;

/// The tasks by name.
const TASKS: &[(&str, Task)] = &[("docs", docs::write)];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, task)) = TASKS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = TASKS.iter().map(|(name, _)| *name).collect();
        eprintln(&format!("usage: xtask {}", names.join("|")));
        return ExitCode::from(2);
    };
    match task() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a task speaks to whoever runs it")]
fn eprintln(text: &str) {
    std::eprintln!("{text}");
}
