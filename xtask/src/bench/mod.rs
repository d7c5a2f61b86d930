//! `make bench`: daruma beside its peers in one run, as ratios. `docs/benchmarks.md` says how to read the table.
//!
//! A missed target is a row that says so, not a failure; what could not run at all is one.

mod capture;
mod change;
mod index;
mod mirror;
mod process;
mod runner;
mod samples;
mod sandbox;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

pub(crate) use capture::part as capture_part;
pub(crate) use sandbox::part as sandbox_part;

use table::Row;

/// Where everything of one run is.
struct Place {
    /// The release binary.
    daruma: PathBuf,
    /// This program.
    xtask: PathBuf,
    /// What later runs use again: indexes and packages of the archive.
    cache: PathBuf,
    /// What goes at the end; on the same file system as the cache.
    work: tempfile::TempDir,
}

impl Place {
    fn open() -> io::Result<Self> {
        let xtask = std::env::current_exe()?;
        let daruma = xtask.with_file_name("daruma");
        if !daruma.is_file() {
            let message = format!("{} is missing: run `make build`", daruma.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let target = fs::canonicalize(target)?;
        let cache = target.join("bench-mirror");
        fs::create_dir_all(&cache)?;
        let work = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&target)?;
        readable_by_all(work.path())?;
        Ok(Self {
            daruma,
            xtask,
            cache,
            work,
        })
    }

    /// An empty directory of this run.
    fn dir(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.work.path().join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

/// apt's methods run as a user of their own.
fn readable_by_all(dir: &Path) -> io::Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(dir, mode)
}

/// All benches, in the order of the table.
type Bench = fn(&Place) -> io::Result<Vec<Row>>;
const BENCHES: &[(&str, Bench)] = &[
    ("runner", runner::bench),
    ("sandbox", sandbox::bench),
    ("capture", capture::bench),
];

/// Runs them, or those that further arguments name.
pub(crate) fn run() -> io::Result<()> {
    let place = Place::open()?;
    let chosen: Vec<String> = std::env::args().skip(2).collect();
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (name, bench) in BENCHES {
        if !chosen.is_empty() && !chosen.iter().any(|it| it == name) {
            continue;
        }
        match bench(&place) {
            Ok(more) => rows.extend(more),
            Err(error) => failed.push(format!("cannot run the {name} benches: {error}")),
        }
    }
    print(&table::render(&rows));
    if failed.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(failed.join("\n")))
}

#[expect(clippy::print_stdout, reason = "the table is what a bench is for")]
fn print(text: &str) {
    std::print!("{text}");
}

/// Tells what takes long.
#[expect(clippy::print_stderr, reason = "a task speaks to whoever runs it")]
fn say(text: &str) {
    std::eprintln!("{text}");
}
