//! Distributions as data.

use serde::{Deserialize, Serialize};

/// A part of a suite with an index of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pocket {
    /// The suite as released.
    Main,
    /// Fixes between releases.
    Updates,
    /// Security fixes.
    Security,
}

impl std::fmt::Display for Pocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Main => "main",
            Self::Updates => "updates",
            Self::Security => "security",
        })
    }
}

/// An archive's root: one tree of `dists` and `pool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The `Label` that its `Release` files carry.
    pub label: &'static str,
    /// Where it is found when nobody says.
    pub default: &'static str,
    /// The name of its directory on mirrors that carry several roots side by side.
    pub directory: &'static str,
}

/// A distribution: roots, pockets, origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Its name in paths and messages.
    pub name: &'static str,
    /// The `Origin` that its `Release` files carry.
    pub origin: &'static str,
    /// The root of main and updates.
    pub main: Root,
    /// The root of security.
    pub security: Root,
    /// Suites that are main only.
    pub rolling: &'static [&'static str],
}

impl Distribution {
    /// Debian.
    pub const DEBIAN: Self = Self {
        name: "debian",
        origin: "Debian",
        main: Root {
            label: "Debian",
            default: "https://ftp.debian.org/debian",
            directory: "debian",
        },
        security: Root {
            label: "Debian-Security",
            default: "https://security-cdn.debian.org/debian-security",
            directory: "debian-security",
        },
        rolling: &["sid", "unstable", "experimental", "rc-buggy"],
    };

    /// The root that holds a pocket.
    pub fn root(&self, pocket: Pocket) -> &Root {
        match pocket {
            Pocket::Main | Pocket::Updates => &self.main,
            Pocket::Security => &self.security,
        }
    }

    /// The pockets of a suite, with their directories below `dists`.
    pub fn pockets(&self, suite: &str) -> Vec<(Pocket, String)> {
        let mut pockets = vec![(Pocket::Main, suite.to_owned())];
        if !self.rolling.contains(&suite) {
            pockets.push((Pocket::Updates, format!("{suite}-updates")));
            pockets.push((Pocket::Security, format!("{suite}-security")));
        }
        pockets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_suites_have_one_pocket() {
        let names = |suite| -> Vec<String> {
            Distribution::DEBIAN
                .pockets(suite)
                .into_iter()
                .map(|(_, name)| name)
                .collect()
        };
        assert_eq!(
            names("trixie"),
            ["trixie", "trixie-updates", "trixie-security"]
        );
        assert_eq!(names("sid"), ["sid"]);
    }
}
