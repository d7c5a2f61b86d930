//! An archive that was made a moment ago, served well and badly.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use daruma::archive::openpgp::Keyring;
use daruma::archive::{
    Archive as _, ArchiveError, DebRef, Expired, Mirrors, Network, Pocket as In, Rollback, Settings,
};
use daruma::home::Home;
use daruma::http::{self, Timing};
use daruma::image::Digest;
use daruma::progress::Silent;
use testkit::archive::ByHash;
use testkit::{Archive, Deb, Fault, Key, Packing, Pocket, Server};

/// One archive of three pockets on one server, and a home that has seen nothing.
struct World {
    server: Server,
    home: tempfile::TempDir,
    key: Key,
}

fn hello() -> Deb {
    Deb::new("hello", "1.0").file("usr/bin/hello", 0o755, &[7; 5000])
}

fn main_pocket() -> Pocket {
    Pocket::debian("trixie")
        .deb(hello())
        .deb(Deb::new("other", "2"))
}

impl World {
    fn new() -> Self {
        Self::with(main_pocket())
    }

    fn with(main: Pocket) -> Self {
        let world = Self {
            server: Server::empty(),
            home: tempfile::tempdir().expect("tempdir"),
            key: Key::sound(1),
        };
        world.publish(main);
        world
    }

    fn publish(&self, main: Pocket) {
        let debian = Archive::new(self.key.clone())
            .pocket(main)
            .pocket(Pocket::debian("trixie-updates"))
            .pocket(Pocket::debian("sid"));
        let fixed = Deb::new("hello", "1.0+deb13u1");
        let security =
            Archive::new(self.key.clone()).pocket(Pocket::security("trixie-security").deb(fixed));
        self.server.put_all(debian.files("/debian"));
        self.server.put_all(security.files("/debian-security"));
    }

    fn settings(&self) -> Settings {
        let timing = Timing {
            connect: Duration::from_secs(2),
            first_byte: Duration::from_millis(400),
            idle: Duration::from_millis(400),
            hedge_after: Duration::from_millis(200),
            attempts: 2,
            backoff: Duration::from_millis(5),
            patience: Duration::from_secs(1),
        };
        let mut settings = Settings::debian(http::Settings {
            timing,
            ..http::Settings::default()
        });
        settings.keyring = keyring(&[&self.key]);
        settings.mirror = Some(self.server.url("/debian").parse().expect("url"));
        settings.security_mirror = Some(self.server.url("/debian-security").parse().expect("url"));
        settings
    }

    fn open(&self, settings: Settings) -> Mirrors {
        let home = Home::open(self.home.path()).expect("home");
        Mirrors::open(settings, home).expect("opened")
    }

    /// All causes of the failure in one line, without the port.
    fn failure(&self, settings: Settings) -> String {
        let outcome = self.open(settings).snapshot("trixie", "amd64", &Silent);
        self.told(&outcome.map(|_| ()).expect_err("a failure"))
    }

    fn told(&self, error: &ArchiveError) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text.replace(&self.server.url(""), "http://MIRROR")
    }

    /// Every file of the home but its own marks, by relative path.
    fn kept(&self) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        walk(self.home.path(), self.home.path(), &mut found);
        found.retain(|path, _| path != "format");
        found
    }
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, u64>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let entry = entry.expect("entry");
        let meta = entry.metadata().expect("metadata");
        if meta.is_dir() {
            walk(root, &entry.path(), found);
        } else {
            let path = entry
                .path()
                .strip_prefix(root)
                .expect("below")
                .display()
                .to_string();
            found.insert(path, meta.len());
        }
    }
}

/// As an index lists it.
fn listed(deb: &Deb) -> DebRef {
    let bytes = deb.build();
    DebRef {
        pocket: In::Main,
        path: deb.pool_path(),
        sha256: Digest::of(&bytes),
        size: bytes.len() as u64,
    }
}

fn keyring(keys: &[&Key]) -> Keyring {
    let mut keyring = Keyring::default();
    for key in keys {
        keyring.add(&key.public()).expect("a certificate");
    }
    keyring
}

const INRELEASE: &str = "/debian/dists/trixie/InRelease";

#[test]
fn a_snapshot_has_every_pocket_and_what_the_lock_needs() {
    let world = World::new();
    let snapshot = world
        .open(world.settings())
        .snapshot("trixie", "amd64", &Silent)
        .expect("snapshot");
    let told: Vec<String> = snapshot
        .pockets
        .iter()
        .map(|p| {
            assert_eq!(
                p.signers
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
                [world.key.fingerprint()]
            );
            assert_eq!(p.date, 1_761_991_200);
            let packages = &p.packages[0];
            let names: Vec<&str> = packages
                .text
                .lines()
                .filter_map(|l| l.strip_prefix("Version: "))
                .collect();
            format!(
                "{} {} {} {}",
                p.pocket,
                p.suite,
                packages.component,
                names.join(",")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "main trixie main 1.0,2",
            "updates trixie-updates main ",
            "security trixie-security main 1.0+deb13u1",
        ]
    );
    let sid = world
        .open(world.settings())
        .snapshot("sid", "amd64", &Silent)
        .expect("sid");
    assert_eq!(sid.pockets.len(), 1);
}

#[test]
fn a_second_snapshot_asks_for_inrelease_alone_and_offline_for_nothing() {
    let world = World::new();
    let first = world
        .open(world.settings())
        .snapshot("trixie", "amd64", &Silent)
        .expect("first");
    world.server.take_log();
    let second = world
        .open(world.settings())
        .snapshot("trixie", "amd64", &Silent)
        .expect("second");
    let log = world.server.take_log();
    assert!(
        log.iter()
            .all(|hit| hit.target.ends_with("InRelease")
                && hit.headers.contains_key("if-none-match"))
    );
    assert_eq!(log.len(), 3);
    let mut settings = world.settings();
    settings.network = Network::Offline;
    let third = world
        .open(settings)
        .snapshot("trixie", "amd64", &Silent)
        .expect("third");
    assert_eq!(world.server.take_log(), []);
    for other in [second, third] {
        for (a, b) in first.pockets.iter().zip(&other.pockets) {
            assert_eq!(
                (a.inrelease, &a.packages[0].text),
                (b.inrelease, &b.packages[0].text)
            );
            assert_eq!(a.base, b.base);
        }
    }
}

#[test]
fn indexes_are_found_in_whatever_form_the_mirror_has() {
    for (packings, by_hash, gone) in [
        (&[Packing::Xz, Packing::Gz][..], ByHash::Yes, ""),
        (&[Packing::Gz], ByHash::Yes, ""),
        (&[Packing::Plain], ByHash::Yes, ""),
        (&[Packing::Xz], ByHash::No, ""),
        (&[Packing::Xz, Packing::Gz], ByHash::Yes, "by-hash"),
        (&[Packing::Xz, Packing::Gz], ByHash::No, "Packages.xz"),
    ] {
        let world = World::with(main_pocket().packings(packings).by_hash(by_hash));
        for path in world
            .server
            .paths("dists/trixie/")
            .iter()
            .filter(|p| !gone.is_empty() && p.contains(gone))
        {
            world.server.remove(path);
        }
        let snapshot = world
            .open(world.settings())
            .snapshot("trixie", "amd64", &Silent)
            .expect("snapshot");
        assert!(
            snapshot.pockets[0].packages[0]
                .text
                .contains("Package: hello"),
            "{packings:?} {gone}"
        );
    }
}

#[test]
fn a_tampered_index_is_refused_and_nothing_is_kept() {
    let signed = "cannot trust http://MIRROR/debian/dists/trixie/InRelease: cannot ";
    let flip = |bytes: &[u8], needle: &str| {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let mut changed = text.clone().into_bytes();
        let at = text.find(needle).expect("there") + needle.len() - 1;
        changed[at] ^= 1;
        changed
    };
    for (needle, expected) in [
        ("Suite: trixie", "trust the message: the signature of"),
        ("SHA256:\n e", "trust the message: the signature of"),
        (
            "-----BEGIN PGP SIGNED MESSAGE",
            "read the signed message: it does not begin as a signed message",
        ),
        ("Hash: SHA256", "trust the message: the signature of"),
    ] {
        let world = World::new();
        let good = world.server.get(INRELEASE).expect("there");
        let needle = if needle.starts_with("SHA256:\n") {
            "SHA256:\n "
        } else {
            needle
        };
        world.server.put(INRELEASE, flip(&good, needle));
        let text = world.failure(world.settings());
        assert!(
            text.starts_with(&format!("{signed}{expected}")),
            "{needle}: {text}"
        );
        assert!(
            world
                .kept()
                .keys()
                .all(|path| !path.contains("trixie.json")),
            "{:?}",
            world.kept()
        );
    }
}

#[test]
fn tampered_packages_are_refused_and_not_kept() {
    for (change, expected) in [
        ("content", "it is not the file that InRelease lists"),
        ("length", "it is larger than"),
        ("announced", "it is larger than"),
        ("cut", "it is not the file that InRelease lists"),
        ("broken off", "the connection was cut after 10 bytes"),
        ("hang", "no more bytes within"),
        ("loop", "more than 5 redirects"),
    ] {
        let world = World::new();
        let gone = world.server.paths("dists/trixie/main");
        let path = gone
            .iter()
            .find(|p| p.contains("by-hash") && is_xz(&world, p))
            .expect("an xz index")
            .clone();
        let good = world.server.get(&path).expect("there");
        let mut other = good.clone();
        other[20] ^= 1;
        let fault = match change {
            "content" => Fault::Instead(other),
            "length" => Fault::Instead([&good[..], b"x"].concat()),
            "announced" => Fault::Length(good.len() as u64 + 5),
            "cut" => Fault::Instead(good[..good.len() - 1].to_vec()),
            "broken off" => Fault::CutAfter(10),
            "hang" => Fault::HangAfter(10),
            _ => Fault::Redirect(path.clone()),
        };
        world.server.fault(&path, fault);
        let text = world.failure(world.settings());
        assert!(text.contains(expected), "{change}: {text}");
        assert!(
            world.kept().keys().all(|p| !p.contains("trixie.json")),
            "{change}"
        );
    }
}

fn is_xz(world: &World, path: &str) -> bool {
    world
        .server
        .get(path)
        .is_some_and(|bytes| bytes.starts_with(b"\xfd7zXZ"))
}

#[test]
fn a_decompression_bomb_is_cut_at_the_listed_size() {
    let world = World::new();
    let bomb = testkit::Compression::Xz.pack(&vec![0; 50_000_000]);
    let plain = b"Package: x\n".to_vec();
    let path = "main/binary-amd64/Packages".to_owned();
    let files = [
        (path.clone(), plain, true),
        (format!("{path}.xz"), bomb.clone(), true),
    ];
    let release = testkit::archive::release(&main_pocket().by_hash(ByHash::No), &files);
    world.server.put(INRELEASE, world.key.clearsign(&release));
    world
        .server
        .put("/debian/dists/trixie/main/binary-amd64/Packages.xz", bomb);
    let text = world.failure(world.settings());
    assert!(
        text.ends_with("it does not decompress to the size that InRelease lists"),
        "{text}"
    );
}

#[test]
fn an_index_signed_for_something_else_is_refused() {
    for (pocket, expected) in [
        (
            main_pocket()
                .field("Codename", "sid")
                .field("Suite", "unstable"),
            "it is `Debian` `Debian` sid (unstable), `Debian` `Debian` trixie was asked for",
        ),
        (
            main_pocket().field("Origin", "Elsewhere"),
            "it is `Elsewhere` `Debian` trixie (trixie)",
        ),
        (
            main_pocket().field("Label", "Debian-Security"),
            "it is `Debian` `Debian-Security` trixie",
        ),
    ] {
        let world = World::with(pocket);
        let text = world.failure(world.settings());
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn an_expired_index_is_refused_unless_accepted() {
    let world = World::with(main_pocket().field("Valid-Until", "Sat, 08 Nov 2025 10:00:00 UTC"));
    let text = world.failure(world.settings());
    assert!(
        text.contains("it expired on 2025-11-08T10:00:00Z"),
        "{text}"
    );
    assert!(text.contains("--allow-expired"), "{text}");
    let mut settings = world.settings();
    settings.expired = Expired::Accept;
    assert!(
        world
            .open(settings)
            .snapshot("trixie", "amd64", &Silent)
            .is_ok()
    );
}

#[test]
fn an_index_older_than_one_seen_is_refused_unless_accepted() {
    let world = World::new();
    world
        .open(world.settings())
        .snapshot("trixie", "amd64", &Silent)
        .expect("first");
    world.publish(main_pocket().field("Date", "Fri, 31 Oct 2025 10:00:00 UTC"));
    let text = world.failure(world.settings());
    assert!(
        text.contains(
            "it is of 2025-10-31T10:00:00Z, and one of 2025-11-01T10:00:00Z was seen already"
        ),
        "{text}"
    );
    let mut settings = world.settings();
    settings.rollback = Rollback::Accept;
    assert!(
        world
            .open(settings)
            .snapshot("trixie", "amd64", &Silent)
            .is_ok()
    );
    // What was accepted once does not become the new measure.
    assert!(world.failure(world.settings()).contains("was seen already"));
}

#[test]
fn a_stranger_and_a_pinned_out_key_are_refused() {
    let world = World::new();
    let mut settings = world.settings();
    settings.keyring = keyring(&[&Key::sound(2)]);
    let text = world.failure(settings);
    assert!(text.contains("the key is not in any keyring"), "{text}");
    let mut settings = world.settings();
    let other = Key::sound(2).fingerprint().parse().expect("fingerprint");
    settings.pins.insert("trixie".to_owned(), vec![other]);
    let text = world.failure(settings);
    assert!(text.contains("the suite is pinned to other keys"), "{text}");
}

#[test]
fn a_missing_pocket_and_names_that_are_paths_are_refused() {
    let world = World::new();
    world
        .server
        .remove("/debian-security/dists/trixie-security/InRelease");
    let text = world.failure(world.settings());
    assert!(
        text.contains("trixie-security/InRelease: the server answered 404"),
        "{text}"
    );
    for name in ["", "../x", "a/b", ".hidden", "a b"] {
        let outcome = world
            .open(world.settings())
            .snapshot(name, "amd64", &Silent);
        assert!(matches!(outcome, Err(ArchiveError::Name { .. })), "{name}");
    }
}

#[test]
fn a_bad_mirror_of_the_hosts_is_passed_over() {
    let world = World::new();
    let dead = Server::empty();
    let mut settings = world.settings();
    settings.mirror = None;
    let lines = format!(
        "deb {} trixie main\ndeb {} trixie main\n",
        dead.url("/debian"),
        world.server.url("/debian")
    );
    settings.host.sources = daruma::archive::sources::parse_one_line(&lines);
    let snapshot = world
        .open(settings)
        .snapshot("trixie", "amd64", &Silent)
        .expect("snapshot");
    assert_eq!(
        snapshot.pockets[0].base.to_string(),
        world.server.url("/debian")
    );
    assert!(dead.count("InRelease") > 0);
}

#[test]
fn packages_are_fetched_once_and_known_by_their_sha256() {
    let world = World::new();
    let archive = world.open(world.settings());
    let debs = [
        listed(&hello()),
        listed(&Deb::new("other", "2")),
        listed(&hello()),
    ];
    let paths = archive.fetch(&debs, &Silent).expect("fetched");
    assert_eq!(std::fs::read(&paths[0]).expect("read"), hello().build());
    assert_eq!(paths[0], paths[2]);
    world.server.take_log();
    let mut settings = world.settings();
    settings.network = Network::Offline;
    assert_eq!(
        world.open(settings).fetch(&debs, &Silent).expect("cached"),
        paths
    );
    assert_eq!(world.server.take_log(), []);
}

#[test]
fn a_package_that_is_not_as_listed_is_refused_and_not_kept() {
    let path = format!("/debian/{}", hello().pool_path());
    let good = hello().build();
    let mut changed = good.clone();
    changed[100] ^= 1;
    for (fault, expected) in [
        (Fault::Instead(changed), "its sha256 is"),
        (Fault::Instead(good[1..].to_vec()), "were expected"),
        (Fault::Length(9_999_999), "the server has 9999999 bytes"),
        (Fault::Redirect(path.clone()), "more than 5 redirects"),
        (Fault::Hang, "no answer within"),
        (Fault::Status(500, None), "the server answered 500"),
    ] {
        let world = World::new();
        world.server.fault(&path, fault.clone());
        let error = world
            .open(world.settings())
            .fetch(&[listed(&hello())], &Silent)
            .expect_err("refused");
        assert!(
            world.told(&error).contains(expected),
            "{}",
            world.told(&error)
        );
        let debs: Vec<_> = world
            .kept()
            .into_keys()
            .filter(|p| p.starts_with("debs/") && Path::new(p).extension() == Some("deb".as_ref()))
            .collect();
        assert_eq!(debs, [""; 0], "{fault:?}");
    }
}

#[test]
fn packages_that_are_gone_are_listed_all_and_a_snapshot_service_may_have_them() {
    let world = World::new();
    let debs = [
        listed(&hello()),
        listed(&Deb::new("gone", "1")),
        listed(&Deb::new("away", "1")),
    ];
    let error = world
        .open(world.settings())
        .fetch(&debs, &Silent)
        .expect_err("gone");
    insta::assert_snapshot!(world.told(&error), @"the archive no longer has pool/main/a/away/away_1_amd64.deb, pool/main/g/gone/gone_1_amd64.deb. Remove daruma.lock to resolve again");
    for name in ["gone", "away"] {
        let deb = Deb::new(name, "1");
        world
            .server
            .put(&format!("/snapshot/{}", deb.pool_path()), deb.build());
    }
    let mut settings = world.settings();
    settings.snapshots = vec![world.server.url("/snapshot").parse().expect("url")];
    assert!(world.open(settings).fetch(&debs, &Silent).is_ok());
}

#[test]
fn pool_paths_cannot_lead_elsewhere() {
    let world = World::new();
    for path in [
        "",
        "/etc/passwd",
        "../x",
        "a//b",
        "a/./b",
        "a?b",
        "a b",
        "a\nb",
    ] {
        let mut deb = listed(&hello());
        path.clone_into(&mut deb.path);
        let outcome = world.open(world.settings()).fetch(&[deb], &Silent);
        assert!(
            matches!(outcome, Err(ArchiveError::PoolPath { .. })),
            "{path:?}"
        );
    }
}

#[test]
fn offline_without_a_past_says_so() {
    let world = World::new();
    let mut settings = world.settings();
    settings.network = Network::Offline;
    let error = world
        .open(settings.clone())
        .fetch(&[listed(&hello())], &Silent)
        .expect_err("offline");
    assert_eq!(
        world.told(&error),
        "cannot fetch offline: pool/main/h/hello/hello_1.0_amd64.deb"
    );
    assert!(world.failure(settings).contains("it was never fetched"));
}

#[test]
fn a_mirrors_password_is_in_no_error() {
    let world = World::new();
    let mut settings = world.settings();
    let address = world
        .server
        .url("/debian")
        .replace("http://", "http://me:s3cret@");
    settings.mirror = Some(address.parse().expect("url"));
    world.server.fault(INRELEASE, Fault::Status(403, None));
    let outcome = world.open(settings).snapshot("trixie", "amd64", &Silent);
    let error = outcome.map(|_| ()).expect_err("refused");
    assert!(!format!("{error:?} {}", world.told(&error)).contains("s3cret"));
    let log = world.server.take_log();
    assert!(
        log.iter()
            .any(|hit| hit.headers.contains_key("authorization"))
    );
}
