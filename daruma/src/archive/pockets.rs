//! From mirrors to verified indexes, all pockets side by side.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::openpgp::{self, MAX_MESSAGE, Verified};
use super::state::{Kind, Seen, Shelf};
use super::{
    ArchiveError, Expired, Mirrors, Network, PackagesIndex, Pocket, PocketIndex, Release, Rollback,
    Snapshot,
};
use crate::http::{Fetched, Request, Url};
use crate::image::Digest;
use crate::progress::{Event, Progress};

pub(super) fn snapshot(
    archive: &Mirrors,
    suite: &str,
    arch: &str,
    progress: &dyn Progress,
) -> Result<Snapshot, ArchiveError> {
    let components = archive
        .settings
        .components
        .iter()
        .map(|c| (c.as_str(), "component"));
    for (name, what) in [(suite, "suite"), (arch, "architecture")]
        .into_iter()
        .chain(components)
    {
        check_name(name, what)?;
    }
    let wanted = archive.settings.distribution.pockets(suite);
    let pockets: Vec<Result<PocketIndex, ArchiveError>> = thread::scope(|scope| {
        let spawn = |(pocket, suite): &(Pocket, String)| {
            let (pocket, suite) = (*pocket, suite.clone());
            let fetch = Fetch {
                archive,
                pocket,
                suite,
                arch,
                progress,
            };
            scope.spawn(move || fetch.index())
        };
        let running: Vec<_> = wanted.iter().map(spawn).collect();
        let panicked = || ArchiveError::Home {
            source: std::io::Error::other("internal error: a thread ended without an answer"),
        };
        running
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_| Err(panicked())))
            .collect()
    });
    Ok(Snapshot {
        suite: suite.to_owned(),
        arch: arch.to_owned(),
        pockets: pockets.into_iter().collect::<Result<_, _>>()?,
    })
}

/// Names become parts of addresses and paths.
fn check_name(name: &str, what: &'static str) -> Result<(), ArchiveError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(ArchiveError::Name {
            name: name.to_owned(),
            what,
        });
    }
    Ok(())
}

/// One pocket on its way.
pub(super) struct Fetch<'a> {
    pub(super) archive: &'a Mirrors,
    pocket: Pocket,
    pub(super) suite: String,
    pub(super) arch: &'a str,
    progress: &'a dyn Progress,
}

/// An `InRelease` that passed everything.
pub(super) struct Accepted {
    pub(super) base: Url,
    pub(super) url: Url,
    sha256: Digest,
    signed: Verified,
    pub(super) release: Release,
}

impl Fetch<'_> {
    fn index(&self) -> Result<PocketIndex, ArchiveError> {
        if self.archive.settings.network == Network::Offline {
            return self.offline();
        }
        let mut tried = Vec::new();
        for base in self.archive.settings.candidates(self.pocket) {
            match self.ask_mirror(&base) {
                Ok(index) => return Ok(index),
                Err(error @ ArchiveError::Home { .. }) => return Err(error),
                Err(error) => tried.push(error),
            }
        }
        match tried.len() {
            1 => Err(tried.remove(0)),
            _ => Err(ArchiveError::NoMirror {
                suite: self.suite.clone(),
                tried,
            }),
        }
    }

    fn ask_mirror(&self, base: &Url) -> Result<PocketIndex, ArchiveError> {
        let url = self.dist(base).child("InRelease");
        let (bytes, fetched) = self.inrelease(base, &url)?;
        let accepted = self.accept(base, url, &bytes)?;
        let packages = self.packages(&accepted)?;
        self.remember(&accepted, &bytes, &fetched).map_err(home)?;
        Ok(self.pocket_index(accepted, packages))
    }

    /// What was accepted last, verified again: keys may have been revoked since.
    fn offline(&self) -> Result<PocketIndex, ArchiveError> {
        let unknown = || ArchiveError::Offline {
            suite: self.suite.clone(),
        };
        let seen = self.shelf().seen(&self.suite).ok_or_else(unknown)?;
        let bytes = self
            .shelf()
            .load(Kind::InRelease, &seen.sha256)
            .ok_or_else(unknown)?;
        let base: Url = seen.base.parse().map_err(|_| unknown())?;
        let accepted = self.accept(&base, self.dist(&base).child("InRelease"), &bytes)?;
        let packages = self.packages(&accepted)?;
        Ok(self.pocket_index(accepted, packages))
    }

    pub(super) fn dist(&self, base: &Url) -> Url {
        base.child("dists").child(&self.suite)
    }

    pub(super) fn shelf(&self) -> Shelf<'_> {
        Shelf::new(&self.archive.home, self.archive.settings.distribution.name)
    }

    /// The mirror's `InRelease`, or our copy where the mirror says that it has not changed.
    fn inrelease(&self, base: &Url, url: &Url) -> Result<(Vec<u8>, Fetched), ArchiveError> {
        let kept = self.shelf();
        let known = kept
            .seen(&self.suite)
            .filter(|seen| seen.base == base.to_string());
        let copy = known.and_then(|seen| Some((kept.load(Kind::InRelease, &seen.sha256)?, seen)));
        let limit = MAX_MESSAGE as u64;
        let request = Request::get(url.clone());
        if let Some((bytes, seen)) = copy {
            let conditional = request
                .clone()
                .unless_unchanged(seen.etag.as_deref(), seen.last_modified.as_deref());
            let mut fetched = self.archive.client.fetch(&conditional, limit)?;
            if fetched.status == 304 {
                fetched.etag = seen.etag;
                fetched.last_modified = seen.last_modified;
                return Ok((bytes, fetched));
            }
            return Ok((std::mem::take(&mut fetched.bytes), fetched));
        }
        let mut fetched = self.archive.client.fetch(&request, limit)?;
        Ok((std::mem::take(&mut fetched.bytes), fetched))
    }

    fn accept(&self, base: &Url, url: Url, bytes: &[u8]) -> Result<Accepted, ArchiveError> {
        let settings = &self.archive.settings;
        let now = now();
        let pinned = settings.pins.get(&self.suite).map(Vec::as_slice);
        let signed = openpgp::verify(bytes, &settings.keyring, pinned, now).map_err(|source| {
            ArchiveError::Signature {
                url: url.clone(),
                source,
            }
        })?;
        let release = Release::parse(&signed.text).map_err(|source| ArchiveError::Release {
            url: url.clone(),
            source,
        })?;
        self.is_the_right_one(&url, &release)?;
        self.is_current(&url, &release, now)?;
        self.is_no_rollback(&url, &release)?;
        Ok(Accepted {
            base: base.clone(),
            url,
            sha256: Digest::of(bytes),
            signed,
            release,
        })
    }

    /// The right signature under another suite's text would pass for what was asked.
    fn is_the_right_one(&self, url: &Url, release: &Release) -> Result<(), ArchiveError> {
        let distribution = &self.archive.settings.distribution;
        let label = distribution.root(self.pocket).label;
        let named = release.suite == self.suite || release.codename == self.suite;
        if release.origin == distribution.origin && release.label == label && named {
            return Ok(());
        }
        let show = |origin: &str, label: &str, suite: &str| format!("`{origin}` `{label}` {suite}");
        let both = format!("{} ({})", release.codename, release.suite);
        Err(ArchiveError::Other {
            url: url.clone(),
            expected: show(distribution.origin, label, &self.suite),
            found: show(&release.origin, &release.label, &both),
        })
    }

    fn is_current(&self, url: &Url, release: &Release, now: u64) -> Result<(), ArchiveError> {
        let Some(until) = release
            .valid_until
            .filter(|until| *until < now.cast_signed())
        else {
            return Ok(());
        };
        let until = day(until);
        match self.archive.settings.expired {
            Expired::Refuse => Err(ArchiveError::Expired {
                url: url.clone(),
                until,
            }),
            Expired::Accept => {
                self.warn(&format!("the {} index expired on {until}", self.suite));
                Ok(())
            }
        }
    }

    fn is_no_rollback(&self, url: &Url, release: &Release) -> Result<(), ArchiveError> {
        let seen = self.shelf().seen(&self.suite);
        let Some(seen) = seen.filter(|seen| seen.newest > release.date) else {
            return Ok(());
        };
        let (date, seen) = (day(release.date), day(seen.newest));
        match self.archive.settings.rollback {
            Rollback::Refuse => Err(ArchiveError::Rollback {
                url: url.clone(),
                date,
                seen,
            }),
            Rollback::Accept => {
                self.warn(&format!(
                    "the {} index is of {date}, older than one of {seen}",
                    self.suite
                ));
                Ok(())
            }
        }
    }

    fn remember(
        &self,
        accepted: &Accepted,
        bytes: &[u8],
        fetched: &Fetched,
    ) -> std::io::Result<()> {
        let kept = self.shelf();
        let former = kept.seen(&self.suite);
        let newest = former.as_ref().map_or(accepted.release.date, |seen| {
            seen.newest.max(accepted.release.date)
        });
        let mut seen = Seen::new(newest, accepted.sha256, accepted.base.to_string());
        seen.etag.clone_from(&fetched.etag);
        seen.last_modified.clone_from(&fetched.last_modified);
        if former.as_ref() == Some(&seen) {
            return Ok(());
        }
        kept.store(Kind::InRelease, &accepted.sha256, bytes)?;
        kept.remember(&self.suite, &seen)
    }

    fn pocket_index(&self, accepted: Accepted, packages: Vec<PackagesIndex>) -> PocketIndex {
        PocketIndex {
            pocket: self.pocket,
            suite: self.suite.clone(),
            codename: accepted.release.codename,
            base: accepted.base,
            inrelease: accepted.sha256,
            date: accepted.release.date,
            signers: accepted.signed.signers,
            packages,
        }
    }

    fn warn(&self, text: &str) {
        self.progress.event(Event::Warning(text));
    }
}

pub(super) fn home(source: std::io::Error) -> ArchiveError {
    ArchiveError::Home { source }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}
