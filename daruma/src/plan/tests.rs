use std::collections::BTreeMap;

use super::*;
use crate::image::{Digest, Target};
use crate::lock::{PackagePin, RoleLock};

fn runner(versions: &[(&str, &str)]) -> RoleLock {
    let pin = |(name, version): &(&str, &str)| PackagePin {
        name: (*name).to_owned(),
        version: (*version).to_owned(),
        arch: "amd64".to_owned(),
        sha256: Digest::of(format!("{name}{version}").as_bytes()).hex(),
        size: 1,
        path: format!("pool/{name}.deb"),
        pocket: "trixie".to_owned(),
    };
    let packages = versions.iter().map(pin).collect();
    let suite = "trixie".to_owned();
    RoleLock {
        suite,
        declared: vec![],
        pockets: vec![],
        packages,
        configure: vec![],
    }
}

struct World {
    source: &'static str,
    procfile: &'static str,
    runner: RoleLock,
}

impl World {
    fn new() -> Self {
        let runner = runner(&[("libc6", "2.41-12"), ("libpq5", "17.6-0")]);
        Self {
            source: "v1",
            procfile: "puma",
            runner,
        }
    }

    fn plan(&self) -> Plan {
        let entrypoint = vec![self.procfile.to_owned()];
        plan(Inputs {
            app: "shop",
            target: &"linux/amd64".parse::<Target>().expect("a platform"),
            source: Digest::of(self.source.as_bytes()),
            metadata: BTreeMap::new(),
            runner: &self.runner,
            env: &BTreeMap::new(),
            processes: &[ProcessInput {
                name: "web".to_owned(),
                entrypoint,
            }],
            created: 0,
            decisions: vec![],
        })
    }
}

/// The steps whose key differs, with the sentences that say why.
fn stale(old: &Plan, new: &Plan) -> Vec<String> {
    let mut out = Vec::new();
    for number in StepNumber::ALL {
        let key = |plan: &Plan| plan.step(number).and_then(|step| step.key.clone());
        if let (Some(old), Some(new)) = (key(old), key(new)) {
            let step = u8::from(number);
            out.extend(
                new.changes_since(&old)
                    .iter()
                    .map(|change| format!("{step}: {change}")),
            );
        }
    }
    out
}

#[test]
fn nothing_changed_means_nothing_to_do() {
    assert_eq!(
        stale(&World::new().plan(), &World::new().plan()),
        Vec::<String>::new()
    );
}

#[test]
fn a_procfile_change_redoes_step_4_alone() {
    let new = World {
        procfile: "puma -t 5",
        ..World::new()
    };
    assert_eq!(
        stale(&World::new().plan(), &new.plan()),
        ["4: process web: puma → puma -t 5"]
    );
}

#[test]
fn a_source_change_redoes_steps_2_and_4() {
    let new = World {
        source: "v2",
        ..World::new()
    };
    insta::assert_snapshot!(stale(&World::new().plan(), &new.plan()).join("\n"), @"
    2: source: 3bfc269594ef → fb04dcb6970e
    4: compiled app: 6d5de397b9ad → 2d65be882403
    ");
}

#[test]
fn a_runner_package_redoes_steps_3_and_4_and_names_both_versions() {
    let packages = runner(&[("libc6", "2.41-12"), ("libpq5", "17.7-0")]);
    let new = World {
        runner: packages,
        ..World::new()
    };
    let changes = stale(&World::new().plan(), &new.plan());
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(
        changes[0].starts_with("3: runner package libpq5: 17.6-0"),
        "{changes:?}"
    );
    assert!(changes[1].starts_with("4: runner: "), "{changes:?}");
}

#[test]
fn moving_text_between_fields_changes_the_digest() {
    let a = Key::new().text("a", "bc").text("d", "");
    let b = Key::new().text("a", "b").text("cd", "");
    assert_ne!(a.digest(), b.digest());
}

#[test]
fn an_input_that_came_or_went_is_told() {
    let old = Key::new().text("suite", "bookworm").text("gone", "x");
    let new = Key::new().text("suite", "trixie").text("fresh", "y");
    let sentences: Vec<String> = new
        .changes_since(&old)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        sentences,
        [
            "suite: bookworm → trixie",
            "fresh is new: y",
            "gone is gone: x"
        ]
    );
}
