//! Debian's formats and rules as pure functions: control files, versions, relations, the dependency solution, packages
//! and what their maintainer scripts do.

mod control;
mod control_files;
mod deb;
pub mod dpkg_db;
pub mod effects;
mod index;
mod name;
mod relation;
mod solve;
mod version;

pub use control::{ControlError, Stanza};
pub use control_files::{ControlFile, ControlFiles};
pub use deb::{DataTar, Deb, DebError};
pub use index::{
    Index, IndexError, MultiArch, Package, PackageId, Pocket, Priority, Provided, Standing,
    StanzaProblem,
};
pub use name::{Architecture, InvalidName, PackageName};
pub use relation::{
    AnyOf, Operator, ParseRelationError, Qualifier, Relation, RelationProblem, Relations,
};
pub use solve::{Essential, Reason, Request, Selected, SolveError, solve};
pub use version::{InvalidVersion, Version};
