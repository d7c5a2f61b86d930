//! Names of what was built: an app, a target, a role.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::image::{Digest, Role, Target};

/// Longest app id, in bytes: a file's name with room for a suffix.
const MAX_APP: usize = 128;

/// Longest part of an app id that comes from its name.
const MAX_SLUG: usize = 48;

/// Which app: its name for people and a digest of its canonical path and name, as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppId(String);

/// The text is not an app id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an app id (lower-case letters, digits, `.`, `_` and `-`)")]
pub struct InvalidAppId(String);

impl AppId {
    /// The app of this name at this canonical path.
    pub fn new(name: &str, canonical_path: &Path) -> Self {
        let identity = [
            canonical_path.as_os_str().as_bytes(),
            b"\0",
            name.as_bytes(),
        ]
        .concat();
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        let slug: String = name.chars().map(plain).take(MAX_SLUG).collect();
        let slug = match slug.trim_matches('-') {
            "" => "app",
            slug => slug,
        };
        Self(format!("{slug}-{}", Digest::of(&identity).short()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppId {
    type Err = InvalidAppId;

    fn from_str(text: &str) -> Result<Self, InvalidAppId> {
        let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fine = |b: u8| alphanumeric(b) || matches!(b, b'.' | b'_' | b'-');
        match text.as_bytes() {
            [first, ..]
                if alphanumeric(*first) && text.len() <= MAX_APP && text.bytes().all(fine) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidAppId(text.to_owned())),
        }
    }
}

impl TryFrom<String> for AppId {
    type Error = InvalidAppId;

    fn try_from(text: String) -> Result<Self, InvalidAppId> {
        text.parse()
    }
}

impl From<AppId> for String {
    fn from(id: AppId) -> Self {
        id.0
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one image that was built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName {
    /// Of which app.
    pub app: AppId,
    /// For which platform.
    pub target: Target,
    /// For what.
    pub role: Role,
}

impl RefName {
    /// Where its file stands below `refs/`. Targets have no `-` in their parts.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("{self}.json"))
    }

    /// The name whose file stands there.
    pub(super) fn from_path(app: &str, target: &str, file: &str) -> Option<Self> {
        Some(Self {
            app: app.parse().ok()?,
            target: target.replace('-', "/").parse().ok()?,
            role: file.strip_suffix(".json")?.parse().ok()?,
        })
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.to_string().replace('/', "-");
        write!(f, "{}/{target}/{}", self.app, self.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_of_one_name_in_two_places_are_two() {
        let id = |name: &str, path: &str| AppId::new(name, Path::new(path));
        assert_ne!(id("shop", "/a"), id("shop", "/b"));
        assert_ne!(id("shop", "/a"), id("shop2", "/a"));
        for name in ["shop", "Shop & Söhne", "../../etc", "", &"x".repeat(500)] {
            let app = id(name, "/srv/app");
            assert_eq!(app.as_str().parse(), Ok(app.clone()), "{name}");
        }
    }

    #[test]
    fn names_survive_their_path_and_paths_that_lead_elsewhere_are_none() {
        let name = RefName::from_path("shop-1a", "linux-arm64-v8", "app-web.json").expect("valid");
        assert_eq!(
            name.path(),
            Path::new("shop-1a/linux-arm64-v8/app-web.json")
        );
        for (app, target, file) in [
            ("..", "linux-amd64", "runner.json"),
            (".hidden", "linux-amd64", "runner.json"),
            ("shop", "linux", "runner.json"),
            ("shop", "linux-amd64", "../runner.json"),
            ("shop", "linux-amd64", "runner"),
            ("shop", "linux-amd64", ".tmp123"),
        ] {
            assert_eq!(
                RefName::from_path(app, target, file),
                None,
                "{app}/{target}/{file}"
            );
        }
    }
}
