//! Which commit a source is, as the user's own `git` says.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::SourceError;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its full id.
    pub commit: String,
    /// When it was made, seconds since 1970.
    pub time: i64,
    /// Whether the tree is that commit.
    pub state: State,
}

/// Whether a tree is what was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was changed, added or removed, except `daruma.lock`: a first build writes it, and that must not make
    /// the second build's image another one.
    Clean,
    /// Something was.
    Changed,
}

/// Variables that would point `git` at another repository, as they are set in hooks (git(1), "The Git Repository").
const REDIRECTIONS: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_LITERAL_PATHSPECS",
];

/// The revision of the tree at `dir`; `None` where there is no `git`, no repository, no commit, or none that has `dir`.
pub fn revision(dir: &Path) -> Result<Option<Revision>, SourceError> {
    // A directory that an outer repository ignores has no changes there, and no revision either.
    if answer(dir, &["rev-parse", "--verify", "--quiet", "HEAD:./"])?.is_none() {
        return Ok(None);
    }
    let shown = answer(
        dir,
        &["log", "-1", "--no-show-signature", "--format=%H %ct"],
    )?;
    let Some((commit, time)) = shown.as_deref().and_then(parse) else {
        return Ok(None);
    };
    let changes = changes(dir)?;
    let state = if changes.is_empty() {
        State::Clean
    } else {
        State::Changed
    };
    Ok(Some(Revision {
        commit,
        time,
        state,
    }))
}

/// What differs from the commit, as `git status` lists it.
fn changes(dir: &Path) -> Result<Vec<u8>, SourceError> {
    let args = ["status", "--porcelain", "--untracked-files=normal", "--"];
    let paths = [".", ":(exclude)daruma.lock"];
    match git(dir, &[&args[..], &paths].concat())? {
        Some(output) if output.status.success() => Ok(output.stdout),
        Some(output) => Err(failed(dir, &output)),
        None => Ok(Vec::new()),
    }
}

/// What `git` prints; `None` where it is absent or fails.
fn answer(dir: &Path, args: &[&str]) -> Result<Option<Vec<u8>>, SourceError> {
    let output = git(dir, args)?.filter(|output| output.status.success());
    Ok(output.map(|output| output.stdout))
}

/// Runs `git` without letting it write or start what the repository's configuration names; `None` where it is absent.
fn git(dir: &Path, args: &[&str]) -> Result<Option<Output>, SourceError> {
    let mut command = Command::new("git");
    command
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
        .arg(dir)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    for name in REDIRECTIONS {
        command.env_remove(name);
    }
    match command.output() {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SourceError::Git {
            dir: dir.to_owned(),
            said: error.to_string(),
        }),
    }
}

/// A commit's id and time.
fn parse(shown: &[u8]) -> Option<(String, i64)> {
    let (commit, time) = std::str::from_utf8(shown).ok()?.trim().split_once(' ')?;
    let hex = !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then_some((commit.to_owned(), time.parse().ok()?))
}

fn failed(dir: &Path, output: &Output) -> SourceError {
    let said = String::from_utf8_lossy(&output.stderr);
    SourceError::Git {
        dir: dir.to_owned(),
        said: said.lines().next().unwrap_or("nothing").to_owned(),
    }
}
