//! What a source tree needs to be built and to run: requirements, never packages.
//!
//! For now these are the programs that the processes name; languages with dependencies of their own come with compiling.

mod programs;

pub use programs::{Need, programs};
