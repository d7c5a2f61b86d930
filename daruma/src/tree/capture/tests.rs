//! A golden layer, what comes back from it, the choice, and what no layer can hold.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use super::{CaptureError, Choice, Options, Summary, capture};
use crate::tree::tar::{Limits, Reader, Writer};
use crate::tree::{IdMap, IdRange, Node, TreePath};

fn capture_with(dir: &Path, ids: &IdMap, options: &Options<'_>) -> Result<Vec<u8>, CaptureError> {
    let mut writer = Writer::new(Vec::new());
    capture(dir, ids, options, &mut writer)?;
    Ok(writer.finish()?)
}

fn layer(dir: &Path, options: &Options<'_>) -> Vec<u8> {
    capture_with(dir, &IdMap::Single, options).expect("captures")
}

/// One line for each entry.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(bytes, Limits::default());
    let mut lines = Vec::new();
    while let Some((entry, _)) = reader.next_entry().expect("valid") {
        let meta = &entry.meta;
        let what = match &entry.node {
            Node::Dir => "dir".to_owned(),
            Node::File(size) => format!("file {size}"),
            Node::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            Node::Hardlink(target) => format!("= {target}"),
            other => format!("{other:?}"),
        };
        let names: Vec<_> = meta.xattrs.keys().cloned().collect();
        let line = format!(
            "{} {:o} {}:{} {} {what} {}",
            entry.path,
            meta.mode,
            meta.uid,
            meta.gid,
            meta.mtime,
            names.join(" ")
        );
        lines.push(line.trim_end().to_owned());
    }
    lines
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).expect("ours");
}

fn write(dir: &Path, name: &str, data: &str) {
    let path = dir.join(name);
    fs_err::create_dir_all(path.parent().expect("has one")).expect("new");
    fs_err::write(&path, data).expect("new");
    set_mode(&path, 0o644);
}

fn attribute(path: &Path, name: &str, value: &[u8]) -> bool {
    setxattr(path, name, value, XattrFlags::empty()).is_ok()
}

/// An upper directory as a job leaves it; `false` where this file system cannot hold one.
fn upper(dir: &Path) -> bool {
    write(dir, "b/first", "hello");
    write(dir, "b/run", "#!");
    write(dir, "b-c", "x");
    write(dir, "opaque/new", "1");
    set_mode(&dir.join("b/run"), 0o4755);
    for name in ["b", "opaque"] {
        set_mode(&dir.join(name), 0o755);
    }
    fs_err::hard_link(dir.join("b/first"), dir.join("a-link")).expect("new");
    fs_err::os::unix::fs::symlink("../etc", dir.join("b/link")).expect("new");
    _ = std::os::unix::net::UnixListener::bind(dir.join("socket")).expect("new");
    let device = |name: &str| {
        mknodat(
            CWD,
            dir.join(name),
            FileType::CharacterDevice,
            Mode::empty(),
            0,
        )
    };
    device("b/gone").is_ok()
        && attribute(&dir.join("opaque"), "user.overlay.opaque", b"y")
        && attribute(&dir.join("b"), "user.overlay.origin", b"x")
        && attribute(&dir.join("b-c"), "user.comment", b"kept")
}

#[test]
fn an_upper_directory_becomes_a_layer() {
    let dir = tempfile::tempdir().expect("temporary directory");
    if !upper(dir.path()) {
        eprintln!("skipped: this file system has no user attributes or whiteouts");
        return;
    }
    let options = Options {
        epoch: Some(86_400),
        ..Options::default()
    };
    let bytes = layer(dir.path(), &options);
    insta::assert_snapshot!(lines(&bytes).join("\n"), @r"
    a-link 644 0:0 86400 file 5
    b 755 0:0 86400 dir
    b/first 644 0:0 86400 = a-link
    b/.wh.gone 644 0:0 0 file 0
    b/link 777 0:0 86400 -> ../etc
    b/run 4755 0:0 86400 file 2
    b-c 644 0:0 86400 file 1 user.comment
    opaque 755 0:0 86400 dir
    opaque/.wh..wh..opq 644 0:0 0 file 0
    opaque/new 644 0:0 86400 file 1
    ");
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    assert!(
        one_thread.install(|| layer(dir.path(), &options)) == bytes,
        "depends on threads"
    );
    let copy = tempfile::tempdir().expect("temporary directory");
    assert!(upper(copy.path()));
    assert!(
        layer(copy.path(), &options) == bytes,
        "depends on the place"
    );
}

#[test]
fn what_is_captured_unpacks_to_the_same_layer() {
    use crate::tree::Namespace;
    use crate::tree::unpack::{self, Devices, Whiteouts, Xattrs};
    let dir = tempfile::tempdir().expect("temporary directory");
    if !upper(dir.path()) {
        eprintln!("skipped: this file system has no user attributes or whiteouts");
        return;
    }
    let bytes = layer(dir.path(), &Options::default());
    let options = unpack::Options {
        ids: IdMap::Single,
        whiteouts: Whiteouts::Overlay(Namespace::User),
        xattrs: Xattrs::Required,
        devices: Devices::Create,
    };
    let copy = tempfile::tempdir().expect("temporary directory");
    let mut reader = Reader::new(&bytes[..], Limits::default());
    unpack::unpack(&mut reader, copy.path(), &options).expect("unpacks");
    assert_eq!(
        lines(&layer(copy.path(), &Options::default())),
        lines(&bytes)
    );
}

#[test]
fn gnu_tar_unpacks_what_is_captured() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut large = vec![7; 5 << 20];
    large[4 << 20] = 8;
    write(dir.path(), "small", "hello");
    fs_err::write(dir.path().join("large"), &large).expect("new");
    let name = std::ffi::OsStr::from_bytes(b"latin-\xe9");
    fs_err::write(dir.path().join(name), "x").expect("new");
    let bytes = layer(dir.path(), &Options::default());
    let out = tempfile::tempdir().expect("temporary directory");
    let archive = out.path().join("layer.tar");
    fs_err::write(&archive, bytes).expect("new");
    let status = std::process::Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(out.path())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("skipped: tar is not here");
        return;
    }
    assert!(fs_err::read(out.path().join("large")).expect("is there") == large);
    assert_eq!(
        fs_err::read(out.path().join("small")).expect("is there"),
        b"hello"
    );
    assert_eq!(fs_err::read(out.path().join(name)).expect("is there"), b"x");
}

#[test]
fn the_choice_leaves_out_and_looks_below() {
    let dir = tempfile::tempdir().expect("temporary directory");
    for name in ["app/code", "app/vendor/gem", "tmp/x"] {
        write(dir.path(), name, "1");
    }
    let choose = |path: &TreePath| match path.as_bytes() {
        b"tmp" | b"app/code" => Choice::Leave,
        b"app" => Choice::Enter,
        _ => Choice::Take,
    };
    let options = Options {
        epoch: None,
        choose: &choose,
    };
    let names: Vec<_> = lines(&layer(dir.path(), &options))
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(names, ["app/vendor", "app/vendor/gem"]);
}

#[test]
fn what_a_layer_cannot_hold_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().expect("temporary directory");
    write(dir.path(), "d/.wh.real", "1");
    let error =
        capture_with(dir.path(), &IdMap::Single, &Options::default()).expect_err("reserved");
    assert!(error.to_string().contains("`d/.wh.real`"), "{error}");

    let dir = tempfile::tempdir().expect("temporary directory");
    write(dir.path(), "d/x", "1");
    if attribute(&dir.path().join("d"), "user.overlay.redirect", b"/other") {
        let error =
            capture_with(dir.path(), &IdMap::Single, &Options::default()).expect_err("a part");
        assert!(
            error.to_string().contains("`d`: overlayfs keeps a part"),
            "{error}"
        );
    }

    let range = IdRange {
        inside: 0,
        outside: 900_000,
        count: 1,
    };
    let ids = IdMap::Ranges {
        users: vec![range],
        groups: vec![range],
    };
    let result = capture_with(dir.path(), &ids, &Options::default());
    assert!(
        matches!(result, Err(CaptureError::Owner { .. })),
        "{result:?}"
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let dir = tempfile::tempdir().expect("temporary directory");
    write(dir.path(), "a", "1");
    let walked = super::walk::walk(dir.path(), &Options::default()).expect("readable");
    write(dir.path(), "a", "longer now");
    let members = super::member::Members {
        root: &walked.unlocked.root,
        ids: &IdMap::Single,
        epoch: None,
    };
    let result = members.of(&walked.found[0]);
    assert!(
        matches!(result, Err(CaptureError::Changed { .. })),
        "{result:?}"
    );
}

#[test]
fn what_is_ours_but_unreadable_is_captured_and_keeps_its_mode() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().expect("temporary directory");
    write(dir.path(), "closed/shadow", "x");
    let rows = [("closed/shadow", 0), ("closed", 0o111)];
    for (name, mode) in rows {
        set_mode(&dir.path().join(name), mode);
    }
    let shown = lines(&layer(dir.path(), &Options::default()));
    let modes: Vec<_> = shown.iter().map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(modes, [Some("111"), Some("0")], "{shown:?}");
    for (name, mode) in rows {
        let stat = fs_err::symlink_metadata(dir.path().join(name)).expect("is there");
        assert_eq!(stat.mode() & 0o7777, mode, "{name}");
    }
    set_mode(&dir.path().join("closed"), 0o755);
}

#[test]
fn everything_is_counted() {
    let dir = tempfile::tempdir().expect("temporary directory");
    for n in 0..1000 {
        write(dir.path(), &format!("d{}/f{n}", n % 7), "12345");
    }
    let mut writer = Writer::new(std::io::sink());
    let summary =
        capture(dir.path(), &IdMap::Single, &Options::default(), &mut writer).expect("captures");
    assert_eq!(
        summary,
        Summary {
            entries: 1007,
            bytes: 5000
        }
    );
}
