//! The lock's types, read by serde and checked after.

use serde::{Deserialize, Serialize};

use super::MAX_SIZE;
use crate::image::{Digest, Target};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// One entry for each platform that was built, in the order of their names.
    pub targets: Vec<TargetLock>,
}

/// What one platform's images are made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetLock {
    /// The platform.
    pub platform: Target,
    /// The builder's inputs; `None` where the app needs no builder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<RoleLock>,
    /// The runner's inputs.
    pub runner: RoleLock,
}

/// The inputs of one role that is made from Debian packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleLock {
    /// The suite, by codename.
    pub suite: String,
    /// What was asked for, in Debian's relation syntax, in order: the base first, then languages, then the user.
    pub declared: Vec<String>,
    /// The state of each pocket that the packages were chosen from.
    #[serde(rename = "pocket")]
    pub pockets: Vec<PocketPin>,
    /// What stands in the image, by name.
    pub packages: Vec<PackagePin>,
    /// What only the configuration of unknown maintainer scripts needs, by name; not in the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configure: Vec<PackagePin>,
}

/// The lists of packages of a role, for code that treats them alike.
#[derive(Clone, Copy, Debug)]
pub struct RolePins<'a> {
    /// What stands in the image.
    pub packages: &'a [PackagePin],
    /// What only configuration needs.
    pub configure: &'a [PackagePin],
}

/// A pocket (main, updates, security) as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PocketPin {
    /// The suite's name in the archive, e.g. `trixie-security`.
    pub name: String,
    /// Digest of its `InRelease`.
    pub inrelease: Digest,
    /// Its `Date`, RFC 3339 in UTC.
    pub date: String,
    /// Fingerprint of the key that signed it.
    pub key: String,
}

/// One package, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackagePin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture in Debian's names, or `all`.
    pub arch: String,
    /// Digest of the `.deb`.
    pub sha256: String,
    /// Size of the `.deb` in bytes.
    pub size: u64,
    /// Where it lies below the archive's root.
    pub path: String,
    /// The pocket it came from, one of the role's.
    pub pocket: String,
}

/// The lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is no lock file.
    #[error("cannot read daruma.lock: {0}")]
    Syntax(String),
    /// It was written by a later daruma.
    #[error("cannot read daruma.lock: its version is {found}, and this daruma knows {known}")]
    Version {
        /// What it says.
        found: u64,
        /// What this daruma writes.
        known: u64,
    },
    /// A value in it is not what it should be.
    #[error("cannot use daruma.lock: {role} package `{package}`: {problem}")]
    Package {
        /// Which role.
        role: &'static str,
        /// Which package.
        package: String,
        /// What is wrong.
        problem: String,
    },
}

/// The format that this daruma writes.
pub(super) const VERSION: u64 = 1;

#[derive(Deserialize)]
struct VersionOnly {
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "read before, by VersionOnly")]
    version: u64,
    #[serde(default, rename = "target")]
    targets: Vec<TargetLock>,
}

impl Lock {
    /// Reads a lock from its text.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        if text.len() > MAX_SIZE {
            return Err(LockError::Syntax(format!(
                "it is larger than {MAX_SIZE} bytes"
            )));
        }
        let syntax = |error: toml::de::Error| LockError::Syntax(error.to_string());
        let VersionOnly { version: found } = toml::from_str(text).map_err(syntax)?;
        if found != VERSION {
            return Err(LockError::Version {
                found,
                known: VERSION,
            });
        }
        let file: File = toml::from_str(text).map_err(syntax)?;
        let lock = Self {
            targets: file.targets,
        };
        lock.check()?;
        Ok(lock)
    }

    /// The entry for `target`.
    pub fn target(&self, target: &Target) -> Option<&TargetLock> {
        self.targets.iter().find(|entry| entry.platform == *target)
    }

    /// This lock with `entry` in the place of the one for the same platform.
    #[must_use]
    pub fn with(&self, entry: TargetLock) -> Self {
        let mut targets = self.targets.clone();
        targets.retain(|old| old.platform != entry.platform);
        targets.push(entry);
        targets.sort_by(|a, b| a.platform.cmp(&b.platform));
        Self { targets }
    }

    fn check(&self) -> Result<(), LockError> {
        for target in &self.targets {
            target.runner.check("runner")?;
            target
                .builder
                .iter()
                .try_for_each(|role| role.check("builder"))?;
        }
        Ok(())
    }
}

impl RoleLock {
    /// The lists of packages.
    pub fn pins(&self) -> RolePins<'_> {
        RolePins {
            packages: &self.packages,
            configure: &self.configure,
        }
    }

    fn check(&self, role: &'static str) -> Result<(), LockError> {
        let pockets: Vec<&str> = self
            .pockets
            .iter()
            .map(|pocket| pocket.name.as_str())
            .collect();
        for pin in self.packages.iter().chain(&self.configure) {
            let fail = |problem: String| LockError::Package {
                role,
                package: pin.name.clone(),
                problem,
            };
            pin.digest().map_err(|error| fail(error.to_string()))?;
            crate::tree::TreePath::try_from(pin.path.as_str())
                .map_err(|error| fail(format!("path {error}")))?;
            if !pockets.contains(&pin.pocket.as_str()) {
                return Err(fail(format!("its pocket `{}` is not listed", pin.pocket)));
            }
        }
        Ok(())
    }
}

impl PackagePin {
    /// Digest of the `.deb`.
    pub fn digest(&self) -> Result<Digest, crate::image::InvalidDigest> {
        Digest::from_hex(&self.sha256)
    }
}
