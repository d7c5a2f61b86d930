//! What an archive is opened with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::distribution::{Distribution, Pocket};
use super::error::ArchiveError;
use super::openpgp::{Fingerprint, Keyring};
use super::sources::HostApt;
use crate::http::{self, Url};

/// What to do with an index past its `Valid-Until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expired {
    /// Refuse it: somebody may be holding newer ones back.
    #[default]
    Refuse,
    /// Take it, with a warning.
    Accept,
}

/// What to do with an index older than one already accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rollback {
    /// Refuse it: fixes would be undone.
    #[default]
    Refuse,
    /// Take it, with a warning.
    Accept,
}

/// Whether the network may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Yes.
    #[default]
    Online,
    /// No: what was accepted last is used.
    Offline,
}

/// Everything that [`super::Mirrors`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which distribution.
    pub distribution: Distribution,
    /// The mirror of the main root that the user named; nothing else is asked then.
    pub mirror: Option<Url>,
    /// The mirror of the security root that the user named.
    pub security_mirror: Option<Url>,
    /// The host's apt, whose mirrors come before the built-in ones. `HostApt::default()` knows none.
    pub host: HostApt,
    /// Roots of a snapshot service (main, then security), asked for packages that the mirrors no longer have.
    pub snapshots: Vec<Url>,
    /// Who may sign.
    pub keyring: Keyring,
    /// Who alone may sign a suite (by its directory below `dists`).
    pub pins: BTreeMap<String, Vec<Fingerprint>>,
    /// Indexes past their time.
    pub expired: Expired,
    /// Indexes older than what was seen.
    pub rollback: Rollback,
    /// Whether the network may be asked.
    pub network: Network,
    /// `main`, and what else the user wants.
    pub components: Vec<String>,
    /// Downloads at once.
    pub parallel: usize,
    /// The client's own settings.
    pub http: http::Settings,
}

impl Settings {
    /// Debian with the embedded keys and no mirror but the built-in ones.
    pub fn debian(http: http::Settings) -> Self {
        Self {
            distribution: Distribution::DEBIAN,
            mirror: None,
            security_mirror: None,
            host: HostApt::default(),
            snapshots: Vec::new(),
            keyring: Keyring::embedded(),
            pins: BTreeMap::new(),
            expired: Expired::default(),
            rollback: Rollback::default(),
            network: Network::default(),
            components: vec!["main".to_owned()],
            parallel: 8,
            http,
        }
    }

    /// The same with this host's apt configuration and Debian's keys as this host has them.
    pub fn with_host(mut self) -> Result<Self, ArchiveError> {
        self.host = HostApt::read(Path::new("/"));
        for path in host_keyrings() {
            self.add_keyring(&path)?;
        }
        Ok(self)
    }

    /// Trusts the keys of one more file.
    pub fn add_keyring(&mut self, path: &Path) -> Result<(), ArchiveError> {
        let bytes = fs::read(path).map_err(|source| ArchiveError::Home { source })?;
        self.keyring
            .add(&bytes)
            .map_err(|source| ArchiveError::Keyring {
                path: path.to_owned(),
                source,
            })
    }

    /// Where to look for a pocket, best first.
    pub(super) fn candidates(&self, pocket: Pocket) -> Vec<Url> {
        let root = self.distribution.root(pocket);
        if let Some(url) = self.named(pocket) {
            return vec![url];
        }
        let mut found: Vec<Url> = Vec::new();
        if let Some(sibling) = self
            .mirror
            .as_ref()
            .and_then(|m| sibling(m, root.directory))
        {
            found.push(sibling);
        }
        let (fitting, others): (Vec<_>, Vec<_>) = self
            .host
            .sources
            .iter()
            .partition(|s| s.suite.ends_with("security") == (pocket == Pocket::Security));
        let host = fitting.into_iter().chain(others).map(|s| s.uri.as_str());
        for url in host
            .chain([root.default])
            .filter_map(|u| u.parse::<Url>().ok())
        {
            if !found.contains(&url) {
                found.push(url);
            }
        }
        found
    }

    fn named(&self, pocket: Pocket) -> Option<Url> {
        match pocket {
            Pocket::Main | Pocket::Updates => self.mirror.clone(),
            Pocket::Security => self.security_mirror.clone(),
        }
    }
}

/// A mirror that carries `…/debian` usually carries `…/debian-security` beside it.
fn sibling(mirror: &Url, directory: &str) -> Option<Url> {
    let path = mirror.path().trim_end_matches('/');
    let (parent, name) = path.rsplit_once('/')?;
    if name != Distribution::DEBIAN.main.directory {
        return None;
    }
    let user = mirror.user().map(|(u, p)| (u.to_owned(), p.to_owned()));
    let joined = mirror.join(&format!("{parent}/{directory}")).ok()?;
    Some(joined.with_user(user))
}

/// The files of the package `debian-archive-keyring`, and those that an administrator put beside them under its names.
fn host_keyrings() -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from(
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    )];
    let entries = fs::read_dir("/etc/apt/trusted.gpg.d").into_iter().flatten();
    paths.extend(entries.filter_map(|e| Some(e.ok()?.path())).filter(|path| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        name.is_some_and(|n| n.starts_with("debian-archive-"))
    }));
    paths.retain(|path| path.exists());
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(settings: &Settings, pocket: Pocket) -> Vec<String> {
        settings
            .candidates(pocket)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn mirrors_are_asked_in_order_named_host_built_in() {
        let mut settings = Settings::debian(http::Settings::default());
        settings.host.sources = super::super::sources::parse_one_line(
            "deb http://other.invalid/x stable main\ndeb http://m.invalid/debian-security trixie-security main\ncdrom x",
        );
        assert_eq!(
            shown(&settings, Pocket::Security),
            [
                "http://m.invalid/debian-security",
                "http://other.invalid/x",
                "https://security-cdn.debian.org/debian-security",
            ]
        );
        assert_eq!(shown(&settings, Pocket::Main)[0], "http://other.invalid/x");
        settings.mirror = Some("http://named.invalid/debian".parse().expect("url"));
        assert_eq!(
            shown(&settings, Pocket::Updates),
            ["http://named.invalid/debian"]
        );
        assert_eq!(
            shown(&settings, Pocket::Security)[0],
            "http://named.invalid/debian-security"
        );
    }
}
