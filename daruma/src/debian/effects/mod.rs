//! What maintainer scripts and triggers do to an image, computed without running anything.
//!
//! A small strict shell (`shell`) evaluates the packages' own scripts (`commands`) on a virtual file system (`world`);
//! `ldconfig` and the like are done natively. What is not understood to the last command is named, never guessed.

mod arithmetic;
mod certificate;
mod commands;
mod configure;
mod debconf;
mod elf;
mod input;
mod ldconfig;
mod machine;
mod order;
mod shell;
mod world;

pub use configure::configure;
pub use input::{
    Action, Change, EffectsError, Files, Handled, Kind, MultiArch, Options, Outcome, Owned,
    PackageInput, Script, Stat, Unknown,
};
