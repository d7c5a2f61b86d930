//! Apps under the supervisor, on an engine that runs plain commands of this machine.

#![cfg(target_os = "linux")]

mod bench;
mod ports;
mod processes;
mod state;
