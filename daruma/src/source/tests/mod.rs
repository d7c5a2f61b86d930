//! What a source's digest depends on, its copies and its revision.

mod selection;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Kind, Placement, Source, SourceDigest, SourceError, StatCache, State, revision};
use crate::tree::tar::{Limits, Reader, Writer};
use crate::tree::{MemoryTree, Node, TreePath};

fn tree(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("temporary directory");
    for (name, text) in files {
        write(dir.path(), name, text);
    }
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs_err::create_dir_all(path.parent().expect("has one")).expect("new");
    fs_err::write(path, text).expect("new");
}

fn names(dir: &Path) -> Vec<String> {
    let source = Source::open(dir).expect("a source");
    let files = source.items().iter().filter(|item| item.kind != Kind::Dir);
    files.map(|item| item.path.to_string()).collect()
}

fn digest(dir: &Path) -> SourceDigest {
    let source = Source::open(dir).expect("a source");
    source.digest(&mut StatCache::default()).expect("readable")
}

fn chmod(dir: &Path, name: &str, mode: u32) {
    let permissions = PermissionsExt::from_mode(mode);
    fs_err::set_permissions(dir.join(name), permissions).expect("ours");
}

type Change = fn(&Path);

#[test]
fn the_digest_is_of_content_alone() {
    let files = [("bin/run", "#!"), ("lib/a", "1"), ("lib/b", "2")];
    let (one, two) = (tree(&files), tree(&files));
    chmod(one.path(), "bin/run", 0o700);
    chmod(two.path(), "bin/run", 0o755);
    chmod(one.path(), "lib/a", 0o600);
    chmod(one.path(), "lib", 0o700);
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
    let file = std::fs::File::options()
        .append(true)
        .open(one.path().join("lib/b"))
        .expect("ours");
    file.set_modified(old).expect("ours");
    assert_eq!(digest(one.path()), digest(two.path()));
    // The golden value: a change of what is hashed must change the format's name too.
    insta::assert_snapshot!(digest(one.path()), @"sha256:6ec3bd76254df9068ef1c9dbdd884ae4995015ee76a8f31876ca80f1b98f2a8d");

    let changes: [(&str, Change); 6] = [
        ("content", |dir| write(dir, "lib/a", "3")),
        ("mode", |dir| chmod(dir, "lib/a", 0o755)),
        ("name", |dir| {
            fs_err::rename(dir.join("lib/a"), dir.join("lib/c")).expect("ours");
        }),
        ("an empty directory", |dir| {
            fs_err::create_dir(dir.join("tmp")).expect("new");
        }),
        ("a link", |dir| {
            fs_err::os::unix::fs::symlink("a", dir.join("l")).expect("new");
        }),
        ("a removed file", |dir| {
            fs_err::remove_file(dir.join("lib/b")).expect("ours");
        }),
    ];
    let mut seen = vec![digest(one.path())];
    for (name, change) in changes {
        change(one.path());
        let now = digest(one.path());
        assert!(!seen.contains(&now), "{name}");
        seen.push(now);
    }
    write(two.path(), "Procfile", "web: x");
    assert_eq!(digest(two.path()), seen[0], "a recipe file is no source");
}

/// The digest as if it were taken some seconds after the last change.
fn digest_after(dir: &Path, seconds: i128, cache: &mut StatCache) -> SourceDigest {
    let source = Source::open(dir).expect("a source");
    let changes = source.items().iter().filter_map(|item| match item.kind {
        Kind::File { stamp, .. } => Some(stamp.ctime.max(stamp.mtime)),
        _ => None,
    });
    let taken = changes.max().unwrap_or(0) + seconds * 1_000_000_000;
    source.digest_at(taken, cache).expect("readable")
}

#[test]
fn the_cache_never_changes_the_digest() {
    let dir = tree(&[("a", "1"), ("b", "2")]);
    let file = dir.path().join("a");
    let mut cache = StatCache::default();
    let fresh = digest(dir.path());
    assert_eq!(digest_after(dir.path(), 1, &mut cache), fresh);
    assert!(cache.is_empty(), "what was just written is racy");
    assert_eq!(digest_after(dir.path(), 3, &mut cache), fresh);
    assert_eq!(cache.len(), 2);
    assert_eq!(digest_after(dir.path(), 3, &mut cache), fresh);
    // Longer than the tick of the clock that files get their times from.
    std::thread::sleep(std::time::Duration::from_millis(50));
    // Same length, and a time set back: the change time tells.
    let meta = fs_err::metadata(&file).expect("is there");
    write(dir.path(), "a", "9");
    let opened = std::fs::File::options().append(true).open(&file);
    let before = meta.modified().expect("has one");
    opened.expect("ours").set_modified(before).expect("ours");
    let changed = digest_after(dir.path(), 1, &mut cache);
    assert_ne!(changed, fresh);
    assert_eq!(changed, digest(dir.path()));
}

#[test]
fn a_known_file_is_not_read_again() {
    let dir = tree(&[("a", "1")]);
    let source = Source::open(dir.path()).expect("a source");
    let Kind::File { stamp, .. } = source.items()[0].kind else {
        panic!("not a file: {:?}", source.items());
    };
    let mut cache = StatCache::default();
    let later = super::cache::now() + 10_000_000_000;
    cache.replace(later, [(source.items()[0].path.clone(), stamp, [0; 32])]);
    let known = source.digest(&mut cache).expect("readable");
    assert_ne!(
        known,
        digest(dir.path()),
        "the cache's content was not used"
    );
}

fn placement() -> Placement {
    Placement {
        prefix: TreePath::try_from("app").expect("valid"),
        uid: 1000,
        gid: 1000,
        mtime: 86_400,
    }
}

fn layer(dir: &Path) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    let source = Source::open(dir).expect("a source");
    source.write_layer(&mut writer, &placement()).expect("fits");
    writer.finish().expect("memory")
}

#[test]
fn the_layer_is_the_source_below_its_prefix() {
    let files = [("bin/run", "#!"), ("a", "1"), ("a-b", "2")];
    let dir = tree(&files);
    chmod(dir.path(), "bin/run", 0o777);
    fs_err::os::unix::fs::symlink("bin/run", dir.path().join("link")).expect("new");
    let bytes = layer(dir.path());
    let mut reader = Reader::new(&bytes[..], Limits::default());
    let tree = MemoryTree::from_tar(&mut reader).expect("valid");
    let lines: Vec<_> = tree
        .iter()
        .map(|entry| {
            let (path, meta) = (&entry.path, &entry.meta);
            let text = match &entry.node {
                Node::File(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            };
            format!(
                "{path} {:o} {}:{} {} {text}",
                meta.mode, meta.uid, meta.gid, meta.mtime
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    app 755 1000:1000 86400 Dir
    app/a 644 1000:1000 86400 1
    app/a-b 644 1000:1000 86400 2
    app/bin 755 1000:1000 86400 Dir
    app/bin/run 755 1000:1000 86400 #!
    app/link 777 1000:1000 86400 Symlink([98, 105, 110, 47, 114, 117, 110])
    ");
}

#[test]
fn a_copy_is_the_same_source_and_no_part_of_the_first() {
    let dir = tree(&[("bin/run", "#!"), ("a", "1"), (".env", "SECRET=1")]);
    chmod(dir.path(), "bin/run", 0o700);
    fs_err::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).expect("new");
    let copy = tempfile::tempdir().expect("temporary directory");
    let source = Source::open(dir.path()).expect("a source");
    source.copy_to(copy.path(), 86_400).expect("fits");
    assert_eq!(digest(copy.path()), digest(dir.path()));
    assert!(!copy.path().join(".env").exists());
    let meta = fs_err::metadata(copy.path().join("bin/run")).expect("is there");
    assert_eq!(meta.permissions().mode() & 0o7777, 0o755);
    let since = meta
        .modified()
        .expect("has one")
        .duration_since(std::time::UNIX_EPOCH);
    assert_eq!(since.expect("later").as_secs(), 86_400);
    write(copy.path(), "a", "changed");
    assert_eq!(
        fs_err::read_to_string(dir.path().join("a")).expect("is there"),
        "1"
    );
}

#[test]
fn a_source_that_changes_while_it_is_used_is_an_error() {
    let dir = tree(&[("a", "1")]);
    let source = Source::open(dir.path()).expect("a source");
    write(dir.path(), "a", "22");
    let digest = source.digest(&mut StatCache::default());
    assert!(
        matches!(digest, Err(SourceError::Changed { .. })),
        "{digest:?}"
    );
    let copy = tempfile::tempdir().expect("temporary directory");
    let copied = source.copy_to(copy.path(), 0);
    assert!(
        matches!(copied, Err(SourceError::Changed { .. })),
        "{copied:?}"
    );
    let mut writer = Writer::new(std::io::sink());
    let written = source.write_layer(&mut writer, &placement());
    assert!(
        matches!(written, Err(SourceError::Changed { .. })),
        "{written:?}"
    );
}

fn git(dir: &Path, args: &[&str]) -> bool {
    let settings = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "commit.gpgsign=false",
    ];
    Command::new("git")
        .args(settings)
        .arg("-C")
        .arg(dir)
        .args(args)
        .env("GIT_COMMITTER_DATE", "@86400 +0000")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .is_ok_and(|output| output.status.success())
}

#[test]
fn the_revision_is_the_commit_and_whether_the_tree_is_that() {
    let dir = tree(&[
        ("a", "1"),
        ("app/x", "1"),
        (".gitignore", "ignored\n"),
        ("ignored/y", ""),
    ]);
    assert_eq!(revision(dir.path()).expect("no error"), None);
    if !git(dir.path(), &["init", "-q"]) {
        eprintln!("skipped: git is not here");
        return;
    }
    assert_eq!(
        revision(dir.path()).expect("no error"),
        None,
        "no commit yet"
    );
    assert!(git(dir.path(), &["add", "."]) && git(dir.path(), &["commit", "-q", "-m", "first"]));
    let at = |name: &str| revision(&dir.path().join(name)).expect("git answers");
    let state = |name: &str| at(name).map(|revision| revision.state);
    let first = at(".").expect("a commit");
    assert_eq!(
        (first.time, first.state, first.commit.len()),
        (86_400, State::Clean, 40)
    );
    write(dir.path(), "daruma.lock", "");
    assert_eq!(
        state("."),
        Some(State::Clean),
        "a first build's lock is no change"
    );
    write(dir.path(), "new", "");
    assert_eq!(state("."), Some(State::Changed));
    assert_eq!(
        state("app"),
        Some(State::Clean),
        "what lies beside it does not count"
    );
    assert_eq!(state("ignored"), None, "no commit has it");
}
