//! Which apps run on this machine.
//!
//! ```text
//! run/<app>.lock   locked (flock) by the daruma that runs the app; the kernel lets go when it ends, however it ends
//! run/<app>.json   what it runs; means nothing unless the lock is held
//! locks/run        held for the moment in which somebody tries a lock, so that looking never disturbs starting
//! ```

use std::io::{self, Read};
use std::path::PathBuf;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::{AppId, ProcessName, RunError};
use crate::home::{FileLock, Home};
use crate::image::Digest;

/// The version of the state file.
const FORMAT: u32 = 1;

/// A bigger state file is none: a thousand processes need less.
const MAX_STATE: u64 = 1 << 20;

/// The lock that orders attempts.
const GATE: &str = "run";

/// What a running daruma says of its app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// The app.
    pub app: AppId,
    /// The daruma that runs it.
    pub pid: u32,
    /// When it was started, in seconds since 1970-01-01T00:00:00Z.
    pub started_at: i64,
    /// Where people find `web`, if it was started.
    pub url: Option<String>,
    /// What was started.
    pub processes: Vec<ProcessState>,
}

/// One process of a running app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// Its name.
    pub name: ProcessName,
    /// What its `PORT` is.
    pub port: Option<u16>,
    /// The manifest digest of its image.
    pub image: Option<Digest>,
}

/// The file: a version, then the state.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    #[serde(flatten)]
    state: RunState,
}

/// Only the version, which is looked at before all else.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// The directory `run/` of a [`Home`].
#[derive(Clone, Debug)]
pub struct RunDir {
    home: Home,
}

/// The right to run an app; while it is held, nobody else starts that app. Dropped, the app no longer runs.
#[derive(Debug)]
pub struct Lease {
    dir: RunDir,
    app: AppId,
    _lock: FileLock,
}

/// What is known of an app at one moment.
pub(super) enum Seen {
    /// Nobody runs it.
    Free,
    /// Somebody does, but has not said what yet.
    Starting,
    /// Somebody does.
    Running(RunState),
}

impl RunDir {
    /// The running apps of this home.
    pub fn new(home: &Home) -> Self {
        Self { home: home.clone() }
    }

    /// Takes the right to run `app`, or says who has it. What a killed daruma left is cleared away.
    pub fn claim(&self, app: &AppId) -> Result<Lease, RunError> {
        let _gate = self.home.lock(GATE)?;
        let Some(lock) = FileLock::try_exclusive(&self.lock_path(app))? else {
            let state = self.read(app).ok().flatten();
            return Err(RunError::AlreadyRunning {
                app: app.to_string(),
                pid: state.map(|state| state.pid),
            });
        };
        self.forget(app)?;
        Ok(Lease {
            dir: self.clone(),
            app: app.clone(),
            _lock: lock,
        })
    }

    /// What runs of `app`; `None` if nothing does or it is just starting.
    pub fn running(&self, app: &AppId) -> Result<Option<RunState>, RunError> {
        Ok(match self.look(app)? {
            Seen::Running(state) => Some(state),
            Seen::Free | Seen::Starting => None,
        })
    }

    /// All apps that run, by name. Files that killed darumas left are removed.
    pub fn list(&self) -> Result<Vec<RunState>, RunError> {
        let entries = match fs::read_dir(self.home.run()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut states = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            if let Some(app) = id.and_then(|id| id.parse().ok()) {
                states.extend(self.running(&app)?);
            }
        }
        states.sort_by(|a, b| a.app.cmp(&b.app));
        Ok(states)
    }

    /// Looks whether somebody holds the app's lock, and removes a state without a holder.
    pub(super) fn look(&self, app: &AppId) -> Result<Seen, RunError> {
        let _gate = self.home.lock(GATE)?;
        let path = self.lock_path(app);
        let held = path.exists() && FileLock::try_exclusive(&path)?.is_none();
        if held {
            return Ok(self.read(app)?.map_or(Seen::Starting, Seen::Running));
        }
        self.forget(app)?;
        Ok(Seen::Free)
    }

    fn read(&self, app: &AppId) -> Result<Option<RunState>, RunError> {
        let path = self.state_path(app);
        let mut bytes = Vec::new();
        match fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?.take(MAX_STATE).read_to_end(&mut bytes)?,
        };
        match parse(&bytes) {
            Ok(state) => Ok(Some(state)),
            Err(reason) => Err(RunError::State { path, reason }),
        }
    }

    fn forget(&self, app: &AppId) -> Result<(), RunError> {
        match fs::remove_file(self.state_path(app)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn lock_path(&self, app: &AppId) -> PathBuf {
        self.home.run().join(format!("{app}.lock"))
    }

    fn state_path(&self, app: &AppId) -> PathBuf {
        self.home.run().join(format!("{app}.json"))
    }
}

fn parse(bytes: &[u8]) -> Result<RunState, String> {
    let versioned: Versioned = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if versioned.format != FORMAT {
        return Err(format!(
            "its format is {}, and this daruma knows {FORMAT}",
            versioned.format
        ));
    }
    let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(stored.state)
}

impl Lease {
    /// Says what runs, for `ps`, `stop` and `exec`. The app and the pid are this lease's and this process's.
    pub fn publish(
        &self,
        url: Option<String>,
        processes: Vec<ProcessState>,
        started_at: i64,
    ) -> Result<(), RunError> {
        let state = RunState {
            app: self.app.clone(),
            pid: std::process::id(),
            started_at,
            url,
            processes,
        };
        let stored = Stored {
            format: FORMAT,
            state,
        };
        let bytes = serde_json::to_vec_pretty(&stored).map_err(io::Error::from)?;
        Ok(self
            .dir
            .home
            .write(&self.dir.state_path(&self.app), &bytes)?)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without the lock the file means nothing; the next look removes it.
        let _ = self.dir.forget(&self.app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_of_another_format_or_no_state_at_all_is_refused() {
        let cases = [
            ("", "EOF"),
            ("{}", "missing field `format`"),
            (
                r#"{"format":2,"state":"later"}"#,
                "its format is 2, and this daruma knows 1",
            ),
            (r#"{"format":1,"app":"../x"}"#, "`../x` is not an app id"),
            ("\0\0", "expected value"),
        ];
        for (text, expected) in cases {
            let error = parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_stored_form_is_what_it_was() {
        let state = RunState {
            app: "shop".parse().expect("a name"),
            pid: 42,
            started_at: 1_700_000_000,
            url: Some("http://localhost:3000/".to_owned()),
            processes: vec![ProcessState {
                name: "web".parse().expect("a name"),
                port: Some(3000),
                image: None,
            }],
        };
        let stored = Stored {
            format: FORMAT,
            state: state.clone(),
        };
        let text = serde_json::to_string(&stored).expect("written");
        assert_eq!(
            text,
            r#"{"format":1,"app":"shop","pid":42,"started_at":1700000000,"url":"http://localhost:3000/","processes":[{"name":"web","port":3000,"image":null}]}"#
        );
        assert_eq!(parse(text.as_bytes()), Ok(state));
    }
}
