//! The kernel's overlayfs as a second opinion on layers: what it shows of unpacked layers, and what is captured from it.

#![cfg(target_os = "linux")]
// Says why a test was skipped.
#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

use daruma::tree::capture::{self, capture};
use daruma::tree::tar::{Limits, Reader, Writer};
use daruma::tree::unpack::{Devices, Options, Whiteouts, Xattrs, unpack};
use daruma::tree::{Bytes, Disk, IdMap, MemoryTree, Namespace, Node, Stack, TreePath, View};
use fs_err as fs;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

type Nodes = Vec<(&'static str, Node<Bytes>)>;

fn file(text: &str) -> Node<Bytes> {
    Node::File(Bytes::from(text.as_bytes()))
}

fn archive(nodes: Nodes) -> Vec<u8> {
    let tree = MemoryTree::of(nodes).expect("valid");
    let mut writer = Writer::new(Vec::new());
    tree.write_to(&mut writer).expect("fits");
    writer.finish().expect("memory")
}

fn unpack_into(dir: &Path, bytes: &[u8], whiteouts: Whiteouts) {
    let options = Options {
        ids: IdMap::Same,
        whiteouts,
        xattrs: Xattrs::Required,
        devices: Devices::Create,
    };
    let mut reader = Reader::new(bytes, Limits::default());
    unpack(&mut reader, dir, &options).expect("unpacks");
}

/// A mount that goes with the value.
struct Overlay(PathBuf);

impl Overlay {
    /// `None`, with the reason printed, where this machine does not let us mount one.
    fn mount(at: &Path, options: &str) -> Option<Self> {
        let options = std::ffi::CString::new(options).expect("no NUL");
        match mount("overlay", at, "overlay", MountFlags::empty(), &*options) {
            Ok(()) => Some(Self(at.to_owned())),
            Err(errno) => {
                eprintln!("skipped: cannot mount overlayfs here: {errno}");
                None
            }
        }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// Directories named `names` in a new one.
fn dirs<const N: usize>(names: [&str; N]) -> (TempDir, [PathBuf; N]) {
    let outer = tempfile::tempdir().expect("temporary directory");
    let paths = names.map(|name| {
        let path = outer.path().join(name);
        fs::create_dir(&path).expect("new");
        path
    });
    (outer, paths)
}

/// One line for everything that a view shows.
fn shown(view: &dyn View) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left: Vec<TreePath> = view.list(None).expect("readable");
    while let Some(path) = left.pop() {
        let entry = view.entry(&path).expect("readable").expect("listed");
        let what = match &entry.node {
            Node::File(_) => String::from_utf8(view.read(&path, 99).expect("short")).expect("text"),
            other => format!("{other:?}"),
        };
        let (mode, uid, gid) = (entry.meta.mode, entry.meta.uid, entry.meta.gid);
        lines.push(format!("{path} {mode:o} {uid}:{gid} {what}"));
        left.extend(view.list(Some(&path)).expect("readable"));
    }
    lines.sort();
    lines
}

fn disk(dir: &Path) -> Disk {
    Disk::open(dir, IdMap::Same).expect("is there")
}

fn lower() -> Vec<u8> {
    archive(vec![
        ("d", Node::Dir),
        ("d/a", file("lower a")),
        ("d/b", file("lower b")),
        ("d/sub", Node::Dir),
        ("d/sub/x", file("lower x")),
        ("e", Node::Dir),
        ("e/y", file("lower y")),
        ("f", file("lower f")),
        ("l", Node::Symlink(b"d".to_vec())),
    ])
}

#[test]
fn overlayfs_shows_layers_as_stacks_and_applied_layers_do() {
    let rows: Vec<(&str, Nodes)> = vec![
        ("nothing", vec![]),
        ("a whiteout", vec![("d", Node::Dir), ("d/.wh.a", file(""))]),
        ("a directory's whiteout", vec![(".wh.d", file(""))]),
        (
            "a directory in its own place",
            vec![
                (".wh.d", file("")),
                ("d", Node::Dir),
                ("d/new", file("upper")),
            ],
        ),
        (
            "an opaque directory",
            vec![
                ("d", Node::Dir),
                ("d/.wh..wh..opq", file("")),
                ("d/c", file("upper")),
            ],
        ),
        ("a file for a directory", vec![("d", file("upper"))]),
        (
            "a directory for a file",
            vec![("f", Node::Dir), ("f/g", file("upper"))],
        ),
        (
            "a directory for a link",
            vec![("l", Node::Dir), ("l/g", file("upper"))],
        ),
        ("no parents", vec![("d/sub/new", file("upper"))]),
    ];
    for (name, upper) in rows {
        let (_outer, [low, up, both, applied]) = dirs(["low", "up", "both", "applied"]);
        let upper = archive(upper);
        for (dir, bytes) in [(&low, &lower()), (&up, &upper)] {
            unpack_into(dir, bytes, Whiteouts::Overlay(Namespace::Trusted));
        }
        for bytes in [&lower(), &upper] {
            unpack_into(&applied, bytes, Whiteouts::Apply);
        }
        let layers = format!("lowerdir={}:{}", up.display(), low.display());
        let Some(_mounted) = Overlay::mount(&both, &layers) else {
            return;
        };
        let kernel = shown(&disk(&both));
        let stack = Stack::new(vec![Box::new(disk(&up)), Box::new(disk(&low))]);
        assert_eq!(shown(&stack), kernel, "{name}: stack");
        assert_eq!(shown(&disk(&applied)), kernel, "{name}: applied");
    }
}

/// What jobs do to a file system.
fn work_in(root: &Path) -> std::io::Result<()> {
    fs::write(root.join("d/a"), "changed")?;
    fs::remove_file(root.join("d/b"))?;
    fs::remove_dir_all(root.join("e"))?;
    fs::create_dir(root.join("e"))?;
    fs::write(root.join("e/new"), "new")?;
    fs::rename(root.join("d/sub/x"), root.join("moved"))?;
    fs::hard_link(root.join("moved"), root.join("other-name"))?;
    fs::remove_file(root.join("l"))?;
    fs::create_dir(root.join("l"))?;
    fs::os::unix::fs::symlink("/etc/passwd", root.join("l/link"))?;
    fs::remove_file(root.join("f"))
}

#[test]
fn what_is_captured_applies_to_what_overlayfs_showed() {
    let names = ["low", "up", "work", "both", "applied"];
    let (_outer, [low, up, work, both, applied]) = dirs(names);
    unpack_into(&low, &lower(), Whiteouts::Apply);
    let (low, upper, work) = (low.display(), up.display(), work.display());
    let options = format!("lowerdir={low},upperdir={upper},workdir={work}");
    let Some(_mounted) = Overlay::mount(&both, &options) else {
        return;
    };
    work_in(&both).expect("a job's rights");
    let mut writer = Writer::new(Vec::new());
    let everything = capture::Options::default();
    capture(&up, &IdMap::Same, &everything, &mut writer).expect("captures");
    let layer = writer.finish().expect("memory");
    unpack_into(&applied, &lower(), Whiteouts::Apply);
    unpack_into(&applied, &layer, Whiteouts::Apply);
    assert_eq!(shown(&disk(&applied)), shown(&disk(&both)));
}
