//! The `daruma` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First, and before any thread: a sandbox starts as this program executed again.
    #[cfg(target_os = "linux")]
    daruma_sandbox::enter_if_asked();
    daruma::cmd::main()
}
