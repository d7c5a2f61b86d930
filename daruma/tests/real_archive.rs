//! Debian itself, through this host's apt configuration.

#![allow(clippy::print_stderr)] // A test that skips says so.

use std::path::Path;

use daruma::archive::sources::HostApt;
use daruma::archive::{
    Archive as _, ArchiveError, DebRef, Mirrors, Network, Pocket, Settings, Snapshot,
};
use daruma::home::Home;
use daruma::http;
use daruma::image::Digest;
use daruma::progress::Silent;

fn settings() -> Option<Settings> {
    if HostApt::read(Path::new("/")).sources.is_empty() {
        eprintln!("skipped: this host's apt knows no archive");
        return None;
    }
    let settings = Settings::debian(http::Settings::from_env().expect("proxies"));
    Some(settings.with_host().expect("the host's configuration"))
}

fn open(settings: Settings, home: &Path) -> Mirrors {
    Mirrors::open(settings, Home::open(home).expect("home")).expect("opened")
}

/// The stanza of a package in an index.
fn stanza<'a>(snapshot: &'a Snapshot, package: &str) -> &'a str {
    let text = &snapshot.pockets[0].packages[0].text;
    let mut stanzas = text.split("\n\n");
    stanzas
        .find(|s| s.starts_with(&format!("Package: {package}\n")))
        .expect("in Debian")
}

fn field<'a>(stanza: &'a str, name: &str) -> &'a str {
    let line = stanza
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    line.expect("a field of every stanza")
}

fn deb(snapshot: &Snapshot, package: &str) -> DebRef {
    let stanza = stanza(snapshot, package);
    DebRef {
        pocket: Pocket::Main,
        path: field(stanza, "Filename").to_owned(),
        sha256: Digest::from_hex(field(stanza, "SHA256")).expect("digest"),
        size: field(stanza, "Size").parse().expect("size"),
    }
}

#[test]
fn trixie_is_read_verified_kept_and_its_packages_fetched() {
    let Some(settings) = settings() else { return };
    let dir = tempfile::tempdir().expect("tempdir");
    let first = match open(settings.clone(), dir.path()).snapshot("trixie", "amd64", &Silent) {
        Ok(snapshot) => snapshot,
        Err(error @ (ArchiveError::Http(_) | ArchiveError::NoMirror { .. })) => {
            eprintln!("skipped: no mirror answers: {error}");
            return;
        }
        Err(error) => panic!("{error:?}"),
    };
    let pockets: Vec<&str> = first.pockets.iter().map(|p| p.suite.as_str()).collect();
    assert_eq!(pockets, ["trixie", "trixie-updates", "trixie-security"]);
    assert!(
        first
            .pockets
            .iter()
            .all(|p| !p.signers.is_empty() && p.codename == p.suite)
    );
    assert!(first.pockets[0].packages[0].text.len() > 10_000_000);
    let debs = ["hostname", "base-files", "tzdata"].map(|package| deb(&first, package));
    let paths = open(settings.clone(), dir.path())
        .fetch(&debs, &Silent)
        .expect("fetched");
    for (path, deb) in paths.iter().zip(&debs) {
        assert_eq!(
            Digest::of(&std::fs::read(path).expect("read")),
            deb.sha256,
            "{}",
            deb.path
        );
    }
    let mut offline = settings;
    offline.network = Network::Offline;
    let archive = open(offline, dir.path());
    assert_eq!(archive.fetch(&debs, &Silent).expect("kept"), paths);
    let second = archive.snapshot("trixie", "amd64", &Silent).expect("kept");
    for (a, b) in first.pockets.iter().zip(&second.pockets) {
        assert_eq!(
            (a.inrelease, a.packages[0].sha256),
            (b.inrelease, b.packages[0].sha256)
        );
    }
}
