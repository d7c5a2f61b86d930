//! Sandboxes for real: one program, because each test is also the launcher of its sandboxes.

mod attempts;
mod escape;
mod lifeline;
mod rootless;
mod run;
mod terminal;
mod world;
