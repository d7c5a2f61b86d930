//! Deterministic file trees and their tar form.

mod entry;
mod ids;
mod path;

pub use entry::{Entry, Meta, Node};
pub use ids::{IdMap, IdRange};
pub use path::{InvalidPath, TreePath};
