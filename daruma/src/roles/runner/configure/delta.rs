//! What scripts changed, one captured tree after the other, as pieces of the runner's second layer.

use std::collections::BTreeSet;

use super::ConfigureError;
use super::ground::{Ground, View};
use super::records;
use super::rules::{self, Shape, Verdict};
use crate::tree::{Bytes, Entry, MemoryTree, Node, TreePath};

use super::super::pieces::{self, Piece, Pieces};

/// How names begin that say what is gone (OCI image-spec, layer.md, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The name of what hides all that a directory has in lower layers.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// The changes so far.
pub(super) struct Delta<'a> {
    ground: &'a Ground<'a>,
    pieces: Pieces,
}

/// The step whose changes are added, for messages.
struct Step<'a> {
    package: &'a str,
    captured: &'a MemoryTree,
}

impl<'a> Delta<'a> {
    /// Nothing yet.
    pub(super) fn new(ground: &'a Ground<'a>) -> Self {
        let pieces = Pieces::new();
        Self { ground, pieces }
    }

    /// The native pieces with the changes in them.
    pub(super) fn into_pieces(self) -> Pieces {
        let mut all = self.ground.native.clone();
        for (path, piece) in self.pieces {
            let is_dir = matches!(&piece, Piece::Put(entry) if entry.node == Node::Dir);
            if !is_dir {
                pieces::clear_below(&mut all, &path);
            }
            if piece == Piece::Remove && !self.ground.is_shipped(&path) {
                all.remove(&path);
            } else {
                all.insert(path, piece);
            }
        }
        all
    }

    /// Adds what configuring `package` changed.
    pub(super) fn add(
        &mut self,
        package: &str,
        captured: &MemoryTree,
    ) -> Result<(), ConfigureError> {
        let step = Step { package, captured };
        for entry in captured.iter() {
            match hidden(&entry.path) {
                Some(Hidden::Path(path)) => self.remove(&step, &path)?,
                Some(Hidden::Below(dir)) => self.hide_below(&step, &dir)?,
                None => self.put(&step, entry)?,
            }
        }
        Ok(())
    }

    fn put(&mut self, step: &Step<'_>, entry: &Entry<Bytes>) -> Result<(), ConfigureError> {
        let entry = self.ground.normal(entry, step.captured);
        let verdict = rules::verdict(&entry.path, Shape::of(&entry.node));
        if verdict == Verdict::Noise || rules::leads_to_noise(&entry.path, &entry.node) {
            return Ok(());
        }
        let Some(entry) = self.news(step, entry)? else {
            return Ok(());
        };
        let is_device = matches!(entry.node, Node::CharDevice(..) | Node::BlockDevice(..));
        if is_device || verdict == Verdict::Unexplained {
            return Err(step.unexplained(&entry.path));
        }
        if entry.node != Node::Dir {
            pieces::clear_below(&mut self.pieces, &entry.path);
        }
        self.pieces.insert(entry.path.clone(), Piece::Put(entry));
        Ok(())
    }

    /// The entry as the runner has it; `None` where it says nothing new about the runner.
    fn news(
        &self,
        step: &Step<'_>,
        mut entry: Entry<Bytes>,
    ) -> Result<Option<Entry<Bytes>>, ConfigureError> {
        let now = self.now(&entry.path);
        if let Some(before) = self.ground.before.get(&entry.path) {
            // What a tool of the configure root made is none of the runner's, which has nothing there.
            let (false, Some(now)) = (View::same(before, &entry), &now) else {
                return Ok(None);
            };
            entry.node = merged(step, &entry, before, now)?;
        } else if now.is_none() && self.ground.foreign.contains(&entry.path) {
            return Ok(None);
        }
        let is_new = now.is_none_or(|now| !View::same(&now, &entry));
        Ok(is_new.then_some(entry))
    }

    fn remove(&mut self, step: &Step<'_>, path: &TreePath) -> Result<(), ConfigureError> {
        let Some(now) = self.now(path) else {
            return Ok(());
        };
        match rules::verdict(path, Shape::of(&now.node)) {
            Verdict::Noise => {}
            Verdict::Unexplained => return Err(step.unexplained(path)),
            Verdict::Keep => {
                pieces::clear_below(&mut self.pieces, path);
                self.pieces.insert(path.clone(), Piece::Remove);
            }
        }
        Ok(())
    }

    /// A directory that was made anew hides what it had, but for what was made in it again.
    fn hide_below(&mut self, step: &Step<'_>, dir: &TreePath) -> Result<(), ConfigureError> {
        let mut names: BTreeSet<TreePath> = self.ground.children(dir).into_iter().collect();
        names.extend(
            self.pieces
                .keys()
                .filter(|path| path.parent().as_ref() == Some(dir))
                .cloned(),
        );
        for path in names {
            match step.captured.get(&path).map(|entry| &entry.node) {
                None => self.remove(step, &path)?,
                Some(Node::Dir) => self.hide_below(step, &path)?,
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What stands at `path` in the runner after the changes so far.
    fn now(&self, path: &TreePath) -> Option<Entry<Bytes>> {
        match self.pieces.get(path) {
            Some(Piece::Put(entry)) => Some(entry.clone()),
            Some(Piece::Remove) => None,
            None => self.ground.entry(path),
        }
    }
}

impl Step<'_> {
    fn unexplained(&self, path: &TreePath) -> ConfigureError {
        ConfigureError::Unexplained {
            package: self.package.to_owned(),
            path: path.clone(),
        }
    }
}

/// A file that a tool of the configure root changed before the script did: the script's own part of it.
fn merged(
    step: &Step<'_>,
    after: &Entry<Bytes>,
    before: &Entry<Bytes>,
    ours: &Entry<Bytes>,
) -> Result<Node<Bytes>, ConfigureError> {
    let text = |entry: &Entry<Bytes>| match &entry.node {
        Node::File(data) => std::str::from_utf8(data).ok().map(str::to_owned),
        _ => None,
    };
    if after.node == before.node {
        return Ok(ours.node.clone());
    }
    match (text(ours), text(before), text(after)) {
        (Some(ours), Some(old), Some(new)) if rules::has_records(&after.path) => {
            let text = records::merge(&ours, &old, &new);
            Ok(Node::File(text.into_bytes().into()))
        }
        _ => Err(ConfigureError::Mixed {
            package: step.package.to_owned(),
            path: after.path.clone(),
        }),
    }
}

/// What a captured name says is gone.
enum Hidden {
    Path(TreePath),
    Below(TreePath),
}

fn hidden(path: &TreePath) -> Option<Hidden> {
    let name = path.name().strip_prefix(WHITEOUT)?;
    let parent = path.parent();
    if path.name() == OPAQUE {
        return parent.map(Hidden::Below);
    }
    let path = match parent {
        Some(parent) => parent.join(name),
        None => TreePath::new(name),
    };
    path.ok().map(Hidden::Path)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::super::files::Merged;
    use super::super::super::layout::Layout;
    use super::super::ground::Owners;
    use super::*;

    fn file(text: &str) -> Node<Bytes> {
        Node::File(text.as_bytes().into())
    }

    fn tree(nodes: &[(&str, Node<Bytes>)]) -> MemoryTree {
        MemoryTree::of(nodes.iter().cloned()).expect("a tree")
    }

    fn by_path(tree: &MemoryTree) -> BTreeMap<TreePath, Entry<Bytes>> {
        let entries = tree.iter().map(|entry| (entry.path.clone(), entry.clone()));
        entries.collect()
    }

    fn pieces_of(tree: &MemoryTree) -> Pieces {
        let entries = by_path(tree).into_iter();
        entries
            .map(|(path, entry)| (path, Piece::Put(entry)))
            .collect()
    }

    /// What the steps make of a runner with a few files, as lines.
    fn outcome(steps: &[(&str, MemoryTree)]) -> Result<String, ConfigureError> {
        let layout = Layout {
            skeleton: Vec::new(),
            given_up: BTreeMap::new(),
        };
        let merged = Merged::new(&[], &layout);
        let passwd = file("root:0\napp:1000\n");
        let native = tree(&[
            ("etc", Node::Dir),
            ("etc/both", file("ours")),
            ("etc/passwd", passwd),
            ("usr/lib/a/old", file("old")),
        ]);
        let before = tree(&[
            ("etc/both", file("theirs")),
            ("etc/passwd", file("root:0\napp:1000\ntool:101\n")),
            ("etc/tool", file("1")),
        ]);
        let native = pieces_of(&native);
        let ground = Ground {
            merged: &merged,
            native: &native,
            foreign: BTreeSet::from([TreePath::try_from("usr/bin/tool").expect("a path")]),
            before: by_path(&before),
            owners: Owners::Real,
            mtime: 7,
        };
        let mut delta = Delta::new(&ground);
        for (package, captured) in steps {
            delta.add(package, captured)?;
        }
        let pieces = delta.into_pieces();
        let changed = pieces
            .iter()
            .filter(|(path, piece)| native.get(*path) != Some(*piece));
        let mut lines: Vec<String> = changed
            .map(|(path, piece)| match piece {
                Piece::Put(Entry {
                    node: Node::File(data),
                    ..
                }) => format!("{path} {:?}", String::from_utf8_lossy(data)),
                Piece::Put(_) => format!("{path} put"),
                Piece::Remove => format!("{path} removed"),
            })
            .collect();
        let gone = native.keys().filter(|path| !pieces.contains_key(*path));
        lines.extend(gone.map(|path| format!("{path} gone")));
        Ok(lines.join("\n"))
    }

    #[test]
    fn a_layer_has_what_scripts_changed_in_the_runner_and_nothing_else() {
        let first = tree(&[
            ("etc", Node::Dir),
            ("etc/passwd", file("root:0\napp:1000\ntool:101\nx:102\n")),
            ("etc/tool", file("2")),
            ("etc/x", file("x")),
            ("tmp/x", file("x")),
            ("usr/bin/tool", file("patched")),
            ("usr/lib/a/.wh.old", file("")),
            ("usr/lib/b", Node::Dir),
            ("usr/lib/b/1", file("one")),
            (
                "usr/lib/b/2",
                Node::Hardlink(TreePath::try_from("usr/lib/b/1").expect("a path")),
            ),
        ]);
        let second = tree(&[
            (
                "etc/passwd",
                file("root:0\napp:1000\ntool:101\nx:102\ny:103\n"),
            ),
            ("etc/x", file("y")),
            ("usr/lib/b", file("no directory any more")),
        ]);
        insta::assert_snapshot!(outcome(&[("a", first.clone())]).expect("pieces"), @r#"
        etc/passwd "root:0\napp:1000\nx:102\n"
        etc/x "x"
        usr/lib/b put
        usr/lib/b/1 "one"
        usr/lib/b/2 "one"
        usr/lib/a/old gone
        "#);
        insta::assert_snapshot!(outcome(&[("a", first), ("b", second)]).expect("pieces"), @r#"
        etc/passwd "root:0\napp:1000\nx:102\ny:103\n"
        etc/x "y"
        usr/lib/b "no directory any more"
        usr/lib/a/old gone
        "#);
    }

    #[test]
    fn an_opaque_directory_hides_what_is_not_made_again() {
        let captured = tree(&[
            ("usr/lib/a", Node::Dir),
            ("usr/lib/a/.wh..wh..opq", file("")),
            ("usr/lib/a/new", file("new")),
        ]);
        insta::assert_snapshot!(outcome(&[("a", captured)]).expect("pieces"), @r#"
        usr/lib/a put
        usr/lib/a/new "new"
        usr/lib/a/old gone
        "#);
    }

    #[test]
    fn writes_that_nobody_can_explain_name_the_package_and_the_path() {
        let rows = [
            (
                "app/x",
                "cannot take what the scripts of a wrote to /app/x: no package has anything to write there",
            ),
            (
                "etc/both",
                "cannot take what the scripts of a wrote to /etc/both: packages that are not in the runner write there too",
            ),
        ];
        for (path, expected) in rows {
            let captured = tree(&[(path, file("new"))]);
            let error = outcome(&[("a", captured)]).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }
}
