//! The command as people meet it: the real binary, in a home of its own, against an archive of its own.
//!
//! A snapshot holds all that a command shows, streams and exit code together, so that no word changes unseen.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)] // A test that skips says so.

mod background;
mod builds;
mod first_use;
mod hostile;
mod kills;
mod outputs;
mod recipes;
mod running;
mod secrets;
mod shop;
mod store;

/// A file that nobody declares is a test that nobody runs.
#[test]
fn every_file_beside_this_one_is_declared_in_it() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    for entry in fs_err::read_dir(dir).expect("this directory") {
        let name = entry.expect("an entry").file_name();
        let Some(module) = name.to_str().and_then(|name| name.strip_suffix(".rs")) else {
            continue;
        };
        let declared =
            module == "main" || include_str!("main.rs").contains(&format!("\nmod {module};\n"));
        assert!(declared, "tests/cli/{module}.rs is not declared in main.rs");
    }
}
