//! The same root in memory, on disk and as a stack, seen the same.

use super::{Resolved, Stack, View, ViewError};
use crate::tree::tar::{Limits, Reader, Writer};
use crate::tree::{Bytes, Entry, MemoryTree, Node, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::try_from(text).expect("valid")
}

fn file(text: &str) -> Node<Bytes> {
    Node::File(Bytes::from(text.as_bytes()))
}

fn link(target: &str) -> Node<Bytes> {
    Node::Symlink(target.as_bytes().to_vec())
}

fn tree(nodes: Vec<(&str, Node<Bytes>)>) -> MemoryTree {
    MemoryTree::of(nodes).expect("valid")
}

fn root() -> MemoryTree {
    tree(vec![
        ("usr", Node::Dir),
        ("usr/lib", Node::Dir),
        ("usr/lib/libz.so.1.3", file("zlib")),
        ("usr/lib/libz.so.1", link("libz.so.1.3")),
        ("usr/lib/same", Node::Hardlink(path("usr/lib/libz.so.1.3"))),
        ("lib", link("usr/lib")),
        ("abs", link("/usr/lib/libz.so.1")),
        ("up", link("../../../usr")),
        ("self", link("/")),
        ("loop", link("loop")),
        ("dangling", link("nowhere")),
    ])
}

/// Where `path` leads, as text.
fn leads(view: &dyn View, path: &str) -> String {
    match view.resolve(path.as_bytes()) {
        Ok(Resolved::Root) => "/".to_owned(),
        Ok(Resolved::Missing) => "nowhere".to_owned(),
        Ok(Resolved::Found(entry)) => entry.path.to_string(),
        Err(error) => error.to_string(),
    }
}

fn assert_sees_the_root(view: &dyn View) {
    let rows = [
        ("/lib/libz.so.1", "usr/lib/libz.so.1.3"),
        ("abs", "usr/lib/libz.so.1.3"),
        ("up/lib/same", "usr/lib/same"),
        ("self/self/lib", "usr/lib"),
        ("../..", "/"),
        ("lib/..", "usr"),
        ("dangling", "nowhere"),
        ("abs/x", "nowhere"),
        ("abs/..", "nowhere"),
        ("loop", "cannot follow `loop`: too many symbolic links"),
    ];
    for (from, to) in rows {
        assert_eq!(leads(view, from), to, "{from}");
    }
    assert_eq!(view.entry(&path("lib/libz.so.1")).expect("readable"), None);
    let names = view.list(Some(&path("usr/lib"))).expect("readable");
    assert_eq!(
        names,
        ["libz.so.1", "libz.so.1.3", "same"].map(|n| path(&format!("usr/lib/{n}")))
    );
    assert_eq!(view.list(Some(&path("lib"))).expect("readable"), []);
    assert_eq!(view.read(&path("usr/lib/same"), 4).expect("fits"), b"zlib");
    let large = view.read(&path("usr/lib/same"), 3);
    assert!(
        matches!(large, Err(ViewError::TooLarge { .. })),
        "{large:?}"
    );
    for other in ["usr", "lib", "none"] {
        let result = view.read(&path(other), 9);
        assert!(
            matches!(result, Err(ViewError::NotAFile { .. })),
            "{other}: {result:?}"
        );
    }
    let linked = view.entry(&path("usr/lib/same")).expect("readable");
    assert_eq!(linked.map(|entry| entry.node), Some(Node::File(4)));
    assert_eq!(
        view.read_resolved(b"abs", 9).expect("fits"),
        Some(b"zlib".to_vec())
    );
}

#[test]
fn a_tree_in_memory_is_a_root() {
    assert_sees_the_root(&root());
}

#[test]
fn a_stack_of_one_is_that_root() {
    assert_sees_the_root(&Stack::new(vec![Box::new(root())]));
}

#[cfg(target_os = "linux")]
#[test]
fn an_unpacked_directory_is_a_root_that_no_link_leaves() {
    use super::Disk;
    use crate::tree::IdMap;
    use crate::tree::unpack::{Devices, Options, Whiteouts, Xattrs, unpack};

    let dir = tempfile::tempdir().expect("temporary directory");
    let mut writer = Writer::new(Vec::new());
    root().write_to(&mut writer).expect("fits");
    let bytes = writer.finish().expect("memory");
    let options = Options {
        ids: IdMap::Single,
        whiteouts: Whiteouts::Apply,
        xattrs: Xattrs::IfAllowed,
        devices: Devices::Omit,
    };
    let mut reader = Reader::new(&bytes[..], Limits::default());
    unpack(&mut reader, dir.path(), &options).expect("unpacks");
    let disk = Disk::open(dir.path(), IdMap::Single).expect("is there");
    assert_sees_the_root(&disk);
    let entry = disk
        .entry(&path("usr"))
        .expect("readable")
        .expect("is there");
    assert_eq!(
        (entry.meta.mode, entry.meta.uid, entry.meta.mtime),
        (0o755, 0, 0)
    );
}

#[test]
fn parents_that_a_layer_lacks_are_directories() {
    let tree = tree(vec![("a/b/c", file("x"))]);
    assert_eq!(leads(&tree, "a/b"), "a/b");
    assert_eq!(tree.list(None).expect("readable"), [path("a")]);
}

fn stack(layers: Vec<MemoryTree>) -> Stack<'static> {
    Stack::new(
        layers
            .into_iter()
            .map(|layer| Box::new(layer) as Box<dyn View>)
            .collect(),
    )
}

/// All paths that a view shows, from the root on.
fn shown(view: &dyn View) -> Vec<String> {
    let mut all = Vec::new();
    let mut left = view.list(None).expect("readable");
    while let Some(path) = left.pop() {
        let entry = view.entry(&path).expect("readable").expect("listed");
        all.push(entry.path.to_string());
        left.extend(view.list(Some(&path)).expect("readable"));
    }
    all.sort();
    all
}

fn opaque_dir(name: &str) -> Entry<Bytes> {
    let mut entry = tree(vec![(name, Node::Dir)])
        .remove(&path(name))
        .expect("is there");
    let (key, value) = ("user.overlay.opaque".to_owned(), b"y".to_vec());
    entry.meta.xattrs.insert(key, value);
    entry
}

#[test]
fn upper_layers_hide_lower_ones_in_both_forms() {
    let lower = || {
        let nodes = vec![
            ("d", Node::Dir),
            ("d/a", file("1")),
            ("d/b", file("1")),
            ("e/x", file("1")),
        ];
        tree(nodes)
    };
    let mut opaque = tree(vec![("d/new", file("2"))]);
    opaque.insert(opaque_dir("d")).expect("new");
    let gone = Node::CharDevice(0, 0);
    let rows: Vec<(&str, MemoryTree, &[&str])> = vec![
        ("nothing", tree(vec![]), &["d", "d/a", "d/b", "e", "e/x"]),
        (
            "a whiteout",
            tree(vec![("d/.wh.a", file(""))]),
            &["d", "d/b", "e", "e/x"],
        ),
        (
            "a device",
            tree(vec![("d/a", gone.clone())]),
            &["d", "d/b", "e", "e/x"],
        ),
        (
            "a directory's whiteout",
            tree(vec![(".wh.d", file(""))]),
            &["e", "e/x"],
        ),
        (
            "a directory's device",
            tree(vec![("d", gone)]),
            &["e", "e/x"],
        ),
        ("a file", tree(vec![("d", file("2"))]), &["d", "e", "e/x"]),
        (
            "an opaque name",
            tree(vec![("d/.wh..wh..opq", file("")), ("d/c", file(""))]),
            &["d", "d/c", "e", "e/x"],
        ),
        ("an opaque attribute", opaque, &["d", "d/new", "e", "e/x"]),
        (
            "an opaque root",
            tree(vec![(".wh..wh..opq", file("")), ("c", file(""))]),
            &["c"],
        ),
        (
            "both",
            tree(vec![(".wh.d", file("")), ("d/c", file(""))]),
            &["d", "d/c", "e", "e/x"],
        ),
    ];
    for (name, upper, expected) in rows {
        let stack = stack(vec![upper, lower()]);
        assert_eq!(shown(&stack), expected, "{name}");
        for path in ["d", "d/a", "d/b", "e/x"].map(path) {
            let seen = stack.entry(&path).expect("readable").is_some();
            assert_eq!(
                seen,
                expected.contains(&path.to_string().as_str()),
                "{name}: {path}"
            );
        }
    }
}

#[test]
fn what_the_middle_hides_the_top_can_bring_back() {
    let layers = vec![
        tree(vec![("d/a", file("top"))]),
        tree(vec![(".wh.d", file(""))]),
        tree(vec![("d/a", file("bottom")), ("d/b", file("bottom"))]),
    ];
    let stack = stack(layers);
    assert_eq!(shown(&stack), ["d", "d/a"]);
    assert_eq!(stack.read(&path("d/a"), 10).expect("fits"), b"top");
}
