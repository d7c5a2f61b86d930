//! Java's key store without what differs between two equal ones: order, and the times of adding.

use sha1::{Digest, Sha1};

/// The certificates by alias. The digest at the end must be right, or Java refuses the store.
pub(crate) fn entries(store: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (body, digest) = store.split_at(store.len() - 20);
    let mut hash = Sha1::new();
    for byte in b"changeit" {
        hash.update([0, *byte]);
    }
    hash.update(b"Mighty Aphrodite");
    hash.update(body);
    assert_eq!(hash.finalize()[..], *digest, "the store's digest");
    let mut rest = &body[12..];
    let mut all = Vec::new();
    while !rest.is_empty() {
        let alias = take(&mut rest[4..].as_ref(), 2).to_vec();
        rest = &rest[4 + 2 + alias.len() + 8..];
        take(&mut rest, 2);
        all.push((alias, take(&mut rest, 4).to_vec()));
    }
    all.sort();
    all
}

/// Takes bytes after a length of `width` bytes.
fn take<'s>(rest: &mut &'s [u8], width: usize) -> &'s [u8] {
    let length = rest[..width]
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (taken, after) = rest[width..].split_at(length);
    *rest = after;
    taken
}
