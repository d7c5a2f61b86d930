//! Packages: from the home, else from mirrors, else from a snapshot service.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

use super::{ArchiveError, DebRef, Mirrors, Network};
use crate::http::{Checksum, Download, HttpError, Url};
use crate::image::{Digest, Hasher};
use crate::progress::{Event, Progress};

/// Names the one task of a fetch among others in progress events.
const TASK: u64 = 0x6465_6273;

/// Read at once when a file is hashed.
const BUFFER: usize = 1 << 20;

pub(super) fn fetch(
    archive: &Mirrors,
    debs: &[DebRef],
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, ArchiveError> {
    debs.iter().try_for_each(check_path)?;
    let paths: Vec<PathBuf> = debs.iter().map(|deb| place(archive, deb)).collect();
    let missing: BTreeMap<&PathBuf, &DebRef> = paths
        .par_iter()
        .zip(debs)
        .filter(|(path, deb)| !is_there(path, deb))
        .collect();
    if missing.is_empty() {
        return Ok(paths);
    }
    let missing: Vec<&DebRef> = missing.into_values().collect();
    if archive.settings.network == Network::Offline {
        let mut paths: Vec<String> = missing.iter().map(|deb| deb.path.clone()).collect();
        paths.sort();
        return Err(ArchiveError::DebsOffline { paths });
    }
    let total = missing.iter().map(|deb| deb.size).sum();
    progress.event(Event::TaskStarted {
        id: TASK,
        what: &match missing.len() {
            1 => "downloading 1 package".to_owned(),
            many => format!("downloading {many} packages"),
        },
        total: Some(total),
    });
    let outcome = from_mirrors(archive, missing, progress);
    progress.event(Event::TaskDone { id: TASK });
    outcome.map(|()| paths)
}

fn place(archive: &Mirrors, deb: &DebRef) -> PathBuf {
    archive
        .home
        .debs()
        .join(format!("{}.deb", deb.sha256.hex()))
}

/// Only verified files take this name, but a disk may have damaged one since.
fn is_there(path: &Path, deb: &DebRef) -> bool {
    match digest(path) {
        Ok(found) if found == deb.sha256 => true,
        Ok(_) => {
            // Where it stays, the download would take it for its own.
            let _ = fs::remove_file(path);
            false
        }
        Err(_) => false,
    }
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// A path from an index becomes part of an address.
fn check_path(deb: &DebRef) -> Result<(), ArchiveError> {
    let good = |part: &str| !part.is_empty() && part != "." && part != "..";
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\');
    if deb.path.split('/').all(good) && deb.path.bytes().all(plain) {
        return Ok(());
    }
    Err(ArchiveError::PoolPath {
        path: deb.path.clone(),
    })
}

/// Rounds over the candidates: what one mirror does not give, the next one is asked for.
fn from_mirrors(
    archive: &Mirrors,
    missing: Vec<&DebRef>,
    progress: &dyn Progress,
) -> Result<(), ArchiveError> {
    let mut rest: Vec<(&DebRef, Vec<HttpError>)> =
        missing.into_iter().map(|deb| (deb, Vec::new())).collect();
    for round in 0.. {
        let mut asked = Vec::new();
        for (at, (deb, _)) in rest.iter().enumerate() {
            if let Some(base) = candidates(archive, deb).get(round) {
                asked.push((at, item(archive, deb, base)?));
            }
        }
        if asked.is_empty() {
            break;
        }
        let items: Vec<Download> = asked.iter().map(|(_, item)| item.clone()).collect();
        let advance = |by| progress.event(Event::TaskAdvanced { id: TASK, by });
        let outcomes = archive
            .client
            .download_all(&items, archive.settings.parallel, &advance);
        let mut done = vec![false; rest.len()];
        for ((at, _), outcome) in asked.iter().zip(outcomes) {
            match outcome {
                Ok(()) => done[*at] = true,
                Err(error) if error.is_storage_full() => return Err(failed(rest[*at].0, 1, error)),
                Err(error) => rest[*at].1.push(error),
            }
        }
        let mut done = done.into_iter();
        rest.retain(|_| !done.next().unwrap_or(false));
    }
    verdict(rest)
}

fn candidates(archive: &Mirrors, deb: &DebRef) -> Vec<Url> {
    let mut bases = archive.settings.candidates(deb.pocket);
    bases.extend(archive.settings.snapshots.iter().cloned());
    bases
}

fn item(archive: &Mirrors, deb: &DebRef, base: &Url) -> Result<Download, ArchiveError> {
    let sha256 = Checksum::from_hex(&deb.sha256.hex()).ok_or_else(|| ArchiveError::PoolPath {
        path: deb.path.clone(),
    })?;
    Ok(Download {
        url: base.child(&deb.path),
        dest: place(archive, deb),
        size: deb.size,
        sha256,
    })
}

/// Gone is what every candidate said it does not have; any other failure is worth telling before.
fn verdict(rest: Vec<(&DebRef, Vec<HttpError>)>) -> Result<(), ArchiveError> {
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for (deb, errors) in rest {
        match errors.into_iter().find(|error| !error.is_gone()) {
            Some(error) => failures.push((deb, error)),
            None => gone.push(deb.path.clone()),
        }
    }
    gone.sort();
    let count = failures.len();
    match failures.into_iter().next() {
        Some((deb, error)) => Err(failed(deb, count, error)),
        None if gone.is_empty() => Ok(()),
        None => Err(ArchiveError::Gone { paths: gone }),
    }
}

fn failed(deb: &DebRef, failed: usize, source: HttpError) -> ArchiveError {
    ArchiveError::Deb {
        path: deb.path.clone(),
        failed,
        source,
    }
}
