//! Debian's formats and rules as pure functions: control files, versions, relations, the dependency solution, packages
//! and what their maintainer scripts do.

mod control_files;
pub mod effects;

pub use control_files::{ControlFile, ControlFiles};
