//! The two forms of "what was here is gone": names in layers (OCI image-spec, layer.md, "Whiteouts") and devices and
//! attributes in overlayfs (kernel documentation, overlayfs, "whiteouts and opaque directories").

use super::{Entry, Node, TreePath};

/// Before the name of what is gone.
const PREFIX: &[u8] = b".wh.";
/// In a directory that hides all that lies below it.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// Where overlayfs keeps its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// `trusted.overlay.`: a mount by real root.
    Trusted,
    /// `user.overlay.`: a mount with `userxattr`, as in user namespaces.
    User,
}

impl Namespace {
    /// The attribute that makes a directory opaque when it is `y`.
    pub(super) fn opaque(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }
}

/// What an entry's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// It hides the path.
    Whiteout(TreePath),
    /// It hides what lies in its directory below this layer; `None` is the root.
    Opaque(Option<TreePath>),
    /// The name is reserved and means nothing.
    Reserved,
}

/// Reads a name as a marker; `None` for ordinary ones.
pub(super) fn marker(path: &TreePath) -> Option<Marker> {
    let rest = path.name().strip_prefix(PREFIX)?;
    if path.name() == OPAQUE {
        return Some(Marker::Opaque(path.parent()));
    }
    if rest.starts_with(PREFIX) {
        return Some(Marker::Reserved);
    }
    let hidden = match path.parent() {
        Some(parent) => parent.join(rest),
        None => TreePath::new(rest),
    };
    Some(hidden.map_or(Marker::Reserved, Marker::Whiteout))
}

/// The name that hides `path` in a layer; `None` where it would be too long.
pub(super) fn whiteout_of(path: &TreePath) -> Option<TreePath> {
    let name = [PREFIX, path.name()].concat();
    match path.parent() {
        Some(parent) => parent.join(&name).ok(),
        None => TreePath::new(&name).ok(),
    }
}

/// The name that makes `dir` opaque; `None` is the root.
pub(super) fn opaque_in(dir: Option<&TreePath>) -> Option<TreePath> {
    match dir {
        Some(dir) => dir.join(OPAQUE).ok(),
        None => TreePath::new(OPAQUE).ok(),
    }
}

/// Whether overlayfs takes this node as a whiteout.
pub(super) fn is_device<D>(node: &Node<D>) -> bool {
    matches!(node, Node::CharDevice(0, 0))
}

/// Whether overlayfs takes this directory as opaque.
pub(super) fn is_opaque<D>(entry: &Entry<D>) -> bool {
    let opaque = |namespace: Namespace| entry.meta.xattrs.get(namespace.opaque());
    [Namespace::Trusted, Namespace::User]
        .into_iter()
        .any(|namespace| opaque(namespace).is_some_and(|value| value == b"y"))
}

/// The part of an attribute's name after overlayfs's prefix.
pub(super) fn overlay_attribute(name: &str) -> Option<&str> {
    name.strip_prefix("trusted.overlay.")
        .or_else(|| name.strip_prefix("user.overlay."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_hide() {
        let path = |text: &str| TreePath::try_from(text).expect("valid");
        let rows = [
            ("etc/passwd", None),
            ("etc/.wh.passwd", Some(Marker::Whiteout(path("etc/passwd")))),
            (".wh.etc", Some(Marker::Whiteout(path("etc")))),
            ("etc/.wh..wh..opq", Some(Marker::Opaque(Some(path("etc"))))),
            (".wh..wh..opq", Some(Marker::Opaque(None))),
            ("etc/.wh..wh.plnk", Some(Marker::Reserved)),
            ("etc/.wh.", Some(Marker::Reserved)),
            ("etc/.wh...", Some(Marker::Reserved)),
        ];
        for (name, meaning) in rows {
            assert_eq!(marker(&path(name)), meaning, "{name}");
        }
    }
}
