//! The second layer: what the packages' scripts would have done, worked out without running them.

use std::collections::BTreeMap;

use super::RunnerError;
use super::files::Merged;
use super::layout::Layout;
use super::member::Member;
use super::pieces::{Piece, Pieces};
use crate::debian::effects::{
    self, Action, Change, Files as _, Kind, MultiArch, Options, Outcome, Owned, PackageInput,
    Script, Unknown,
};
use crate::debian::{ControlFile, ControlFiles};
use crate::tree::{Bytes, Entry, Meta, Node, TreePath};

/// The user that an app runs as, who must have a name: programs look it up (`getpwuid(3)`) and fail without.
const APP_USER: (&str, &str) = ("etc/passwd", "app:x:1000:1000::/app:/bin/sh\n");
/// The same for its group.
const APP_GROUP: (&str, &str) = ("etc/group", "app:x:1000:\n");

const SECONDS_PER_DAY: i64 = 86_400;

/// Works out what configuring `members` changes. Scripts that are not understood are in the outcome's `unknown`.
pub(super) fn configure(
    members: &[Member],
    layout: &Layout,
    merged: &Merged<'_>,
    architecture: &str,
) -> Result<Outcome, RunnerError> {
    let packages: Vec<Package> = members
        .iter()
        .map(|member| Package::of(member, layout))
        .collect();
    let inputs: Vec<PackageInput<'_>> = packages.iter().map(Package::input).collect();
    let shadow_day = u32::try_from(merged.newest() / SECONDS_PER_DAY).unwrap_or(0);
    let options = Options {
        architecture: architecture.to_owned(),
        shadow_day,
    };
    Ok(effects::configure(&inputs, merged, &options)?)
}

/// An owned form of what the effects take.
pub(super) struct Package {
    /// Its name.
    pub name: String,
    version: String,
    /// Its architecture, `all` included.
    pub architecture: String,
    multi_arch: MultiArch,
    /// Its control members.
    pub control: ControlFiles,
    /// Its paths on a merged system, without those that another package replaces.
    pub files: Vec<TreePath>,
}

impl Package {
    /// The package of `member` in `layout`.
    pub(super) fn of(member: &Member, layout: &Layout) -> Self {
        let info = &member.info;
        let control: ControlFiles = info
            .control
            .iter()
            .map(|(name, file)| {
                let data = file.text.clone().into_bytes();
                (
                    name.clone(),
                    ControlFile {
                        mode: file.mode,
                        data,
                    },
                )
            })
            .collect();
        let stanza = control.text("control").unwrap_or_default();
        let field = |name: &str| {
            let value = stanza.lines().find_map(|line| line.strip_prefix(name));
            value
                .map(|value| value.trim().to_owned())
                .unwrap_or_default()
        };
        let given_up = layout.given_up.get(&info.package);
        let kept = |path: &str| !given_up.is_some_and(|paths| paths.contains(path));
        let paths = info
            .entries
            .iter()
            .chain(&info.dirs)
            .map(|item| item.path.as_str());
        Self {
            name: info.package.clone(),
            version: field("Version:"),
            architecture: field("Architecture:"),
            multi_arch: match field("Multi-Arch:").as_str() {
                "same" => MultiArch::Same,
                _ => MultiArch::Other,
            },
            files: paths
                .filter(|path| kept(path))
                .filter_map(|path| TreePath::try_from(path).ok())
                .collect(),
            control,
        }
    }

    fn input(&self) -> PackageInput<'_> {
        PackageInput {
            name: &self.name,
            version: &self.version,
            architecture: &self.architecture,
            multi_arch: self.multi_arch,
            control: &self.control,
            files: &self.files,
        }
    }
}

/// The second layer's pieces, as far as they are worked out natively.
pub(super) fn pieces(outcome: &Outcome, merged: &Merged<'_>) -> Result<Pieces, RunnerError> {
    let mut changes: BTreeMap<TreePath, Action> = outcome
        .changes
        .iter()
        .map(|Change { path, action }| (path.clone(), action.clone()))
        .collect();
    for (path, line) in [APP_USER, APP_GROUP] {
        add_app_line(&mut changes, path, line, merged)?;
    }
    let mtime = merged.newest();
    Ok(changes
        .into_iter()
        .filter_map(|(path, action)| Some((path.clone(), piece(path, action, mtime, merged)?)))
        .collect())
}

/// Gives the id 1000 a name where nothing else has it.
fn add_app_line(
    changes: &mut BTreeMap<TreePath, Action>,
    path: &str,
    line: &str,
    merged: &Merged<'_>,
) -> Result<(), RunnerError> {
    let path = TreePath::try_from(path)?;
    let (meta, mut data) = match changes.get(&path) {
        Some(Action::Write { meta, data }) => (*meta, data.clone()),
        _ => (
            Owned {
                mode: 0o644,
                uid: 0,
                gid: 0,
            },
            merged.read(&path).unwrap_or_default().into_owned(),
        ),
    };
    let id = line.split(':').nth(2).unwrap_or_default();
    let text = String::from_utf8_lossy(&data);
    let taken = text.lines().any(|line| line.split(':').nth(2) == Some(id));
    if !taken {
        data.extend_from_slice(line.as_bytes());
        changes.insert(path, Action::Write { meta, data });
    }
    Ok(())
}

/// `None` where there is nothing to change.
fn piece(path: TreePath, action: Action, mtime: i64, merged: &Merged<'_>) -> Option<Piece> {
    let link = Owned {
        mode: 0o777,
        uid: 0,
        gid: 0,
    };
    let (owned, node) = match action {
        Action::Write { meta, data } => (meta, Node::File(data.into())),
        Action::Mkdir(meta) => (meta, Node::Dir),
        Action::Symlink(target) => (link, Node::Symlink(target)),
        Action::Remove => return Some(Piece::Remove),
        Action::Meta(meta) => (meta, content(&path, merged)?),
    };
    let meta = Meta {
        mode: owned.mode,
        uid: owned.uid,
        gid: owned.gid,
        mtime,
        ..Meta::default()
    };
    Some(Piece::Put(Entry { path, meta, node }))
}

/// What a package ships at `path`, to stand there with other permissions.
fn content(path: &TreePath, merged: &Merged<'_>) -> Option<Node<Bytes>> {
    match merged.stat(path)?.kind {
        Kind::Dir => Some(Node::Dir),
        Kind::File => {
            let data = merged.read(path).unwrap_or_default();
            Some(Node::File(Bytes::from(data.as_ref())))
        }
        Kind::Symlink(_) | Kind::Other => None,
    }
}

/// Whether this is the loader's cache, which must be that of the runner's own libraries: run among others it would be
/// another one.
pub(super) fn is_loader_cache(unknown: &Unknown) -> bool {
    unknown.package == "libc-bin" && unknown.script == Script::Triggered
}

/// The scripts that nobody understands, in one sentence each.
pub(super) fn sentences(unknown: &[Unknown]) -> Vec<String> {
    unknown
        .iter()
        .map(|it| format!("{} of {}: {}", it.script, it.package, it.reason))
        .collect()
}
