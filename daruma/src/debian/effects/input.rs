//! What goes in and what comes out.

use std::borrow::Cow;

use crate::debian::ControlFiles;
use crate::tree::{InvalidPath, TreePath};

/// The merged file system of all unpacked packages: `/bin`, `/sbin` and `/lib*` are links into `/usr`, and every path is
/// the one that stands after those links are followed.
pub trait Files {
    /// The bytes of the regular file at `path`; links are not followed.
    fn read(&self, path: &TreePath) -> Option<Cow<'_, [u8]>>;

    /// What stands at `path`; links are not followed.
    fn stat(&self, path: &TreePath) -> Option<Stat>;

    /// The names in `dir` (`None` is the root), in any order.
    fn list(&self, dir: Option<&TreePath>) -> Vec<Vec<u8>>;
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Owner inside the image.
    pub uid: u64,
    /// Group inside the image.
    pub gid: u64,
}

/// The kinds of things that maintainer scripts tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file, whatever its number of names.
    File,
    /// A symbolic link and its target.
    Symlink(Vec<u8>),
    /// A device or pipe.
    Other,
}

/// Whether several architectures of a package may be installed together (deb-control(5), `Multi-Arch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultiArch {
    /// `Multi-Arch: same`: dpkg names it with its architecture.
    Same,
    /// Anything else.
    Other,
}

/// One unpacked package.
pub struct PackageInput<'a> {
    /// Its name, without an architecture.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its architecture (`all` included).
    pub architecture: &'a str,
    /// Its `Multi-Arch` field.
    pub multi_arch: MultiArch,
    /// The members of its `control.tar`.
    pub control: &'a ControlFiles,
    /// The paths it ships, merged as [`Files`] says.
    pub files: &'a [TreePath],
}

/// What the result depends on besides the packages.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image's architecture in Debian's words (`amd64`).
    pub architecture: String,
    /// Days since 1970-01-01 for the "last changed" field of `/etc/shadow`, which would otherwise hold the day of the build.
    pub shadow_day: u32,
}

/// The finished configuration.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What must change in the image, by path.
    pub changes: Vec<Change>,
    /// The scripts and triggers whose effects `changes` holds.
    pub handled: Vec<Handled>,
    /// The scripts that were not understood; none of their effects is in `changes`.
    pub unknown: Vec<Unknown>,
}

/// One path that is not as the packages shipped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: TreePath,
    /// What stands there afterwards.
    pub action: Action,
}

/// What happens to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A regular file with these bytes.
    Write {
        /// Permissions and owner.
        meta: Owned,
        /// Its content.
        data: Vec<u8>,
    },
    /// A directory.
    Mkdir(Owned),
    /// A symbolic link to this target.
    Symlink(Vec<u8>),
    /// Nothing: what a package shipped here goes.
    Remove,
    /// What a package shipped, with other permissions or owner.
    Meta(Owned),
}

/// Permissions and owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
}

/// Which script of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Script {
    /// `preinst install`.
    Preinst,
    /// `postinst configure ""`.
    Postinst,
    /// `postinst triggered <names>`.
    Triggered,
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Preinst => "preinst",
            Self::Postinst => "postinst",
            Self::Triggered => "postinst triggered",
        })
    }
}

/// A script whose effects are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The package.
    pub package: String,
    /// The script.
    pub script: Script,
    /// What of it was left out on purpose, with the reason; empty where everything was done.
    pub omitted: Vec<String>,
}

/// A script that must run in a configure root, or the image is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The package.
    pub package: String,
    /// The script.
    pub script: Script,
    /// The first command that was not understood, and why.
    pub reason: String,
}

/// Why no configuration could be computed at all.
#[derive(Debug, thiserror::Error)]
pub enum EffectsError {
    /// A script made a path that no layer can hold.
    #[error("cannot keep what the maintainer scripts made")]
    Path(#[source] InvalidPath),
    /// Two inputs describe the same package.
    #[error("cannot configure `{0}` twice")]
    Duplicate(String),
}
