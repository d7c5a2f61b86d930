//! What files' contents were, by what the file system said of them, so that an unchanged file is not read again.
//!
//! Layout: [`MAGIC`], then for each file in the paths' byte order: length of the path (u32), path, size (u64), mtime and
//! ctime (i128, nanoseconds), inode (u64), sha256 (32 bytes); numbers little endian.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Stamp;
use crate::tree::TreePath;

/// Name and version of the format.
const MAGIC: &[u8] = b"daruma stat cache 1\n";

/// A file that was changed this shortly before it was hashed may be changed again without a change of its times: some
/// file systems count in steps of two seconds (FAT), and kernels' clocks tick in milliseconds.
const RACY_NANOS: i128 = 2_000_000_000;

/// Contents by path and stamp. The caller keeps it between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatCache(BTreeMap<TreePath, (Stamp, [u8; 32])>);

impl StatCache {
    /// Reads what [`StatCache::to_bytes`] wrote; `None` where it is damaged or of another version, which costs nothing
    /// but time.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut files = BTreeMap::new();
        while !rest.is_empty() {
            let (path, stamp, digest, left) = record(rest)?;
            files.insert(path, (stamp, digest));
            rest = left;
        }
        Some(Self(files))
    }

    /// The cache in its file format.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (path, (stamp, digest)) in &self.0 {
            // Paths have at most `TreePath::MAX` bytes.
            let len = u32::try_from(path.as_bytes().len()).unwrap_or(0);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(path.as_bytes());
            out.extend_from_slice(&stamp.size.to_le_bytes());
            out.extend_from_slice(&stamp.mtime.to_le_bytes());
            out.extend_from_slice(&stamp.ctime.to_le_bytes());
            out.extend_from_slice(&stamp.inode.to_le_bytes());
            out.extend_from_slice(digest);
        }
        out
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of a file that still has this stamp.
    pub(super) fn get(&self, path: &TreePath, stamp: &Stamp) -> Option<[u8; 32]> {
        let (known, digest) = self.0.get(path)?;
        (known == stamp).then_some(*digest)
    }

    /// Replaces all by files that were hashed after `taken`, but for those that were changed shortly before.
    pub(super) fn replace(
        &mut self,
        taken: i128,
        files: impl IntoIterator<Item = (TreePath, Stamp, [u8; 32])>,
    ) {
        self.0 = files
            .into_iter()
            .filter(|(_, stamp, _)| stamp.mtime.max(stamp.ctime) < taken - RACY_NANOS)
            .map(|(path, stamp, digest)| (path, (stamp, digest)))
            .collect();
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(0))
}

type Record<'a> = (TreePath, Stamp, [u8; 32], &'a [u8]);

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let (len, rest) = bytes.split_first_chunk()?;
    let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
    let (path, rest) = rest.split_at_checked(len)?;
    let (size, rest) = rest.split_first_chunk()?;
    let (mtime, rest) = rest.split_first_chunk()?;
    let (ctime, rest) = rest.split_first_chunk()?;
    let (inode, rest) = rest.split_first_chunk()?;
    let (digest, rest) = rest.split_first_chunk()?;
    let stamp = Stamp {
        size: u64::from_le_bytes(*size),
        mtime: i128::from_le_bytes(*mtime),
        ctime: i128::from_le_bytes(*ctime),
        inode: u64::from_le_bytes(*inode),
    };
    Some((TreePath::new(path).ok()?, stamp, *digest, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(mtime: i128) -> Stamp {
        Stamp {
            size: 1,
            mtime,
            ctime: mtime,
            inode: 7,
        }
    }

    #[test]
    fn files_changed_shortly_before_are_not_remembered() {
        let taken = 100_000_000_000;
        let path = |text: &str| TreePath::try_from(text).expect("valid");
        let rows = [
            ("old", 97_000_000_000),
            ("recent", 98_500_000_000),
            ("future", 200_000_000_000),
        ];
        let mut cache = StatCache::default();
        cache.replace(
            taken,
            rows.map(|(name, at)| (path(name), stamp(at), [1; 32])),
        );
        let known = rows.map(|(name, at)| cache.get(&path(name), &stamp(at)).is_some());
        assert_eq!(known, [true, false, false]);
        assert_eq!(cache.get(&path("old"), &stamp(1)), None);
    }

    #[test]
    fn a_damaged_cache_is_none() {
        let path = TreePath::try_from("a/b").expect("valid");
        let mut cache = StatCache::default();
        cache.replace(now(), [(path, stamp(5), [9; 32])]);
        let bytes = cache.to_bytes();
        assert_eq!(StatCache::from_bytes(&bytes), Some(cache));
        for end in (MAGIC.len() + 1..bytes.len()).chain([3]) {
            assert_eq!(StatCache::from_bytes(&bytes[..end]), None, "{end}");
        }
        assert_eq!(StatCache::from_bytes(MAGIC), Some(StatCache::default()));
    }
}
