//! The shell that maintainer scripts are read with: the grammar of POSIX `sh` but for background jobs and aliases.
//!
//! Everything else about it is strict: a command, option or expansion that is not known ends the script as unknown.

mod ast;
mod expand;
mod io;
mod parse;
mod pattern;
mod redirect;
mod run;
mod state;
mod words;

pub(super) use parse::parse;
pub(super) use pattern::matches;
pub(super) use run::{Shell, Status, Stop};
