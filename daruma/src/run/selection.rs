//! Which processes `start` starts.

use super::{ProcessName, RunError};

/// The process that runs before a release and never as part of the app.
const RELEASE: &str = "release";

/// A slip of the finger: names that differ by more letters than this share of their length are other names.
const SLIP: usize = 3;

/// Whether a process starts when `start` is given no name (`start = false` in `daruma.toml`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoStart {
    /// With the others.
    WithTheOthers,
    /// Only when it is named.
    WhenNamed,
}

/// A process as the recipe declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: ProcessName,
    /// Whether it starts by itself.
    pub start: AutoStart,
}

/// The processes to start, in the order of their declaration: those `named`, else all but `release` and those that
/// must be named.
pub fn select(declared: &[Declared], named: &[String]) -> Result<Vec<ProcessName>, RunError> {
    if declared.is_empty() {
        return Err(RunError::NothingDeclared);
    }
    if let Some(unknown) = named.iter().find(|name| !is_declared(declared, name)) {
        return Err(unknown_process(declared, unknown));
    }
    let wanted = |process: &&Declared| match named {
        [] => starts_by_itself(process),
        _ => named.iter().any(|name| name == process.name.as_str()),
    };
    let selected: Vec<_> = declared
        .iter()
        .filter(wanted)
        .map(|p| p.name.clone())
        .collect();
    if selected.is_empty() {
        return Err(RunError::NothingByDefault {
            declared: listed(declared),
        });
    }
    Ok(selected)
}

fn starts_by_itself(process: &Declared) -> bool {
    process.start == AutoStart::WithTheOthers && process.name.as_str() != RELEASE
}

fn is_declared(declared: &[Declared], name: &str) -> bool {
    declared.iter().any(|process| process.name.as_str() == name)
}

fn unknown_process(declared: &[Declared], name: &str) -> RunError {
    let slips = |process: &&Declared| strsim::damerau_levenshtein(process.name.as_str(), name);
    let nearest = declared
        .iter()
        .min_by_key(slips)
        .filter(|process| slips(process) * SLIP <= name.chars().count())
        .map(|process| process.name.to_string());
    RunError::UnknownProcess {
        name: name.to_owned(),
        declared: listed(declared),
        nearest,
    }
}

fn listed(declared: &[Declared]) -> String {
    let names: Vec<&str> = declared
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(names: &str) -> Vec<Declared> {
        let one = |word: &str| Declared {
            name: word.trim_end_matches('!').parse().expect("a name"),
            start: if word.ends_with('!') {
                AutoStart::WhenNamed
            } else {
                AutoStart::WithTheOthers
            },
        };
        names.split_whitespace().map(one).collect()
    }

    /// Declared (`!` = only when named), named, what starts or the error.
    const CASES: &[(&str, &str, &str)] = &[
        ("web worker", "", "web worker"),
        ("worker web release", "", "worker web"),
        ("web cli!", "", "web"),
        ("web release cli!", "release", "release"),
        ("web cli!", "cli", "cli"),
        ("web worker", "worker web worker", "web worker"),
        (
            "web worker",
            "wbe",
            "cannot start `wbe`: no such process; declared are web, worker (did you mean `web`?)",
        ),
        (
            "web",
            "queue",
            "cannot start `queue`: no such process; declared are web",
        ),
        ("", "", "cannot start the app: it declares no process"),
        (
            "release cli!",
            "",
            "cannot start the app: none of its processes starts unless it is named; declared are release, cli",
        ),
    ];

    #[test]
    fn all_start_but_release_and_those_that_must_be_named() {
        for (names, named, expected) in CASES {
            let named: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
            let found = match select(&declared(names), &named) {
                Ok(selected) => selected
                    .iter()
                    .map(ProcessName::as_str)
                    .collect::<Vec<_>>()
                    .join(" "),
                Err(error) => error.to_string(),
            };
            assert_eq!(&found, expected, "{names} / {named:?}");
        }
    }
}
