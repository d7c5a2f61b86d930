//! The platform an image is for, carried from the recipe to the registry in every format.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, architecture and variant, in the names of the OCI image-spec (image-index.md, "platform").
/// Written `os/arch` or `os/arch/variant`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    os: String,
    arch: String,
    variant: Option<String>,
}

/// The text is not `os/arch` or `os/arch/variant`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform (expected for example `linux/amd64` or `linux/arm64/v8`)")]
pub struct InvalidTarget(String);

impl Target {
    /// The platform of the machine that daruma runs on; the operating system of images is always Linux.
    pub fn host() -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self {
            os: "linux".to_owned(),
            arch: arch.to_owned(),
            variant: None,
        }
    }

    /// GOOS, e.g. `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// GOARCH, e.g. `amd64`.
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// The variant of the architecture, e.g. `v8`.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant
            .iter()
            .try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let ok = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [os, arch] if parts.iter().all(ok) => Ok(Self {
                os: os.to_owned(),
                arch: arch.to_owned(),
                variant: None,
            }),
            [os, arch, variant] if parts.iter().all(ok) => Ok(Self {
                os: os.to_owned(),
                arch: arch.to_owned(),
                variant: Some(variant.to_owned()),
            }),
            _ => Err(InvalidTarget(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = InvalidTarget;

    fn try_from(text: String) -> Result<Self, InvalidTarget> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_survive_their_text_form() {
        for text in ["linux/amd64", "linux/arm64/v8"] {
            assert_eq!(
                text.parse::<Target>().map(|t| t.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["", "linux", "linux/", "Linux/amd64", "a/b/c/d"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
