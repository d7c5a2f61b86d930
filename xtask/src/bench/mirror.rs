//! A mirror on the loopback: the archive's real indexes and packages, signed with a key made here.
//!
//! Its packages are learnt: what a program asks for and the mirror lacks is fetched from the archive that this machine is
//! configured for, once, before anything is measured. A request that misses during a measurement is an error.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use daruma::archive::{Archive as _, DebRef, Mirrors, Pocket, PocketIndex, Settings, Snapshot};
use daruma::home::Home;
use daruma::http;
use daruma::progress::{Event, Progress};
use fs_err as fs;
use testkit::{Key, Server};

use super::{index, say};

/// The suite that runners are made from.
pub(super) const SUITE: &str = "trixie";

/// Debian's own choice for its indexes.
const XZ_LEVEL: u32 = 6;

/// How often a program is run again because the mirror lacked something: mmdebstrap asks in three stages.
const LESSONS: usize = 8;

/// The directory of a pocket's root on the mirror.
pub(super) fn root(pocket: Pocket) -> &'static str {
    match pocket {
        Pocket::Main | Pocket::Updates => "debian",
        Pocket::Security => "debian-security",
    }
}

/// The mirror; it ends with this value.
pub(super) struct Mirror {
    server: Server,
    key: Key,
    upstream: Mirrors,
    snapshot: Snapshot,
    packages: BTreeMap<String, DebRef>,
    cache: PathBuf,
    /// The `Date` of what is published next; grows, because clients refuse to go back.
    clock: i64,
}

impl Mirror {
    /// Serves the suite as it is now; packages that earlier runs needed are there from the start.
    pub(super) fn open(cache: &Path) -> io::Result<Self> {
        let upstream = upstream(cache)?;
        let snapshot = upstream.snapshot(SUITE, "amd64", &Silent).map_err(cause)?;
        let mut mirror = Self {
            server: Server::empty(),
            key: Key::sound(20),
            upstream,
            packages: index::by_path(&snapshot),
            snapshot,
            cache: cache.to_owned(),
            clock: now() - 3600,
        };
        for pocket in mirror.snapshot.pockets.clone() {
            mirror.publish(&pocket, &text_of(&pocket))?;
        }
        let known = fs::read_to_string(mirror.list()).unwrap_or_default();
        let known: Vec<String> = known.lines().map(ToOwned::to_owned).collect();
        mirror.take(&known)?;
        Ok(mirror)
    }

    /// The address of a root.
    pub(super) fn url(&self, pocket: Pocket) -> String {
        self.server.url(&format!("/{}", root(pocket)))
    }

    /// The key, as it stands in a keyring.
    pub(super) fn keyring(&self) -> Vec<u8> {
        self.key.public()
    }

    /// What the archive has.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// A package's file.
    pub(super) fn fetch(&self, deb: &DebRef) -> io::Result<PathBuf> {
        let paths = self.upstream.fetch(std::slice::from_ref(deb), &Silent);
        let first = paths.map_err(cause)?.into_iter().next();
        first.ok_or_else(|| io::Error::other("the archive gave no package"))
    }

    /// Serves a file.
    pub(super) fn put(&self, path: &str, bytes: Vec<u8>) {
        self.server.put(path, bytes);
    }

    /// Publishes `text` as the pocket's index, newer than what was there.
    pub(super) fn publish(&mut self, pocket: &PocketIndex, text: &str) -> io::Result<()> {
        self.clock += 1;
        let base = format!("/{}/dists/{}", root(pocket.pocket), pocket.suite);
        let forms = [
            ("Packages", text.as_bytes().to_vec()),
            ("Packages.gz", self.packed("gz", text, gz)?),
            ("Packages.xz", self.packed("xz", text, xz)?),
        ];
        let release = self.release(pocket, &forms);
        for (name, bytes) in forms {
            self.put(&format!("{base}/main/binary-amd64/{name}"), bytes);
        }
        self.put(&format!("{base}/Release"), release.clone().into_bytes());
        let signed = self.key.clearsign(&release).into_bytes();
        self.put(&format!("{base}/InRelease"), signed);
        Ok(())
    }

    fn release(&self, pocket: &PocketIndex, forms: &[(&str, Vec<u8>)]) -> String {
        let label = match pocket.pocket {
            Pocket::Main | Pocket::Updates => "Debian",
            Pocket::Security => "Debian-Security",
        };
        let listed = forms.iter().map(|(name, bytes)| {
            let (hash, size) = (testkit::sha256(bytes), bytes.len());
            format!(" {hash} {size} main/binary-amd64/{name}\n")
        });
        let date = jiff::Timestamp::from_second(self.clock).unwrap_or_default();
        format!(
            "Origin: Debian\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\nDate: {date}\n\
             Architectures: amd64\nComponents: main\nSHA256:\n{listed}",
            suite = pocket.suite,
            date = date.strftime("%a, %d %b %Y %H:%M:%S UTC"),
            listed = listed.collect::<String>(),
        )
    }

    /// Compressing the main index takes half a minute: the result is kept by the text's digest.
    fn packed(&self, suffix: &str, text: &str, pack: Pack) -> io::Result<Vec<u8>> {
        let name = format!("{}.{suffix}", testkit::sha256(text.as_bytes()));
        let path = self.cache.join(name);
        if let Ok(bytes) = fs::read(&path) {
            return Ok(bytes);
        }
        let bytes = pack(text)?;
        let part = path.with_extension("part");
        fs::write(&part, &bytes)?;
        fs::rename(&part, &path)?;
        Ok(bytes)
    }

    /// Runs `program` until the mirror has all that it asks for.
    pub(super) fn learn(
        &mut self,
        what: &str,
        program: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        for _ in 0..LESSONS {
            self.server.take_log();
            let outcome = program();
            let missing = self.misses();
            if missing.is_empty() {
                return outcome;
            }
            say(&format!("{what}: fetching {} packages", missing.len()));
            self.take(&missing)?;
        }
        Err(io::Error::other(format!(
            "{what} asks for more and more packages"
        )))
    }

    /// An error if anything was asked for that is not there.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.misses().first() {
            None => Ok(()),
            Some(path) => Err(io::Error::other(format!("the mirror lacks {path}"))),
        }
    }

    /// Packages that were asked for and are not served; forgets what was asked.
    fn misses(&self) -> Vec<String> {
        let mut missing: Vec<String> = self
            .server
            .take_log()
            .into_iter()
            .map(|hit| hit.target)
            .collect();
        missing.retain(|path| path.ends_with(".deb") && self.server.get(path).is_none());
        missing.sort();
        missing.dedup();
        missing
    }

    /// Serves packages of the archive at the paths by which they were asked for.
    fn take(&mut self, asked: &[String]) -> io::Result<()> {
        let known =
            |path: &String| Some((path.clone(), self.packages.get(&decoded(path))?.clone()));
        let found: Vec<(String, DebRef)> = asked.iter().filter_map(known).collect();
        let debs: Vec<DebRef> = found.iter().map(|(_, deb)| deb.clone()).collect();
        let files = self.upstream.fetch(&debs, &Silent).map_err(cause)?;
        let mut list = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.list())?;
        for ((path, _), file) in found.iter().zip(files) {
            if self.server.get(path).is_none() {
                self.put(path, fs::read(file)?);
                writeln!(list, "{path}")?;
            }
        }
        Ok(())
    }

    fn list(&self) -> PathBuf {
        self.cache.join("packages.list")
    }
}

/// Compresses a text.
type Pack = fn(&str) -> io::Result<Vec<u8>>;

fn xz(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), XZ_LEVEL);
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

fn gz(text: &str) -> io::Result<Vec<u8>> {
    let level = flate2::Compression::best();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

fn upstream(cache: &Path) -> io::Result<Mirrors> {
    let home = Home::open(&cache.join("home")).map_err(cause)?;
    let settings = Settings::debian(http::Settings::from_env().map_err(cause)?);
    Mirrors::open(settings.with_host().map_err(cause)?, home).map_err(cause)
}

/// The text of a pocket's index.
pub(super) fn text_of(pocket: &PocketIndex) -> String {
    pocket.packages.iter().map(|index| &*index.text).collect()
}

/// Percent-encoding (RFC 3986, 2.1), which apt uses for `+` and `~` and others do not.
fn decoded(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        let code = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out += before;
        out.push(code.map_or('%', char::from));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    out + rest
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs().cast_signed())
}

/// An error with its causes in one line.
pub(super) fn cause(error: impl std::error::Error) -> io::Error {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    io::Error::other(text)
}

struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoded_paths_are_the_same_packages() {
        let path = "/debian/pool/main/g/gcc-14/libstdc%2b%2b6_14.2.0%7e1_amd64.deb";
        assert_eq!(
            decoded(path),
            "/debian/pool/main/g/gcc-14/libstdc++6_14.2.0~1_amd64.deb"
        );
        assert_eq!(decoded("/a%zz%"), "/a%zz%");
    }
}
