//! Deterministic file trees and their tar form.

mod entry;
mod path;

pub use entry::{Entry, Meta, Node};
pub use path::{InvalidPath, TreePath};
