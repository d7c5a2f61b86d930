//! The `daruma` command.

fn main() {}
