//! One step of the plan → one image.

mod app;
mod blocks;
mod compiled;
mod runner;

pub use app::{AppError, AppInputs, app, metadata_layer};
pub use compiled::{CompiledError, take};
pub use runner::{ConfigureError, Fetch, RunnerError, RunnerInputs, runner};
