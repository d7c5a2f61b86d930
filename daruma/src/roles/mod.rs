//! One step of the plan → one image.

mod blocks;
mod gzip;
mod runner;
