//! What belongs to a source.

use std::process::Command;

use super::super::{Kind, Source, SourceError};
use super::{git, names, tree, write};
use crate::tree::TreePath;

#[test]
fn version_control_secrets_and_recipe_files_are_never_source() {
    let dir = tree(&[
        (".git/config", ""),
        ("sub/.git", "gitdir: x"),
        (".env", "SECRET=1"),
        (".env.local", "SECRET=1"),
        ("web/.env.test.local", "SECRET=1"),
        (".env.production", "VITE_TITLE=shop"),
        (".env.example", ""),
        (".env..local", ""),
        ("daruma.toml", ""),
        ("daruma.lock", ""),
        ("Procfile", ""),
        ("app.json", ""),
        ("docs/Procfile", ""),
        (".hidden", ""),
    ]);
    let kept = [
        ".env..local",
        ".env.example",
        ".env.production",
        ".hidden",
        "docs/Procfile",
    ];
    assert_eq!(names(dir.path()), kept);
    // Nor can a rule bring them back.
    write(dir.path(), ".dockerignore", "!.env\n!Procfile\n");
    assert_eq!(names(dir.path()), kept);
}

#[test]
fn gitignore_files_count_where_they_stand() {
    let dir = tree(&[
        (".gitignore", "*.log\n/build\nnode_modules/\n[bad\n"),
        ("a.log", ""),
        ("build/out", ""),
        ("sub/build/out", ""),
        ("sub/.gitignore", "!keep.log\nlocal\n"),
        ("sub/keep.log", ""),
        ("sub/other.log", ""),
        ("sub/local", ""),
        ("local", ""),
        ("web/node_modules/x/index.js", ""),
        ("main", ""),
    ]);
    let kept = [
        ".gitignore",
        "local",
        "main",
        "sub/.gitignore",
        "sub/build/out",
        "sub/keep.log",
    ];
    assert_eq!(names(dir.path()), kept);
}

#[test]
fn git_agrees_on_its_ignore_files() {
    let dir = tree(&[
        (
            ".gitignore",
            "# c\n\\#x\n*.o\n!keep.o\n/top\ndeep/**/end\n**/any/*.txt\nout/\n[a-c]1\nsp\\ \nq?z\n!/sub/never/in\n",
        ),
        ("#x", ""),
        ("a.o", ""),
        ("keep.o", ""),
        ("top", ""),
        ("sub/top", ""),
        ("deep/end", ""),
        ("deep/1/2/end", ""),
        ("deep/1/2/ends", ""),
        ("x/any/a.txt", ""),
        ("x/any/b/a.txt", ""),
        ("out/a", ""),
        ("sub/out", ""),
        ("b1", ""),
        ("d1", ""),
        ("sp ", ""),
        ("qaz", ""),
        ("q/z", ""),
        ("sub/.gitignore", "/never\n!*.o\n*.tmp\n!/x/keep.tmp\n"),
        ("sub/never/in", ""),
        ("sub/b.o", ""),
        ("sub/x/keep.tmp", ""),
        ("sub/x/y.tmp", ""),
    ]);
    let outer = tempfile::tempdir().expect("temporary directory");
    let repository = outer.path().join("git").display().to_string();
    if !git(outer.path(), &["init", "-q", "--bare", &repository]) {
        eprintln!("skipped: git is not here");
        return;
    }
    let listed = Command::new("git")
        .arg(format!("--git-dir={repository}"))
        .args([
            "-c",
            "core.bare=false",
            "--work-tree=.",
            "ls-files",
            "-z",
            "--others",
        ])
        .arg("--exclude-per-directory=.gitignore")
        .current_dir(dir.path())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "{listed:?}");
    let text = String::from_utf8(listed.stdout).expect("text");
    let mut expected: Vec<_> = text.split_terminator('\0').map(str::to_owned).collect();
    expected.sort();
    assert_eq!(names(dir.path()), expected);
}

#[test]
fn dockerignore_replaces_gitignore() {
    let dir = tree(&[
        (".gitignore", "*.log\n"),
        (".dockerignore", "docs\n!docs/api\n**/*.tmp\nvendor\n"),
        ("a.log", ""),
        ("docs/x", ""),
        ("docs/api/y", ""),
        ("s/t/u.tmp", ""),
        ("vendor/z", ""),
    ]);
    assert_eq!(names(dir.path()), [".gitignore", "a.log", "docs/api/y"]);
    let source = Source::open(dir.path()).expect("a source");
    let path = |text: &str| TreePath::try_from(text).expect("valid");
    assert!(
        source.contains(&path("docs")),
        "the parent of what was brought back"
    );
    assert!(!source.contains(&path("vendor")));
}

#[test]
fn what_no_image_can_hold_is_an_error_that_names_it() {
    let dir = tree(&[("a", "")]);
    let socket = dir.path().join("run.sock");
    _ = std::os::unix::net::UnixListener::bind(&socket).expect("new");
    let error = Source::open(dir.path()).expect_err("a socket");
    assert!(
        matches!(&error, SourceError::Special { path, .. } if *path == socket),
        "{error}"
    );
    write(dir.path(), ".gitignore", "*.sock\n");
    assert_eq!(names(dir.path()), [".gitignore", "a"]);
}

#[test]
fn links_are_kept_and_not_followed() {
    let outer = tree(&[("secret", "x"), ("src/a", "")]);
    let src = outer.path().join("src");
    fs_err::os::unix::fs::symlink("..", src.join("up")).expect("new");
    assert_eq!(names(&src), ["a", "up"]);
    let source = Source::open(&src).expect("a source");
    assert_eq!(source.items()[1].kind, Kind::Symlink(b"..".to_vec()));
}
