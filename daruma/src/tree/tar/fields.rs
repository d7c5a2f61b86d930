//! What a header's fields and its records mean together; `at` is where the header begins in the archive.

use super::TarError;
use super::header::{self, Header};
use super::pax::{self, Records};
use crate::tree::{Entry, Meta, Node, TreePath};

pub(super) fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

/// Records for all entries; names and sizes among them would be read differently by every tool.
pub(super) fn global_records(body: &[u8], at: u64) -> Result<Records, TarError> {
    let records = pax::parse(body, at)?;
    let one_entry = ["path", "linkpath", "size"];
    if one_entry.iter().any(|key| records.contains_key(*key)) {
        return bad(at, "it is for all entries but names one");
    }
    Ok(records)
}

pub(super) fn pick(records: &Records, key: &str, gnu: Option<&Vec<u8>>) -> Option<Vec<u8>> {
    records.get(key).or(gnu).cloned()
}

pub(super) fn root(node: &Node<u64>, at: u64) -> Result<Option<Entry<u64>>, TarError> {
    match node {
        Node::Dir => Ok(None),
        _ => bad(at, "it stands for the root but is not a directory"),
    }
}

pub(super) fn bad<T>(offset: u64, problem: &'static str) -> Result<T, TarError> {
    Err(TarError::Header { offset, problem })
}

pub(super) fn within(
    amount: u64,
    limit: u64,
    what: &'static str,
    offset: u64,
) -> Result<(), TarError> {
    if amount <= limit {
        return Ok(());
    }
    Err(TarError::Limit {
        offset,
        what,
        limit,
    })
}

pub(super) fn size_field(header: &Header, at: u64) -> Result<u64, TarError> {
    let size = header
        .number(header::SIZE)
        .and_then(|n| u64::try_from(n).ok());
    size.map_or_else(|| bad(at, "its size is not a number of bytes"), Ok)
}

pub(super) fn link_path(link: &[u8], at: u64) -> Result<TreePath, TarError> {
    match TreePath::from_tar(link) {
        Ok(Some(path)) => Ok(path),
        Ok(None) => bad(at, "it is a hard link to the root"),
        Err(source) => Err(TarError::Path { offset: at, source }),
    }
}

pub(super) fn symlink_target(link: Vec<u8>, at: u64) -> Result<Vec<u8>, TarError> {
    match link.as_slice() {
        [] => bad(at, "its link target is empty"),
        _ if link.len() > TreePath::MAX => bad(at, "its link target is longer than 4096 bytes"),
        _ if link.contains(&0) => bad(at, "its link target contains a NUL byte"),
        _ => Ok(link),
    }
}

pub(super) fn device(header: &Header, field: (usize, usize), at: u64) -> Result<u32, TarError> {
    let number = header.number(field).and_then(|n| u32::try_from(n).ok());
    number.map_or_else(|| bad(at, "its device number is not one"), Ok)
}

pub(super) fn meta(header: &Header, at: u64, records: &Records) -> Result<Meta, TarError> {
    let mode = header.number(header::MODE).unwrap_or(-1);
    let Ok(mode) = u32::try_from(mode) else {
        return bad(at, "its mode is not a number");
    };
    Ok(Meta {
        mode: mode & 0o7777,
        uid: owner(header, header::UID, records.get("uid"), at)?,
        gid: owner(header, header::GID, records.get("gid"), at)?,
        mtime: mtime(header, records.get("mtime"), at)?,
        xattrs: records
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(pax::XATTR)?, value)))
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect(),
    })
}

pub(super) fn owner(
    header: &Header,
    field: (usize, usize),
    record: Option<&Vec<u8>>,
    at: u64,
) -> Result<u64, TarError> {
    let id = match record {
        Some(text) => pax::decimal(text),
        None => header.number(field).and_then(|n| u64::try_from(n).ok()),
    };
    id.map_or_else(|| bad(at, "its owner is not a number"), Ok)
}

pub(super) fn mtime(header: &Header, record: Option<&Vec<u8>>, at: u64) -> Result<i64, TarError> {
    let time = match record {
        Some(text) => pax::seconds(text),
        None => header.number(header::MTIME),
    };
    time.map_or_else(|| bad(at, "its time is not a number"), Ok)
}
