//! daruma takes an application's source tree to a running container image in four steps, and keeps it fresh.
//!
//! The modules below stand in the order of their arrows: a module imports only modules above it
//! (`docs/architecture.md` has the table, `tests/arrows.rs` holds it).
//! Nothing here prints: what happens is told to a [`progress::Progress`], and results are values.

#![forbid(unsafe_code)]

pub mod home;
pub mod http;
pub mod progress;

pub mod tree;

pub mod recipe;
pub mod source;

pub mod image;

pub mod archive;
pub mod debian;

pub mod store;

pub mod language;
pub mod lock;
pub mod plan;

#[cfg(target_os = "linux")]
pub mod engine;

#[cfg(target_os = "linux")]
pub mod build;
#[cfg(target_os = "linux")]
pub mod resolve;
#[cfg(target_os = "linux")]
pub mod roles;
#[cfg(target_os = "linux")]
pub mod run;

#[cfg(target_os = "linux")]
pub mod cmd;
