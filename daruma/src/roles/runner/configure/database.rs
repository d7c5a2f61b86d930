//! dpkg's database of the configure root, and what keeps services from being started in it.

use std::collections::BTreeMap;

use super::super::concat::Part;
use super::super::effects::Package;
use super::super::files::Merged;
use super::super::pieces::{Piece, Pieces};
use super::ConfigureError;
use super::cast::Cast;
use crate::debian::Stanza;
use crate::debian::dpkg_db::{self, Conffile, Recorded, State};
use crate::debian::effects::Files as _;
use crate::tree::tar::Writer;
use crate::tree::{Entry, Meta, Node, TreePath};

/// Directories that dpkg wants to find, and some that scripts do: a runner holds no documentation.
const DIRS: &[&str] = &[
    "usr/share/doc",
    "usr/share/info",
    "usr/share/man",
    "var/lib/dpkg/alternatives",
    "var/lib/dpkg/info",
    "var/lib/dpkg/parts",
    "var/lib/dpkg/triggers",
    "var/lib/dpkg/updates",
];

/// Lists that scripts may have added to; what was worked out natively is what dpkg must see.
const LISTS: &[&str] = &["diversions", "statoverride"];

/// Answers "no" to whoever wants to start a service (invoke-rc.d(8), policy-rc.d).
const POLICY: (&str, &str) = ("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");

/// A package in the database.
struct Row<'a> {
    package: &'a Package,
    stanza: Stanza,
    conffiles: Vec<Conffile>,
    state: State,
}

/// The database's layer.
pub(super) fn layer(cast: &Cast<'_>, native: &Pieces) -> Result<Part, ConfigureError> {
    let mut rows = Vec::new();
    for (package, state) in &cast.runner {
        rows.push(row(package, *state, cast.merged)?);
    }
    for package in &cast.others {
        rows.push(row(package, State::Unpacked, cast.other_files)?);
    }
    let recorded: Vec<Recorded<'_>> = rows.iter().map(Row::recorded).collect();
    let mut files: BTreeMap<String, (u32, Vec<u8>)> = dpkg_db::database(&recorded)
        .into_iter()
        .map(|(name, file)| (format!("{}/{name}", dpkg_db::DIR), (file.mode, file.data)))
        .collect();
    for name in LISTS {
        let path = format!("{}/{name}", dpkg_db::DIR);
        if let Some(data) = written(native, &path)? {
            files.insert(path, (0o644, data));
        }
    }
    files.insert(POLICY.0.to_owned(), (0o755, POLICY.1.into()));
    Ok(Part::of(tar(&files)?)?)
}

fn row<'a>(
    package: &'a Package,
    state: State,
    files: &Merged<'_>,
) -> Result<Row<'a>, ConfigureError> {
    let control = package.control.text("control").unwrap_or_default();
    let stanza = Stanza::parse(control.as_bytes()).map_err(|source| ConfigureError::Control {
        package: package.name.clone(),
        source,
    })?;
    let conffile = |path: String| {
        let data = files.read(&TreePath::try_from(path.strip_prefix('/')?).ok()?)?;
        let md5 = dpkg_db::conffile_md5(&data);
        Some(Conffile { path, md5 })
    };
    let conffiles = dpkg_db::conffile_paths(&package.control)
        .into_iter()
        .filter_map(conffile)
        .collect();
    Ok(Row {
        package,
        stanza,
        conffiles,
        state,
    })
}

impl Row<'_> {
    fn recorded(&self) -> Recorded<'_> {
        Recorded {
            control: &self.package.control,
            stanza: &self.stanza,
            paths: &self.package.files,
            conffiles: &self.conffiles,
            state: self.state,
        }
    }
}

fn written(native: &Pieces, path: &str) -> Result<Option<Vec<u8>>, ConfigureError> {
    let piece = native.get(&TreePath::try_from(path)?);
    Ok(match piece {
        Some(Piece::Put(Entry {
            node: Node::File(data),
            ..
        })) => Some(data.to_vec()),
        _ => None,
    })
}

fn tar(files: &BTreeMap<String, (u32, Vec<u8>)>) -> Result<Vec<u8>, ConfigureError> {
    let mut writer = Writer::new(Vec::new());
    let entry = |path: &str, mode, node| -> Result<Entry<u64>, ConfigureError> {
        let path = TreePath::try_from(path)?;
        let meta = Meta {
            mode,
            ..Meta::default()
        };
        Ok(Entry { path, meta, node })
    };
    for dir in DIRS {
        writer.append(&entry(dir, 0o755, Node::Dir)?, std::io::empty())?;
    }
    for (path, (mode, data)) in files {
        let node = Node::File(data.len() as u64);
        writer.append(&entry(path, *mode, node)?, &data[..])?;
    }
    Ok(writer.finish()?)
}
