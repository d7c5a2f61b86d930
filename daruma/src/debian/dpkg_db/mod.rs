//! The texts of dpkg's database (`/var/lib/dpkg`), as `dpkg --unpack` or `dpkg -i` would leave them, and the one file per
//! package that images without dpkg carry instead.

mod triggers;

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use super::{ControlFiles, Stanza};
use crate::tree::TreePath;

pub use triggers::{Interest, interests};

/// Where the database is, relative to the root.
pub const DIR: &str = "var/lib/dpkg";

/// How far the installation of a package got (dpkg(1), "Package states").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its files are in place; `dpkg --configure` is to come.
    Unpacked,
    /// Configured as well.
    Installed,
}

/// A configuration file of a package and the MD5 of what the package ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conffile {
    /// Absolute path.
    pub path: String,
    /// 32 hex digits.
    pub md5: String,
}

/// A package as the database knows it.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Its control members.
    pub control: &'a ControlFiles,
    /// Its control file.
    pub stanza: &'a Stanza,
    /// What its `data.tar` has, in that order, directories included.
    pub paths: &'a [TreePath],
    /// Its configuration files.
    pub conffiles: &'a [Conffile],
    /// How far it is.
    pub state: State,
}

/// A file of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFile {
    /// Permission bits.
    pub mode: u32,
    /// Its bytes.
    pub data: Vec<u8>,
}

impl DatabaseFile {
    fn text(text: &str) -> Self {
        Self {
            mode: 0o644,
            data: text.as_bytes().to_vec(),
        }
    }
}

/// The MD5 of a configuration file, as the database has it.
pub fn conffile_md5(data: &[u8]) -> String {
    hex::encode(Md5::digest(data))
}

/// The absolute paths in `conffiles`; those to be removed with an upgrade (deb-conffiles(5)) are not part of the package.
pub fn conffile_paths(control: &ControlFiles) -> Vec<String> {
    let text = control.text("conffiles").unwrap_or_default();
    text.lines()
        .map(str::trim_end)
        .filter(|line| line.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// What a package's files in `info/` start with: its name, and its architecture where it can stand beside itself.
pub fn info_name(stanza: &Stanza) -> String {
    let name = stanza.get("Package").unwrap_or_default();
    match (stanza.get("Multi-Arch"), stanza.get("Architecture")) {
        (Some("same"), Some(architecture)) => format!("{name}:{architecture}"),
        _ => name.to_owned(),
    }
}

/// The text of a `.list` file: the root, then each path.
pub fn list(paths: &[TreePath]) -> Vec<u8> {
    let mut text = b"/.\n".to_vec();
    for path in paths {
        text.push(b'/');
        text.extend_from_slice(path.as_bytes());
        text.push(b'\n');
    }
    text
}

/// The package's stanza in `status`, without an empty line at its end.
pub fn status_stanza(stanza: &Stanza, state: State, conffiles: &[Conffile]) -> String {
    let state = match state {
        State::Unpacked => "install ok unpacked",
        State::Installed => "install ok installed",
    };
    let stanza = stanza.clone().with_second("Status", state);
    if conffiles.is_empty() {
        return stanza.to_string();
    }
    let mut lines = String::new();
    for Conffile { path, md5 } in conffiles {
        lines += &["\n ", path, " ", md5].concat();
    }
    stanza.with("Conffiles", &lines).to_string()
}

/// The files of a package in `status.d/` by name, as distroless images have them: the control file as it is in the
/// package, and its checksums beside it.
pub fn status_d(control: &ControlFiles, stanza: &Stanza) -> BTreeMap<String, DatabaseFile> {
    let name = stanza.get("Package").unwrap_or_default();
    let members = [
        ("control", name.to_owned()),
        ("md5sums", format!("{name}.md5sums")),
    ];
    let file = |data: &[u8]| DatabaseFile {
        mode: 0o644,
        data: data.to_vec(),
    };
    members
        .into_iter()
        .filter_map(|(member, name)| Some((name, file(&control.get(member)?.data))))
        .collect()
}

/// The whole database by path below [`DIR`]: `status`, `info/`, `triggers/` and the empty files that dpkg expects.
pub fn database(packages: &[Recorded<'_>]) -> BTreeMap<String, DatabaseFile> {
    let mut packages = packages.to_vec();
    packages.sort_by_key(|package| info_name(package.stanza));
    let mut files = triggers::files(&packages);
    let mut status = String::new();
    for package in &packages {
        status += &status_stanza(package.stanza, package.state, package.conffiles);
        status.push('\n');
        files.extend(info_files(package));
    }
    files.insert("status".to_owned(), DatabaseFile::text(&status));
    files.insert("info/format".to_owned(), DatabaseFile::text("1\n"));
    for empty in ["available", "diversions", "statoverride"] {
        files.insert(empty.to_owned(), DatabaseFile::text(""));
    }
    files
}

fn info_files(package: &Recorded<'_>) -> Vec<(String, DatabaseFile)> {
    let name = info_name(package.stanza);
    let members = package
        .control
        .iter()
        .filter(|(member, _)| *member != "control");
    let mut files: Vec<(String, DatabaseFile)> = members
        .map(|(member, file)| {
            let file = DatabaseFile {
                mode: file.mode & 0o777,
                data: file.data.clone(),
            };
            (format!("info/{name}.{member}"), file)
        })
        .collect();
    let list = DatabaseFile {
        mode: 0o644,
        data: list(package.paths),
    };
    files.push((format!("info/{name}.list"), list));
    files
}

#[cfg(test)]
mod tests;
