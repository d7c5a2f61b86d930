//! Runs a command in a file system made of layers, apart from the host: namespaces, mounts and limits, without a daemon.
//!
//! Three processes stand between the caller and the command. The caller re-executes its own program (the *launcher*, so
//! that nothing is cloned from a process with threads); the launcher clones the *init*, pid 1 of the sandbox, and maps its
//! ids; the init makes the file system and forks the *main* process, which gives its privileges away and becomes the command.
//!
//! ```text
//! caller ──spec, streams──▶ launcher ──clone3, id maps──▶ init (pid 1) ──fork──▶ main ──execve──▶ the command
//!   ▲                                                      │  mounts, reaps, forwards signals
//!   └────────── one socket: reports ◀──────────────────────┘  end of file on it: everything is killed
//! ```
//! The spec travels as a sealed file over the socket and never as arguments, because its environment may hold secrets.
//!
//! A program that uses this crate calls [`enter_if_asked`] first thing in `main`, before it starts any thread.

mod child;
mod enter;
mod error;
mod ids;
mod init;
mod launch;
mod main_process;
mod privileges;
mod probe;
mod reclaim;
mod root;
mod seccomp;
mod spec;
mod sys;
mod terminal;
mod wire;

pub use child::{Child, Outcome, Signaller};
pub use enter::enter_if_asked;
pub use error::SandboxError;
pub use ids::{Ids, Range};
pub use launch::{Launcher, Stdio};
pub use probe::{Support, probe};
pub use reclaim::Owner;
pub use spec::{Mount, Network, OverlayApi, Ownership, Privileges, Spec, Upper, WindowSize};
