//! Paths inside a tree: relative, without `.` or `..`, of bytes.

use std::borrow::Borrow;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path relative to a tree's root: no leading or trailing slash, no empty, `.` or `..` component, no NUL, at most
/// 4096 bytes. The root itself is not a `TreePath`. Bytes, because names in tars need not be UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<[u8]>);

/// The bytes are not a path inside a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {problem}")]
pub struct InvalidPath {
    /// The path as it was given, made printable.
    pub path: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl TreePath {
    /// Longest path that is accepted, in bytes (Linux `PATH_MAX`).
    pub const MAX: usize = 4096;

    /// Validates `bytes` strictly: nothing is normalised.
    pub fn new(bytes: &[u8]) -> Result<Self, InvalidPath> {
        let fail = |problem| {
            Err(InvalidPath {
                path: String::from_utf8_lossy(bytes).into_owned(),
                problem,
            })
        };
        match bytes {
            [] => return fail("is empty"),
            [b'/', ..] => return fail("is absolute"),
            _ if bytes.len() > Self::MAX => return fail("is longer than 4096 bytes"),
            _ if bytes.contains(&0) => return fail("contains a NUL byte"),
            _ => {}
        }
        for part in bytes.split(|&b| b == b'/') {
            match part {
                b"" => return fail("has an empty component"),
                b"." => return fail("has a `.` component"),
                b".." => return fail("leads out of the tree"),
                _ if part.len() > 255 => return fail("has a component longer than 255 bytes"),
                _ => {}
            }
        }
        Ok(Self(bytes.into()))
    }

    /// Takes a path as tars write it: one leading `./` and trailing slashes are dropped; `None` is the root itself.
    pub fn from_tar(bytes: &[u8]) -> Result<Option<Self>, InvalidPath> {
        let mut rest = bytes.strip_prefix(b"./").unwrap_or(bytes);
        while let [head @ .., b'/'] = rest {
            rest = head;
        }
        if rest.is_empty() || rest == b"." {
            return Ok(None);
        }
        Self::new(rest).map(Some)
    }

    /// The bytes, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as an OS path, still relative.
    pub fn as_path(&self) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(&self.0))
    }

    /// The path below `root` on disk.
    pub fn below(&self, root: &Path) -> PathBuf {
        root.join(self.as_path())
    }

    /// The directory that holds this path; `None` where that is the root.
    pub fn parent(&self) -> Option<Self> {
        self.0
            .iter()
            .rposition(|&b| b == b'/')
            .map(|at| Self(self.0[..at].into()))
    }

    /// The last component.
    pub fn name(&self) -> &[u8] {
        self.0.rsplit(|&b| b == b'/').next().unwrap_or(&self.0)
    }

    /// This path with one or more components after it.
    pub fn join(&self, more: &[u8]) -> Result<Self, InvalidPath> {
        Self::new(&[&self.0[..], b"/", more].concat())
    }

    /// Whether this path is `dir` or lies below it.
    pub fn is_within(&self, dir: &Self) -> bool {
        self.0
            .strip_prefix(&dir.0[..])
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

impl TryFrom<&str> for TreePath {
    type Error = InvalidPath;

    fn try_from(text: &str) -> Result<Self, InvalidPath> {
        Self::new(text.as_bytes())
    }
}

/// Order, equality and hash of a path are those of its bytes.
impl Borrow<[u8]> for TreePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_tree_are_refused_with_the_reason() {
        let rows: [(&[u8], &str); 7] = [
            (b"", "is empty"),
            (b"/etc", "is absolute"),
            (b"a/../b", "leads out of the tree"),
            (b"..", "leads out of the tree"),
            (b"a//b", "has an empty component"),
            (b"a/./b", "has a `.` component"),
            (b"a\0b", "contains a NUL byte"),
        ];
        for (path, problem) in rows {
            assert_eq!(
                TreePath::new(path).map_err(|e| e.problem),
                Err(problem),
                "{path:?}"
            );
        }
    }

    #[test]
    fn tar_spellings_of_one_path_are_one_path() {
        let plain = TreePath::new(b"usr/bin").ok();
        for text in ["usr/bin", "./usr/bin", "usr/bin/", "./usr/bin//"] {
            assert_eq!(
                TreePath::from_tar(text.as_bytes()).ok().flatten(),
                plain,
                "{text}"
            );
        }
        for root in [".", "./", "/"] {
            assert_eq!(TreePath::from_tar(root.as_bytes()), Ok(None), "{root}");
        }
    }

    #[test]
    fn within_counts_whole_components() {
        let path = |text: &str| TreePath::try_from(text).expect("valid");
        assert!(path("usr/bin/ruby").is_within(&path("usr/bin")));
        assert!(path("usr/bin").is_within(&path("usr/bin")));
        assert!(!path("usr/binary").is_within(&path("usr/bin")));
    }
}
