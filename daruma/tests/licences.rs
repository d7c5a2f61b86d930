//! Every dependency's licence is in the allow-list of `deny.toml`.

use std::collections::BTreeSet;
use std::process::Command;

#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    source: Option<String>,
}

fn allowed() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deny.toml");
    let text = std::fs::read_to_string(path).expect("deny.toml");
    let toml: toml::Value = toml::from_str(&text).expect("TOML");
    let list = toml["licenses"]["allow"].as_array().expect("an array");
    list.iter()
        .map(|value| value.as_str().expect("a string").to_owned())
        .collect()
}

/// Whether an SPDX expression (without nested parentheses, and with the old `/` for `OR`) can be met from `allowed`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
    let any = |part: &str| {
        part.split(" OR ")
            .any(|licence| allowed.contains(licence.trim()))
    };
    flat.split(" AND ").all(any)
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("metadata");
    let allowed = allowed();
    let refused: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .filter(|package| {
            !package
                .license
                .as_deref()
                .is_some_and(|text| is_met(text, &allowed))
        })
        .map(|package| format!("{}: {:?}", package.name, package.license))
        .collect();
    assert!(
        refused.is_empty(),
        "licences outside deny.toml's list:\n{}",
        refused.join("\n")
    );
}

#[test]
fn copyleft_alone_is_refused_and_a_choice_is_accepted() {
    let allowed = allowed();
    assert!(!is_met("GPL-3.0-only", &allowed));
    assert!(!is_met("MIT AND LGPL-2.1-or-later", &allowed));
    assert!(is_met("MIT OR Apache-2.0 OR LGPL-2.1-or-later", &allowed));
    assert!(is_met("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
}
