//! The `daruma` command.

fn main() {
    // First, and before any thread: a sandbox starts as this program executed again.
    #[cfg(target_os = "linux")]
    daruma_sandbox::enter_if_asked();
}
