//! A signed Debian archive in memory: pockets, indexes by hash, pool.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use crate::deb::{Compression, Deb};
use crate::key::Key;

/// How `Packages` is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Plain only.
    Plain,
    /// `.gz`.
    Gz,
    /// `.xz`.
    Xz,
}

/// Whether `Release` says `Acquire-By-Hash: yes`, and the files stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHash {
    /// There, as in Debian.
    Yes,
    /// Under plain names only.
    No,
}

/// One suite of an archive: `dists/<name>`.
#[derive(Clone, Debug)]
pub struct Pocket {
    /// The directory below `dists`.
    pub name: String,
    /// The fields at the top of `Release`, in order.
    pub fields: Vec<(String, String)>,
    /// In which forms `Packages` is there; the plain form is listed always but present only if said here.
    pub packings: Vec<Packing>,
    /// By-hash or not.
    pub by_hash: ByHash,
    /// Its packages.
    pub debs: Vec<Deb>,
}

impl Pocket {
    /// A pocket of Debian's main archive.
    pub fn debian(suite: &str) -> Self {
        Self::labelled(suite, "Debian")
    }

    /// A pocket of Debian's security archive.
    pub fn security(suite: &str) -> Self {
        Self::labelled(suite, "Debian-Security")
    }

    fn labelled(suite: &str, label: &str) -> Self {
        let fields = [
            ("Origin", "Debian"),
            ("Label", label),
            ("Suite", suite),
            ("Codename", suite),
            ("Date", "Sat, 01 Nov 2025 10:00:00 UTC"),
            ("Architectures", "all amd64 arm64"),
            ("Components", "main"),
            ("Description", "made by a test"),
        ];
        Self {
            name: suite.to_owned(),
            fields: fields.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            packings: vec![Packing::Xz, Packing::Gz],
            by_hash: ByHash::Yes,
            debs: Vec::new(),
        }
    }

    /// Sets a field of `Release`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a package.
    #[must_use]
    pub fn deb(mut self, deb: Deb) -> Self {
        self.debs.push(deb);
        self
    }

    /// Offers `Packages` in these forms.
    #[must_use]
    pub fn packings(mut self, packings: &[Packing]) -> Self {
        self.packings = packings.to_vec();
        self
    }

    /// With or without `by-hash`.
    #[must_use]
    pub fn by_hash(mut self, by_hash: ByHash) -> Self {
        self.by_hash = by_hash;
        self
    }

    /// The text of its index for `amd64`.
    pub fn packages(&self) -> String {
        let stanzas: Vec<String> = self.debs.iter().map(Deb::stanza).collect();
        stanzas.join("\n")
    }
}

/// Pockets of one archive, signed by one key or several.
#[derive(Clone, Debug)]
pub struct Archive {
    /// The signers.
    pub keys: Vec<Key>,
    /// Its suites.
    pub pockets: Vec<Pocket>,
}

impl Archive {
    /// An archive of nothing yet.
    pub fn new(key: Key) -> Self {
        Self {
            keys: vec![key],
            pockets: Vec::new(),
        }
    }

    /// Adds a suite.
    #[must_use]
    pub fn pocket(mut self, pocket: Pocket) -> Self {
        self.pockets.push(pocket);
        self
    }

    /// All files by path, each below `root` (such as `/debian`).
    pub fn files(&self, root: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for pocket in &self.pockets {
            for deb in &pocket.debs {
                files.insert(format!("{root}/{}", deb.pool_path()), deb.build());
            }
            self.publish(pocket, &format!("{root}/dists/{}", pocket.name), &mut files);
        }
        files
    }

    fn publish(&self, pocket: &Pocket, base: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        let plain = pocket.packages().into_bytes();
        let name = "main/binary-amd64/Packages";
        let mut listed = vec![(
            name.to_owned(),
            plain.clone(),
            pocket.packings.contains(&Packing::Plain),
        )];
        for packing in &pocket.packings {
            match packing {
                Packing::Plain => {}
                Packing::Gz => {
                    listed.push((format!("{name}.gz"), Compression::Gz.pack(&plain), true));
                }
                Packing::Xz => {
                    listed.push((format!("{name}.xz"), Compression::Xz.pack(&plain), true));
                }
            }
        }
        let release = release(pocket, &listed);
        for (path, bytes, present) in listed {
            if !present {
                continue;
            }
            if pocket.by_hash == ByHash::Yes {
                let hash = crate::sha256(&bytes);
                files.insert(
                    format!("{base}/main/binary-amd64/by-hash/SHA256/{hash}"),
                    bytes.clone(),
                );
            }
            files.insert(format!("{base}/{path}"), bytes);
        }
        let keys: Vec<&Key> = self.keys.iter().collect();
        files.insert(
            format!("{base}/InRelease"),
            Key::clearsign_by(&keys, &release).into_bytes(),
        );
        files.insert(format!("{base}/Release"), release.into_bytes());
    }
}

/// The text of `Release` for the listed files.
pub fn release(pocket: &Pocket, listed: &[(String, Vec<u8>, bool)]) -> String {
    let mut text: String = pocket
        .fields
        .iter()
        .map(|(n, v)| format!("{n}: {v}\n"))
        .collect();
    if pocket.by_hash == ByHash::Yes {
        text += "Acquire-By-Hash: yes\n";
    }
    text += "MD5Sum:\n";
    for (path, bytes, _) in listed {
        text += &format!(
            " {} {} {path}\n",
            hex::encode(Md5::digest(bytes)),
            bytes.len()
        );
    }
    text += "SHA256:\n";
    for (path, bytes, _) in listed {
        text += &format!(" {} {} {path}\n", crate::sha256(bytes), bytes.len());
    }
    text
}
