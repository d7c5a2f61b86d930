//! Ways out of the directory, what replaces what, whiteouts in both forms, owners and modes.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use super::{Devices, Options, Summary, UnpackError, Whiteouts, Xattrs, unpack};
use crate::tree::tar::{Limits, Reader, Writer};
use crate::tree::{Bytes, Entry, IdMap, IdRange, Meta, Namespace, Node, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::try_from(text).expect("valid")
}

fn file(text: &str) -> Node<Bytes> {
    Node::File(Bytes::from(text.as_bytes()))
}

fn link(target: &str) -> Node<Bytes> {
    Node::Symlink(target.as_bytes().to_vec())
}

fn hard(target: &str) -> Node<Bytes> {
    Node::Hardlink(path(target))
}

type Rows<'a> = &'a [(&'a str, Node<Bytes>)];

type Owned = Vec<(&'static str, Node<Bytes>)>;

/// An archive of entries in the given order, twice the same path included.
fn archive(rows: Rows<'_>) -> Vec<u8> {
    let meta = |node: &Node<Bytes>| Meta {
        mode: if *node == Node::Dir { 0o755 } else { 0o644 },
        mtime: 1_000,
        ..Meta::default()
    };
    let entries: Vec<_> = rows
        .iter()
        .map(|(name, node)| Entry {
            path: path(name),
            meta: meta(node),
            node: node.clone(),
        })
        .collect();
    archive_of(entries)
}

fn archive_of(entries: Vec<Entry<Bytes>>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries {
        let data = match &entry.node {
            Node::File(bytes) => bytes.clone(),
            _ => Bytes::default(),
        };
        let sized = entry.map_data(|bytes| bytes.len() as u64);
        writer.append(&sized, &data[..]).expect("fits");
    }
    writer.finish().expect("memory")
}

fn single() -> Options {
    Options {
        ids: IdMap::Single,
        whiteouts: Whiteouts::Apply,
        xattrs: Xattrs::IfAllowed,
        devices: Devices::Omit,
    }
}

fn overlay() -> Options {
    Options {
        whiteouts: Whiteouts::Overlay(Namespace::User),
        ..single()
    }
}

fn put(dir: &Path, rows: Rows<'_>, options: &Options) -> Result<Summary, UnpackError> {
    unpack_bytes(dir, &archive(rows), options)
}

fn unpack_bytes(dir: &Path, bytes: &[u8], options: &Options) -> Result<Summary, UnpackError> {
    unpack(&mut Reader::new(bytes, Limits::default()), dir, options)
}

/// Paths below `dir`, with what stands there.
fn shown(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in fs_err::read_dir(&at).expect("readable") {
            let path = entry.expect("readable").path();
            let kind = fs_err::symlink_metadata(&path)
                .expect("is there")
                .file_type();
            let name = path.strip_prefix(dir).expect("below").display().to_string();
            if kind.is_dir() {
                all.push(format!("{name}/"));
                left.push(path);
            } else if kind.is_symlink() {
                let target = fs_err::read_link(&path).expect("a link");
                all.push(format!("{name} -> {}", target.display()));
            } else if kind.is_file() {
                all.push(format!(
                    "{name} = {}",
                    fs_err::read_to_string(&path).expect("text")
                ));
            } else {
                all.push(format!("{name} ?"));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn no_archive_gets_out_of_its_directory() {
    let rows: Vec<(&str, Owned, &str)> = vec![
        (
            "a file through a link to a parent",
            vec![("d", link("..")), ("d/victim", file("bad"))],
            "a parent of it is not a directory",
        ),
        (
            "a file through an absolute link",
            vec![("d", link("/tmp")), ("d/victim", file("bad"))],
            "a parent of it is not a directory",
        ),
        (
            "deeper through a link",
            vec![
                ("a", Node::Dir),
                ("a/d", link("../..")),
                ("a/d/x/victim", file("bad")),
            ],
            "a parent of it is not a directory",
        ),
        (
            "a hard link to a file through a link",
            vec![("d", link("..")), ("stolen", hard("d/victim"))],
            "there is no `d/victim`",
        ),
        (
            "a hard link to nothing",
            vec![("stolen", hard("etc/shadow"))],
            "there is no `etc/shadow`",
        ),
        (
            "a hard link to itself",
            vec![("a", file("1")), ("a", hard("a"))],
            "there is no `a`",
        ),
        (
            "a hard link to a directory",
            vec![("a", Node::Dir), ("b", hard("a"))],
            "there is no `a`",
        ),
        (
            "a device that overlayfs takes for a whiteout",
            vec![("x", Node::CharDevice(0, 0))],
            "is a whiteout to overlayfs",
        ),
        (
            "a reserved name",
            vec![(".wh..wh.plnk", file(""))],
            "are reserved",
        ),
    ];
    for (name, rows, expected) in rows {
        let outer = tempfile::tempdir().expect("temporary directory");
        fs_err::write(outer.path().join("victim"), "good").expect("new");
        let root = outer.path().join("root");
        fs_err::create_dir(&root).expect("new");
        for options in [single(), overlay()] {
            let error = put(&root, &rows, &options).expect_err(name).to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        let victim = fs_err::read_to_string(outer.path().join("victim")).expect("is there");
        assert_eq!(victim, "good", "{name}");
        assert_eq!(
            fs_err::read_dir(outer.path()).expect("readable").count(),
            2,
            "{name}"
        );
    }
}

#[test]
fn a_whiteout_through_a_link_removes_nothing_outside() {
    let outer = tempfile::tempdir().expect("temporary directory");
    let root = outer.path().join("root");
    fs_err::create_dir(&root).expect("new");
    fs_err::write(outer.path().join("victim"), "good").expect("new");
    fs_err::os::unix::fs::symlink("..", root.join("d")).expect("new");
    for rows in [[("d/.wh.victim", file(""))], [("d/.wh..wh..opq", file(""))]] {
        put(&root, &rows, &single()).expect("nothing to remove");
        assert_eq!(shown(&root), ["d -> .."]);
        assert!(outer.path().join("victim").exists());
    }
}

#[test]
fn later_entries_replace_what_stands_in_their_place() {
    let rows: Vec<(&str, Owned, &[&str])> = vec![
        (
            "a file by a file",
            vec![("a", file("1")), ("a", file("2"))],
            &["a = 2"],
        ),
        (
            "a link by a file",
            vec![("a", link("b")), ("a", file("2"))],
            &["a = 2"],
        ),
        (
            "a directory by a file",
            vec![("a/b", file("1")), ("a", file("2"))],
            &["a = 2"],
        ),
        (
            "a file by a directory",
            vec![("a", file("1")), ("a", Node::Dir)],
            &["a/"],
        ),
        (
            "a link by a directory",
            vec![("a", link("/")), ("a", Node::Dir)],
            &["a/"],
        ),
        (
            "a directory by itself",
            vec![("a/b", file("1")), ("a", Node::Dir)],
            &["a/", "a/b = 1"],
        ),
        (
            "the directory in use by a link",
            vec![("a/b", file("1")), ("a", link("c")), ("x", file("2"))],
            &["a -> c", "x = 2"],
        ),
        (
            "a file by a hard link",
            vec![("a", file("1")), ("b", file("2")), ("b", hard("a"))],
            &["a = 1", "b = 1"],
        ),
    ];
    for (name, rows, expected) in rows {
        let dir = tempfile::tempdir().expect("temporary directory");
        put(dir.path(), &rows, &single()).expect(name);
        assert_eq!(shown(dir.path()), expected, "{name}");
    }
}

#[test]
fn applied_whiteouts_remove_what_was_there_before_only() {
    let lower: Rows<'_> = &[("d/a", file("1")), ("d/sub/x", file("1")), ("e", file("1"))];
    let rows: Vec<(&str, Owned, &[&str])> = vec![
        (
            "a file",
            vec![("d/.wh.a", file(""))],
            &["d/", "d/sub/", "d/sub/x = 1", "e = 1"],
        ),
        ("a directory", vec![(".wh.d", file(""))], &["e = 1"]),
        (
            "nothing",
            vec![(".wh.none", file(""))],
            &["d/", "d/a = 1", "d/sub/", "d/sub/x = 1", "e = 1"],
        ),
        (
            "an opaque directory after its new content",
            vec![("d/sub/y", file("2")), ("d/.wh..wh..opq", file(""))],
            &["d/", "d/sub/", "d/sub/y = 2", "e = 1"],
        ),
        (
            "the root",
            vec![("new", file("2")), (".wh..wh..opq", file(""))],
            &["new = 2"],
        ),
        (
            "a directory that has new content",
            vec![("d/new", file("2")), (".wh.d", file(""))],
            &["d/", "d/new = 2", "e = 1"],
        ),
    ];
    for (name, upper, expected) in rows {
        let dir = tempfile::tempdir().expect("temporary directory");
        put(dir.path(), lower, &single()).expect("unpacks");
        put(dir.path(), &upper, &single()).expect(name);
        assert_eq!(shown(dir.path()), expected, "{name}");
    }
}

fn is_whiteout(path: &Path) -> bool {
    let stat = fs_err::symlink_metadata(path).expect("is there");
    stat.file_type().is_char_device() && stat.rdev() == 0
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 8];
    rustix::fs::lgetxattr(path, "user.overlay.opaque", &mut value)
        .is_ok_and(|n| value[..n] == *b"y")
}

#[test]
fn whiteouts_become_those_of_overlayfs() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path();
    let rows: Rows<'_> = &[
        ("d/.wh.gone", file("")),
        ("o/.wh..wh..opq", file("")),
        (".wh.again", file("")),
        ("again", Node::Dir),
        ("kept", file("1")),
        (".wh.kept", file("")),
        ("kept-dir/x", file("1")),
        (".wh.kept-dir", file("")),
    ];
    if let Err(error) = put(root, rows, &overlay()) {
        eprintln!("skipped: this file system has no user attributes or whiteouts: {error:?}");
        return;
    }
    assert!(is_whiteout(&root.join("d/gone")));
    for opaque in ["o", "again", "kept-dir"] {
        assert!(is_opaque(&root.join(opaque)), "{opaque}");
    }
    assert!(!is_opaque(&root.join("d")));
    assert_eq!(
        fs_err::read_to_string(root.join("kept")).expect("is there"),
        "1"
    );
}

#[test]
fn directories_get_their_mode_and_time_after_their_content() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut entries = Vec::new();
    for (name, mode, node) in [
        ("closed", 0o555, Node::Dir),
        ("closed/tool", 0o4711, file("x")),
        ("implied/x", 0o644, file("x")),
    ] {
        let meta = Meta {
            mode,
            mtime: 5_000,
            ..Meta::default()
        };
        entries.push(Entry {
            path: path(name),
            meta,
            node,
        });
    }
    let summary = unpack_bytes(dir.path(), &archive_of(entries), &single()).expect("unpacks");
    assert_eq!(
        summary,
        Summary {
            entries: 3,
            bytes: 2
        }
    );
    let stat = |name| {
        let stat = fs_err::metadata(dir.path().join(name)).expect("is there");
        (stat.mode() & 0o7777, stat.mtime())
    };
    assert_eq!(stat("closed"), (0o555, 5_000));
    assert_eq!(stat("closed/tool"), (0o4711, 5_000));
    assert_eq!(stat("implied"), (0o755, 0));
}

#[test]
fn owners_are_mapped_or_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root gives files away");
        return;
    }
    let range = IdRange {
        inside: 0,
        outside: 100_000,
        count: 1000,
    };
    let ids = IdMap::Ranges {
        users: vec![range],
        groups: vec![range],
    };
    let options = Options { ids, ..single() };
    let owned = |uid| {
        let meta = Meta {
            mode: 0o4755,
            uid,
            ..Meta::default()
        };
        let entry = |name, node| Entry {
            path: path(name),
            meta: meta.clone(),
            node,
        };
        archive_of(vec![entry("d/f", file("")), entry("d/l", link("f"))])
    };
    let dir = tempfile::tempdir().expect("temporary directory");
    unpack_bytes(dir.path(), &owned(33), &options).expect("in the range");
    for (name, uid) in [("d", 100_000), ("d/f", 100_033), ("d/l", 100_033)] {
        let stat = fs_err::symlink_metadata(dir.path().join(name)).expect("is there");
        assert_eq!((stat.uid(), stat.gid()), (uid, 100_000), "{name}");
    }
    let mode = fs_err::metadata(dir.path().join("d/f"))
        .expect("is there")
        .mode();
    assert_eq!(mode & 0o7777, 0o4755);
    let refused = unpack_bytes(dir.path(), &owned(1000), &options);
    assert!(
        matches!(refused, Err(UnpackError::Owner { uid: 1000, .. })),
        "{refused:?}"
    );
}

#[test]
fn attributes_of_overlayfs_are_never_taken_from_an_archive() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut meta = Meta {
        mode: 0o755,
        ..Meta::default()
    };
    for name in ["user.overlay.redirect", "user.comment"] {
        meta.xattrs.insert(name.to_owned(), b"/etc".to_vec());
    }
    let entry = Entry {
        path: path("d"),
        meta,
        node: Node::Dir,
    };
    unpack_bytes(dir.path(), &archive_of(vec![entry]), &single()).expect("unpacks");
    let names = crate::tree::xattr::of_file(std::os::fd::AsFd::as_fd(
        &crate::tree::beneath::open_root(&dir.path().join("d")).expect("is there"),
    ));
    let names = names.expect("readable");
    assert!(!names.contains_key("user.overlay.redirect"), "{names:?}");
}

#[test]
fn an_archive_that_is_cut_off_is_an_error_and_not_a_short_file() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let bytes = archive(&[("f", file(&"x".repeat(700)))]);
    let error = unpack_bytes(dir.path(), &bytes[..1000], &single()).expect_err("cut");
    assert_eq!(
        error.to_string(),
        "cannot unpack `f`: reading its data failed"
    );
}
