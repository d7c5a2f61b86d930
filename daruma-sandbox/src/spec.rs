//! What a sandbox is to be: a value that the caller writes and the sandbox reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ids::Ids;

/// A command and the surroundings that it gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Directories of the root file system, lowest first; only read. They and all paths here are absolute.
    pub layers: Vec<PathBuf>,
    /// An existing directory that holds none of the layers; inside the sandbox's own mounts a tmpfs covers it.
    pub scratch: PathBuf,
    /// Where writes go.
    pub upper: Upper,
    /// Program and arguments; a program without `/` is looked up in the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Working directory inside, which must exist.
    pub cwd: String,
    /// User and group inside.
    pub user: (u32, u32),
    /// What else stands in the file system.
    pub mounts: Vec<Mount>,
    /// What is reached.
    pub network: Network,
    /// How ids inside relate to ids outside.
    pub ids: Ids,
    /// Whether the command may gain privileges by `execve(2)`.
    pub privileges: Privileges,
    /// What calls that change owners do.
    pub ownership: Ownership,
    /// How the layers are mounted.
    pub overlay: OverlayApi,
    /// The host name inside.
    pub hostname: String,
    /// Where set, the command gets a terminal of this size as its standard streams.
    pub terminal: Option<WindowSize>,
}

/// Where writes to the root file system go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Upper {
    /// Into memory, gone at the end.
    Memory,
    /// Into an overlayfs upper directory of the caller's.
    Dir {
        /// The upper directory: empty, and not on an overlay file system.
        upper: PathBuf,
        /// The work directory: empty, on the same file system.
        work: PathBuf,
    },
}

/// Something mounted into the root file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mount {
    /// A directory or file of the host's, with all that is mounted below it.
    Host {
        /// On the host.
        from: PathBuf,
        /// Inside, absolute.
        to: String,
        /// Whether it may not be written.
        read_only: bool,
    },
    /// An empty file system in memory that everyone may write to.
    Tmpfs {
        /// Inside, absolute.
        to: String,
    },
}

impl Mount {
    /// Where it stands inside.
    pub(crate) fn to(&self) -> &str {
        match self {
            Self::Host { to, .. } | Self::Tmpfs { to } => to,
        }
    }
}

/// What the command reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Its own loopback only.
    None,
    /// What the host reaches, its loopback and abstract sockets included.
    Host,
}

/// Whether the command may gain privileges by running a setuid program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Privileges {
    /// It may not (`no_new_privs`): for applications.
    Fixed,
    /// It may, within the sandbox's capabilities: for package scripts that call `su` or `sudo`.
    Gainable,
}

/// What calls such as `chown(2)` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// What the kernel says.
    Real,
    /// They do nothing and succeed; meant for [`Ids::Single`], where the kernel knows one owner only.
    Pretended,
}

/// How the root file system is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverlayApi {
    /// Layer by layer (`lowerdir+`, Linux 6.7), else by `mount(2)`.
    Newest,
    /// By `mount(2)`, whose options must fit one page.
    MountCall,
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}
