//! The example apps as a user has them: copied out, built from Debian's archive by the program itself, run, handed to
//! Docker and Podman, on damaged disks and without a network.

mod bench;
mod consumers;
mod containers;
mod debian;
mod docker;
mod endings;
mod examples;
mod faults;
mod layers;
mod reproducible;
mod runner;
mod running;
mod users;
