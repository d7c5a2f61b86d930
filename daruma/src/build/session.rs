//! What a build is made with: the machine's store, an archive, and how strict to be.

use crate::archive::{self, ArchiveError, Mirrors};
use crate::home::Home;
use crate::http;
use crate::image::Target;
use crate::progress::Progress;
use crate::recipe::{At, manifest};
use crate::store::{Store, StoreError};

use super::{BuildError, Project};

/// Settings that hold for one command, without blanks.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The platform to build for.
    pub target: Target,
    /// What may become of `daruma.lock`.
    pub lock: LockPolicy,
    /// Whether the network may be used.
    pub network: archive::Network,
    /// The archive's mirror, over what the recipe and the host say.
    pub mirror: Option<String>,
    /// What to do with an index that is past its `Valid-Until`.
    pub expired: archive::Expired,
    /// What to do with an index that is older than one already seen.
    pub rollback: archive::Rollback,
}

/// What may become of `daruma.lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockPolicy {
    /// It is written where it is missing or behind the recipe.
    Write,
    /// A build that would have to write it fails.
    Obey,
}

/// One command's surroundings.
pub struct Session<'a> {
    /// Where things are kept.
    pub home: Home,
    /// What was built.
    pub store: Store,
    /// How strict to be.
    pub settings: Settings,
    /// Who watches.
    pub progress: &'a dyn Progress,
}

impl<'a> Session<'a> {
    /// Opens the store of `home`.
    pub fn new(
        home: Home,
        settings: Settings,
        progress: &'a dyn Progress,
    ) -> Result<Self, StoreError> {
        let store = Store::open(&home)?;
        Ok(Self {
            home,
            store,
            settings,
            progress,
        })
    }

    /// The archive that `project` uses. Opened only where it is needed: reading certificates and the host's
    /// configuration takes longer than a build that finds nothing to do.
    pub(super) fn archive(&self, project: &Project) -> Result<Mirrors, BuildError> {
        let said = &project.recipe.manifest.debian;
        let url = |text: &str| text.parse::<http::Url>().map_err(BuildError::Mirror);
        let said_url = |at: &Option<At<String>>| at.as_ref().map(|at| url(&at.value)).transpose();
        let mut settings =
            archive::Settings::debian(http::Settings::from_env().map_err(ArchiveError::from)?)
                .with_host()?;
        settings.mirror = match &self.settings.mirror {
            Some(text) => Some(url(text)?),
            None => said_url(&said.mirror)?,
        };
        settings.security_mirror = said_url(&said.security)?;
        settings.snapshots = said_url(&said.snapshot)?.into_iter().collect();
        settings.expired = match said.expired.as_ref().map(|at| at.value) {
            Some(manifest::Expired::Accept) => archive::Expired::Accept,
            _ => self.settings.expired,
        };
        settings.rollback = self.settings.rollback;
        settings.network = self.settings.network;
        if let Some(path) = &said.keyring {
            settings.add_keyring(&project.dir.join(&path.value))?;
        }
        Ok(Mirrors::open(settings, self.home.clone())?)
    }
}
