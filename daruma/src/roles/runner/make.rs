//! A `.deb` becomes a member: its data is re-emitted as it is read, nothing is unpacked on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use super::super::blocks::{Blocks, Effort};
use super::member::{ControlText, FORMAT, Item, MemberInfo, Unrepresentable};
use super::paths::{self, Fate};
use super::sum::{Sum, Summed};
use crate::debian::ControlFiles;
use crate::tree::tar::{Limits, Reader, TarError, Writer};
use crate::tree::{Entry, InvalidPath, Meta, Node, TreePath};

/// Where a runner lists its packages, one file each, as scanners read it.
const STATUS_D: &str = "var/lib/dpkg/status.d";

/// The control files that configuring natively reads.
const KEPT_CONTROL: &[&str] = &[
    "conffiles",
    "control",
    "md5sums",
    "postinst",
    "preinst",
    "triggers",
    "config",
    "templates",
];

/// Templates hold questions in many languages; only the longest of Debian's pass this, and a text this long is no script.
const MAX_CONTROL_TEXT: usize = 4 << 20;

/// A package cannot become a member.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    /// Its `data.tar` is not what a package's may be.
    #[error("its data is damaged or hostile")]
    Tar(#[from] TarError),
    /// A path in it is not one.
    #[error("one of its paths cannot stand in an image")]
    Path(#[from] InvalidPath),
    /// Something in it has no form in a member.
    #[error("it holds something that a runner cannot")]
    Content(#[from] Unrepresentable),
    /// One path twice.
    #[error("it ships /{0} twice")]
    Twice(String),
    /// A hard link to something that is not in the package.
    #[error("it ships /{0} as another name of something that it does not ship")]
    Dangling(String),
    /// A control file is too large to be one.
    #[error("its control file `{0}` is larger than 4 MiB")]
    Control(String),
    /// The member cannot be written; the text names the path.
    #[error("its layer member cannot be written")]
    Io(#[from] io::Error),
}

/// Writes the member of `package` to `tar` and, compressed, to `gzip`; gives its index.
pub(super) fn make(
    package: &str,
    control: &ControlFiles,
    data: impl Read,
    tar: impl Write,
    gzip: impl Write,
) -> Result<MemberInfo, MakeError> {
    let sink = Sink {
        tar: Summed::new(tar),
        gzip: Blocks::new(Summed::new(gzip), Effort::Small),
    };
    let mut maker = Maker::new(sink);
    let mut reader = Reader::new(data, Limits::package());
    while let Some((entry, data)) = reader.next_entry()? {
        maker.take(entry, data)?;
    }
    maker.add_status(package, control)?;
    maker.finish(package, control)
}

struct Maker<T, G> {
    writer: Writer<Sink<T, G>>,
    entries: Vec<Item>,
    dirs: Vec<Item>,
    doc_dirs: Vec<Item>,
    /// Paths as the package has them.
    shipped: BTreeSet<TreePath>,
    /// Paths as the member has them.
    seen: BTreeSet<TreePath>,
}

impl<T: Write, G: Write> Maker<T, G> {
    fn new(sink: Sink<T, G>) -> Self {
        let (entries, dirs, doc_dirs) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            writer: Writer::new(sink),
            entries,
            dirs,
            doc_dirs,
            shipped: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    fn take(&mut self, mut entry: Entry<u64>, data: impl Read) -> Result<(), MakeError> {
        let is_dir = entry.node == Node::Dir;
        let (path, list) = match paths::fate(&entry.path, is_dir)? {
            Fate::Drop => return Ok(()),
            Fate::Keep(path) => (path, is_dir.then_some(&mut self.dirs)),
            Fate::IfUsed(path) => (path, Some(&mut self.doc_dirs)),
        };
        if !self.shipped.insert(entry.path.clone()) {
            return Err(MakeError::Twice(entry.path.to_string()));
        }
        if !self.seen.insert(path.clone()) {
            // Before Debian 13 a package may ship `lib/x` and `usr/lib/x`, which are one directory on a merged system.
            return if is_dir {
                Ok(())
            } else {
                Err(MakeError::Twice(path.to_string()))
            };
        }
        entry.path = path;
        if let Some(dirs) = list {
            dirs.push(Item::of(&entry, 0)?);
            return Ok(());
        }
        if let Node::Hardlink(target) = &entry.node {
            entry.node = Node::Hardlink(self.link_target(&entry.path, target)?);
        }
        self.append(&entry, data)
    }

    fn link_target(&self, link: &TreePath, target: &TreePath) -> Result<TreePath, MakeError> {
        let target = paths::merged(target)?;
        if self.seen.contains(&target) {
            Ok(target)
        } else {
            Err(MakeError::Dangling(link.to_string()))
        }
    }

    fn append(&mut self, entry: &Entry<u64>, data: impl Read) -> Result<(), MakeError> {
        self.writer.append(entry, data)?;
        let at = match entry.node {
            Node::File(size) => self.writer.get_ref().tar.sum().size - size.next_multiple_of(512),
            _ => 0,
        };
        self.entries.push(Item::of(entry, at)?);
        Ok(())
    }

    /// The package's control stanza and checksums, where scanners look for them.
    fn add_status(&mut self, package: &str, control: &ControlFiles) -> Result<(), MakeError> {
        let mtime = self
            .entries
            .iter()
            .chain(&self.dirs)
            .map(|item| item.mtime)
            .max()
            .unwrap_or(0);
        for (name, suffix) in [("control", ""), ("md5sums", ".md5sums")] {
            let Some(file) = control.get(name) else {
                continue;
            };
            let path = TreePath::try_from(format!("{STATUS_D}/{package}{suffix}").as_str())?;
            let meta = Meta {
                mode: 0o644,
                mtime,
                ..Meta::default()
            };
            let entry = Entry {
                path,
                meta,
                node: Node::File(file.data.len() as u64),
            };
            self.append(&entry, &file.data[..])?;
        }
        Ok(())
    }

    fn finish(mut self, package: &str, control: &ControlFiles) -> Result<MemberInfo, MakeError> {
        let used = |dir: &Item, entries: &[Item]| {
            let below = format!("{}/", dir.path);
            entries.iter().any(|item| item.path.starts_with(&below))
        };
        let doc_dirs = std::mem::take(&mut self.doc_dirs);
        self.dirs
            .extend(doc_dirs.into_iter().filter(|dir| used(dir, &self.entries)));
        let sink = self.writer.finish_member()?;
        let (tar, gzip) = sink.finish()?;
        Ok(MemberInfo {
            format: FORMAT,
            package: package.to_owned(),
            control: control_texts(control)?,
            entries: self.entries,
            dirs: self.dirs,
            tar,
            gzip,
        })
    }
}

fn control_texts(control: &ControlFiles) -> Result<BTreeMap<String, ControlText>, MakeError> {
    let mut texts = BTreeMap::new();
    for name in KEPT_CONTROL {
        let Some(file) = control.get(name) else {
            continue;
        };
        if file.data.len() > MAX_CONTROL_TEXT {
            return Err(MakeError::Control((*name).to_owned()));
        }
        let text = String::from_utf8_lossy(&file.data).into_owned();
        texts.insert(
            (*name).to_owned(),
            ControlText {
                mode: file.mode,
                text,
            },
        );
    }
    Ok(texts)
}

/// Both forms of a member at once.
struct Sink<T, G> {
    tar: Summed<T>,
    gzip: Blocks<Summed<G>>,
}

impl<T: Write, G: Write> Sink<T, G> {
    fn finish(mut self) -> io::Result<(Sum, Sum)> {
        self.tar.flush()?;
        let (gzip, _) = self.gzip.finish()?;
        Ok((self.tar.sum(), gzip.sum()))
    }
}

impl<T: Write, G: Write> Write for Sink<T, G> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tar.write_all(bytes)?;
        self.gzip.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
