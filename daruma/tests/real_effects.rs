//! Holds `debian::effects` equal to dpkg: real packages are unpacked twice, configured by us and by dpkg in a chroot, and
//! the trees compared. Needs root, a Debian host with its mirror, and network.

#[path = "real_effects/archive.rs"]
mod archive;
#[path = "real_effects/expected.rs"]
mod expected;
#[path = "real_effects/keystore.rs"]
mod keystore;
#[path = "real_effects/reference.rs"]
mod reference;
#[path = "real_effects/tree.rs"]
mod tree;

use std::collections::BTreeSet;

use archive::Archive;
use daruma::debian::effects::{Options, Outcome, configure};
use expected::{SETS, Set};
use tree::{DiskFiles, Tree};

#[test]
fn scripts_evaluated_and_scripts_run_by_dpkg_leave_the_same_tree() {
    if let Some(why) = archive::missing() {
        println!("skipped: {why}");
        return;
    }
    let archive = Archive::open();
    let only = std::env::var("DARUMA_EFFECTS_SET").ok();
    let mut problems = Vec::new();
    for set in SETS
        .iter()
        .filter(|set| only.as_deref().is_none_or(|name| name == set.name))
    {
        let (summary, found) = compare(&archive, set);
        println!("{summary}");
        problems.extend(found);
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// What was compared, and what is wrong.
fn compare(archive: &Archive, set: &Set) -> (String, Vec<String>) {
    let debs = archive.download(set);
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let packages = archive::unpack(&debs, work.path());
    let files = DiskFiles::new(work.path().join("root"));
    let outcome = evaluate(&packages, &files);
    let again = evaluate(&packages, &files);
    assert_eq!(outcome.changes, again.changes, "two runs differ");

    let ours = Tree::of(&files.root).with(&outcome.changes);
    let root = reference::Root::configured(set.name, &debs);
    let theirs = Tree::of(root.path());
    let mut problems = unexpected_unknown(set, &outcome);
    let found = ours.differences(&theirs);
    let summary = format!(
        "{}: {} packages, {} scripts known, {} unknown, {} changes, {} differences before reasons",
        set.name,
        packages.len(),
        outcome.handled.len(),
        outcome.unknown.len(),
        outcome.changes.len(),
        found.len()
    );
    let unexplained = found.into_iter().filter(|(path, _)| !set.explains(path));
    problems.extend(unexplained.map(|(path, what)| format!("{}: /{path}: {what}", set.name)));
    (summary, problems)
}

fn evaluate(packages: &[archive::Unpacked], files: &DiskFiles) -> Outcome {
    let inputs: Vec<_> = packages.iter().map(archive::Unpacked::input).collect();
    let options = Options {
        architecture: "amd64".to_owned(),
        shadow_day: reference::today(),
    };
    configure(&inputs, files, &options).expect("a configuration")
}

/// The list of unknown scripts is exact, so that it can only change knowingly.
fn unexpected_unknown(set: &Set, outcome: &Outcome) -> Vec<String> {
    let found: BTreeSet<String> = outcome
        .unknown
        .iter()
        .map(|unknown| format!("{} {}", unknown.package, unknown.script))
        .collect();
    let wanted: BTreeSet<String> = set
        .unknown
        .iter()
        .map(|(script, _)| (*script).to_owned())
        .collect();
    let mut problems = Vec::new();
    for unknown in &outcome.unknown {
        let name = format!("{} {}", unknown.package, unknown.script);
        if !wanted.contains(&name) {
            problems.push(format!("{}: unknown: {name}: {}", set.name, unknown.reason));
        }
    }
    let known = wanted.difference(&found);
    problems.extend(known.map(|name| format!("{}: now known: {name}", set.name)));
    problems
}
