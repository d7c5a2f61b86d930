//! From raw arguments to settings without blanks.

use std::path::{Path, PathBuf};

use super::cli::Global;
use super::failure::{Failure, Kind};
use super::terminal::{Terminal, Verbosity};
use crate::archive;
use crate::build::{LockPolicy, Project, Session, Settings};
use crate::home::Home;
use crate::image::{InvalidTarget, Target};
use crate::progress::Progress;

/// What every verb gets.
pub(super) struct Context {
    /// Where it speaks.
    pub(super) terminal: Terminal,
    global: Global,
}

impl Context {
    /// The context of one command.
    pub(super) fn new(global: Global) -> Self {
        let verbosity = match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Self {
            terminal: Terminal::new(verbosity),
            global,
        }
    }

    /// The app's directory: `named`, else what `-C` says, else the current one.
    pub(super) fn directory(&self, named: Option<&Path>) -> PathBuf {
        match (self.global.directory.as_deref(), named) {
            (Some(base), Some(dir)) => base.join(dir),
            (Some(dir), None) | (None, Some(dir)) => dir.to_owned(),
            (None, None) => PathBuf::from("."),
        }
    }

    /// The app in `dir`; what is doubtful in its files is told.
    pub(super) fn project(&self, dir: &Path) -> Result<Project, Failure> {
        if !dir.is_dir() {
            let error = format!("cannot find the app: {} is no directory", dir.display());
            return Err(Failure::new(Kind::Usage, error));
        }
        let project = Project::open(dir)?;
        for warning in &project.warnings {
            self.terminal.doubt(&warning.to_string());
        }
        Ok(project)
    }

    /// The session of a command that is about building.
    pub(super) fn session(&self, project: &Project) -> Result<Session<'_>, Failure> {
        self.session_with(project, &self.terminal)
    }

    /// The session of a command that builds on the way to something else.
    pub(super) fn session_with<'a>(
        &self,
        project: &Project,
        progress: &'a dyn Progress,
    ) -> Result<Session<'a>, Failure> {
        Ok(Session::new(
            Home::from_env()?,
            self.settings(project)?,
            progress,
        )?)
    }

    fn settings(&self, project: &Project) -> Result<Settings, Failure> {
        let Global {
            directory: _,
            quiet: _,
            verbose: _,
            offline,
            locked,
            platform,
            debian_mirror,
            allow_expired,
            allow_rollback,
        } = &self.global;
        let declared = project.recipe.manifest.platforms.first();
        let platform = platform.as_deref().or(declared.map(|at| at.value.as_str()));
        let target = match platform {
            Some(text) => text
                .parse()
                .map_err(|error: InvalidTarget| Failure::new(Kind::Usage, error))?,
            None => Target::host(),
        };
        Ok(Settings {
            target,
            lock: if *locked {
                LockPolicy::Obey
            } else {
                LockPolicy::Write
            },
            network: if *offline {
                archive::Network::Offline
            } else {
                archive::Network::Online
            },
            mirror: debian_mirror.clone(),
            expired: if *allow_expired {
                archive::Expired::Accept
            } else {
                archive::Expired::Refuse
            },
            rollback: if *allow_rollback {
                archive::Rollback::Accept
            } else {
                archive::Rollback::Refuse
            },
        })
    }
}
