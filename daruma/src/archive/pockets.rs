//! From mirrors to verified indexes, all pockets side by side.

use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::decode::{Packing, decode};
use super::openpgp::{self, MAX_MESSAGE, Verified};
use super::state::{Kind, Seen, Shelf};
use super::{
    ArchiveError, Expired, ListedFile, Mirrors, Network, PackagesIndex, Pocket, PocketIndex,
    Release, Rollback, Snapshot,
};
use crate::http::{Fetched, HttpError, Request, Url};
use crate::image::Digest;
use crate::progress::{Event, Progress};

/// Largest decoded `Packages` taken; Debian's largest has 60 MB.
const MAX_PACKAGES: u64 = 512 * 1024 * 1024;

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
struct Fetch<'a> {
    archive: &'a Mirrors,
    pocket: Pocket,
    suite: String,
    arch: &'a str,
    progress: &'a dyn Progress,
}

/// An `InRelease` that passed everything.
struct Accepted {
    base: Url,
    url: Url,
    sha256: Digest,
    signed: Verified,
    release: Release,
}

impl Fetch<'_> {
    fn index(&self) -> Result<PocketIndex, ArchiveError> {
        if self.archive.settings.network == Network::Offline {
            return self.offline();
        }
        let mut tried = Vec::new();
        for base in self.archive.settings.candidates(self.pocket) {
            match self.from_mirror(&base) {
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

    fn from_mirror(&self, base: &Url) -> Result<PocketIndex, ArchiveError> {
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

    fn dist(&self, base: &Url) -> Url {
        base.child("dists").child(&self.suite)
    }

    fn shelf(&self) -> Shelf<'_> {
        Shelf::new(&self.archive.home, self.archive.settings.distribution.name)
    }

    /// The mirror's `InRelease`, or our copy where the mirror says that it has not changed.
    fn inrelease(&self, base: &Url, url: &Url) -> Result<(Vec<u8>, Fetched), ArchiveError> {
        let shelf = self.shelf();
        let known = shelf
            .seen(&self.suite)
            .filter(|seen| seen.base == base.to_string());
        let copy = known.and_then(|seen| Some((shelf.load(Kind::InRelease, &seen.sha256)?, seen)));
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

    fn packages(&self, accepted: &Accepted) -> Result<Vec<PackagesIndex>, ArchiveError> {
        let components = self.archive.settings.components.iter();
        components
            .map(|component| self.component(accepted, component))
            .collect()
    }

    fn component(
        &self,
        accepted: &Accepted,
        component: &str,
    ) -> Result<PackagesIndex, ArchiveError> {
        let path = format!("{component}/binary-{}/Packages", self.arch);
        let not_listed = || ArchiveError::NotListed {
            url: accepted.url.clone(),
            path: path.clone(),
        };
        let plain = *accepted.release.files.get(&path).ok_or_else(not_listed)?;
        let shelf = self.shelf();
        let text = match shelf.load_text(Kind::Packages, &plain.sha256) {
            Some(text) => text,
            None => self.fresh(accepted, &path, plain)?,
        };
        Ok(PackagesIndex {
            component: component.to_owned(),
            sha256: plain.sha256,
            text,
        })
    }

    /// An index that is not on the shelf yet.
    fn fresh(
        &self,
        accepted: &Accepted,
        path: &str,
        plain: ListedFile,
    ) -> Result<Arc<str>, ArchiveError> {
        let bytes = self.download(accepted, path, plain)?;
        self.shelf()
            .store(Kind::Packages, &plain.sha256, &bytes)
            .map_err(home)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| ArchiveError::Index {
            url: self.dist(&accepted.base).child(path),
            what: "it is not UTF-8",
        })?;
        Ok(Arc::from(text))
    }

    fn download(
        &self,
        accepted: &Accepted,
        path: &str,
        plain: ListedFile,
    ) -> Result<Vec<u8>, ArchiveError> {
        if self.archive.settings.network == Network::Offline {
            return Err(ArchiveError::Offline {
                suite: self.suite.clone(),
            });
        }
        let files = &accepted.release.files;
        let listed = |p: Packing| Some((p, *files.get(&format!("{path}{}", p.suffix()))?));
        let mut failure = None;
        for (packing, file) in Packing::BEST_FIRST.into_iter().filter_map(listed) {
            match self.packed(accepted, path, packing, file, plain) {
                // A mirror need not have every form that is listed.
                Err(ArchiveError::Http(error)) if error.is_gone() => failure = Some(error),
                outcome => return outcome,
            }
        }
        Err(failure.map_or_else(
            || ArchiveError::NotListed {
                url: accepted.url.clone(),
                path: path.to_owned(),
            },
            ArchiveError::Http,
        ))
    }

    fn packed(
        &self,
        accepted: &Accepted,
        path: &str,
        packing: Packing,
        file: ListedFile,
        plain: ListedFile,
    ) -> Result<Vec<u8>, ArchiveError> {
        let dist = self.dist(&accepted.base);
        let named = dist.child(&format!("{path}{}", packing.suffix()));
        let wrong = |what| ArchiveError::Index {
            url: named.clone(),
            what,
        };
        if file.size > MAX_PACKAGES || plain.size > MAX_PACKAGES {
            return Err(wrong("it is larger than any index"));
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let hashed = dist.child(&format!("{folder}/by-hash/SHA256/{}", file.sha256.hex()));
        let bytes = self.by_hash_or_name(accepted.release.by_hash, &hashed, &named, file.size)?;
        if bytes.len() as u64 != file.size || Digest::of(&bytes) != file.sha256 {
            return Err(wrong("it is not the file that InRelease lists"));
        }
        let text = decode(packing, bytes, plain.size)
            .map_err(|_| wrong("it does not decompress to the size that InRelease lists"))?;
        if Digest::of(&text) != plain.sha256 {
            return Err(wrong(
                "it does not decompress to the file that InRelease lists",
            ));
        }
        Ok(text)
    }

    fn by_hash_or_name(
        &self,
        by_hash: bool,
        hashed: &Url,
        named: &Url,
        size: u64,
    ) -> Result<Vec<u8>, HttpError> {
        let get = |url: &Url| self.archive.client.fetch(&Request::get(url.clone()), size);
        if by_hash {
            match get(hashed) {
                Err(error) if error.is_gone() => {}
                outcome => return outcome.map(|fetched| fetched.bytes),
            }
        }
        get(named).map(|fetched| fetched.bytes)
    }

    fn remember(
        &self,
        accepted: &Accepted,
        bytes: &[u8],
        fetched: &Fetched,
    ) -> std::io::Result<()> {
        let shelf = self.shelf();
        let former = shelf.seen(&self.suite);
        let newest = former.as_ref().map_or(accepted.release.date, |seen| {
            seen.newest.max(accepted.release.date)
        });
        let mut seen = Seen::new(newest, accepted.sha256, accepted.base.to_string());
        seen.etag.clone_from(&fetched.etag);
        seen.last_modified.clone_from(&fetched.last_modified);
        if former.as_ref() == Some(&seen) {
            return Ok(());
        }
        shelf.store(Kind::InRelease, &accepted.sha256, bytes)?;
        shelf.remember(&self.suite, &seen)
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

fn home(source: std::io::Error) -> ArchiveError {
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
