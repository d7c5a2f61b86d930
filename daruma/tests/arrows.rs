//! Holds the arrows of `docs/architecture.md`: a module imports only what its row allows, and pure rows touch neither
//! files, nor the network, nor processes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `(module, what it may import)`; `*` stands for every module above it.
const ROWS: &[(&str, &[&str])] = &[
    ("progress", &[]),
    ("home", &[]),
    ("http", &[]),
    ("tree", &[]),
    ("recipe", &[]),
    ("source", &["tree"]),
    ("image", &[]),
    ("debian", &["tree"]),
    ("archive", &["debian", "http", "home", "image", "progress"]),
    ("store", &["image", "tree", "home"]),
    ("language", &["recipe", "source", "tree"]),
    ("lock", &["recipe", "debian", "image", "tree"]),
    ("plan", &["recipe", "language", "lock", "image"]),
    ("engine", &["store", "image", "tree", "home"]),
    (
        "roles",
        &[
            "plan", "debian", "archive", "store", "tree", "source", "engine", "lock", "image",
            "home", "progress",
        ],
    ),
    (
        "resolve",
        &[
            "language", "lock", "debian", "archive", "engine", "roles", "image", "progress",
        ],
    ),
    ("run", &["engine", "recipe", "image", "store", "home"]),
    ("build", &["*"]),
    ("cmd", &["*"]),
];

/// Rows whose functions only compute.
const PURE: &[&str] = &["recipe", "image", "debian", "plan"];

/// What a pure row may not name.
const EFFECTS: &[&str] = &[
    "std::fs",
    "fs_err",
    "std::net",
    "std::process",
    "ureq",
    "tempfile",
    "rustix",
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a readable source directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module that a file belongs to: the first component below `src`.
fn module(file: &Path) -> String {
    let below = file.strip_prefix(src()).expect("below src");
    let first = below.components().next().expect("a component").as_os_str();
    first.to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Code without comments and without what follows `#[cfg(test)]`.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("readable");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let uncommented = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

/// The first components behind `crate::`, those in `use crate::{a, b}` included.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let word = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let end = group.find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth == 0
            });
            let mut depth = 0;
            let top: String = group[..end.unwrap_or(group.len())]
                .chars()
                .filter(|&c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth == 0 && c != '}'
                })
                .collect();
            found.extend(top.split(',').map(word));
        } else {
            found.insert(word(rest));
        }
    }
    found.remove("");
    found
}

fn is_test_file(file: &Path) -> bool {
    file.file_name()
        .is_some_and(|name| name == "tests.rs" || name.to_string_lossy().ends_with("_tests.rs"))
        || file.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn every_module_has_a_row_and_every_row_a_module() {
    let rows: BTreeSet<String> = ROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let modules: BTreeSet<String> = sources(&src())
        .iter()
        .map(|file| module(file))
        .filter(|name| name != "lib" && name != "main")
        .collect();
    assert_eq!(rows, modules);
}

#[test]
fn imports_follow_the_arrows() {
    let allowed: BTreeMap<&str, &[&str]> = ROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in sources(&src()).iter().filter(|file| !is_test_file(file)) {
        let module = module(file);
        let Some(allowed) = allowed.get(module.as_str()) else {
            continue;
        };
        for import in imports(&code(file)) {
            let known = ROWS.iter().any(|(name, _)| *name == import);
            if known
                && import != module
                && !allowed.contains(&"*")
                && !allowed.contains(&import.as_str())
            {
                wrong.push(format!(
                    "{}: `{module}` may not import `{import}`",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_but_cmd_and_main_imports_cmd() {
    for file in sources(&src())
        .iter()
        .filter(|file| module(file) != "cmd" && module(file) != "main")
    {
        assert!(!imports(&code(file)).contains("cmd"), "{}", file.display());
    }
}

#[test]
fn pure_rows_name_no_effects() {
    let mut wrong = Vec::new();
    for file in sources(&src())
        .iter()
        .filter(|file| PURE.contains(&module(file).as_str()) && !is_test_file(file))
    {
        let code = code(file);
        wrong.extend(
            EFFECTS
                .iter()
                .filter(|effect| code.contains(*effect))
                .map(|effect| format!("{}: {effect}", file.display())),
        );
    }
    assert!(
        wrong.is_empty(),
        "pure modules with effects:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_import_reader_sees_groups_and_paths() {
    let code =
        "use crate::{home, tree::{Entry, Node}, image::Digest};\nfn a(x: crate::store::Store) {}";
    let found: Vec<String> = imports(code).into_iter().collect();
    assert_eq!(found, ["home", "image", "store", "tree"]);
}

#[test]
fn no_source_file_has_more_than_500_lines_of_code() {
    let long: Vec<String> = sources(&src())
        .iter()
        .filter_map(|file| {
            let lines = std::fs::read_to_string(file).expect("readable");
            let lines = lines
                .lines()
                .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
            let count = lines.count();
            (count > 500).then(|| format!("{} {count}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
