//! The pages that are made from the code say what the code says.

#[test]
fn the_reference_of_the_command_line_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
    let page = std::fs::read_to_string(path).expect("docs/reference/cli.md");
    assert!(
        page == daruma::cmd::reference(),
        "docs/reference/cli.md is behind; `make docs` writes it"
    );
}
