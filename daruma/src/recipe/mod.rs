//! What the user declares: `daruma.toml`, `Procfile`, `.env` and `app.json`, from text to validated types.
//!
//! Pure: the caller reads the files ([`decode`] turns bytes into text) and hands the texts over; everything that is
//! wrong or doubtful comes back as [`Diagnostic`]s with line and column. [`Recipe::read`] takes all files at once;
//! each format also has its own `parse`. Any text is safe to parse: it is at most [`MAX_SIZE`] long, and nothing here
//! executes, expands or looks up anything.

pub mod app_json;
mod app_name;
mod assemble;
mod command_line;
mod diagnostic;
pub mod dotenv;
mod env_name;
mod error;
pub mod manifest;
mod position;
mod process_name;
pub mod procfile;
#[cfg(test)]
mod reference;
mod secret;
mod text;

pub use app_json::AppJson;
pub use app_name::{AppName, InvalidAppName};
pub use assemble::{Process, Processes, Recipe, RecipeFiles};
pub use command_line::CommandLine;
pub use diagnostic::{Checked, Diagnostic, Severity};
pub use dotenv::Dotenv;
pub use env_name::{EnvName, InvalidEnvName};
pub use error::RecipeError;
pub use manifest::Manifest;
pub use position::{At, File, Origin, Position};
pub use process_name::{InvalidProcessName, ProcessName};
pub use procfile::Procfile;
pub use secret::Secret;
pub use text::{MAX_SIZE, decode};
