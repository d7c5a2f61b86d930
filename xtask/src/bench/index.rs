//! The few fields of `Packages` texts that the mirror needs.

use std::collections::BTreeMap;

use daruma::archive::{DebRef, PocketIndex, Snapshot};

/// The packages of a snapshot by their paths below the archive's root, with the root's name.
pub(super) fn by_path(snapshot: &Snapshot) -> BTreeMap<String, DebRef> {
    let mut found = BTreeMap::new();
    for pocket in &snapshot.pockets {
        for stanza in stanzas(pocket) {
            if let Some(deb) = deb(pocket, stanza) {
                let path = format!("/{}/{}", super::mirror::root(pocket.pocket), deb.path);
                found.insert(path, deb);
            }
        }
    }
    found
}

/// The last stanza of `package`, which is of the pocket that changes most, and its pocket.
pub(super) fn stanza_of<'a>(
    snapshot: &'a Snapshot,
    package: &str,
) -> Option<(&'a PocketIndex, &'a str)> {
    let is_it = |stanza: &&str| field(stanza, "Package") == Some(package);
    let pockets = snapshot.pockets.iter();
    pockets
        .filter_map(|pocket| Some((pocket, stanzas(pocket).find(is_it)?)))
        .next_back()
}

/// A field of a stanza.
pub(super) fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim())
    })
}

/// What a stanza says of its file.
pub(super) fn deb(pocket: &PocketIndex, stanza: &str) -> Option<DebRef> {
    Some(DebRef {
        pocket: pocket.pocket,
        path: field(stanza, "Filename")?.to_owned(),
        sha256: daruma::image::Digest::from_hex(field(stanza, "SHA256")?).ok()?,
        size: field(stanza, "Size")?.parse().ok()?,
    })
}

fn stanzas(pocket: &PocketIndex) -> impl Iterator<Item = &str> {
    let texts = pocket.packages.iter().map(|index| &*index.text);
    texts.flat_map(|text| {
        text.split("\n\n")
            .filter(|stanza| !stanza.trim().is_empty())
    })
}
