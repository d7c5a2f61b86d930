//! Sandboxes for real: one program, because each test is also the launcher of its sandboxes.

mod run;
mod world;
