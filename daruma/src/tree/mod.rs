//! Deterministic file trees and their tar form.
//!
//! [`tar`] is the format, [`MemoryTree`] a small tree as a value, [`View`] reads a root wherever it is, `unpack` puts an
//! archive below a directory and `capture` takes what stands there into an archive again.

#[cfg(target_os = "linux")]
mod beneath;
#[cfg(target_os = "linux")]
pub mod capture;
mod entry;
mod ids;
mod memory;
pub mod pack;
mod path;
pub mod tar;
#[cfg(target_os = "linux")]
pub mod unpack;
pub mod view;
mod whiteout;
#[cfg(target_os = "linux")]
mod xattr;

pub use entry::{Entry, Meta, Node};
pub use ids::{IdMap, IdRange};
pub use memory::{Bytes, MemoryError, MemoryTree};
pub use path::{InvalidPath, TreePath};
pub use view::{Resolved, Stack, View, ViewError};
pub use whiteout::Namespace;

#[cfg(target_os = "linux")]
pub use view::Disk;
