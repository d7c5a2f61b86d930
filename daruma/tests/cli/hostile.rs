//! Archives and mirrors that lie: each a clear error, nothing stored, and the next build with the truth succeeds.

use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::Signal;
use testkit::{Deb, Fault, Key, Outcome, Place};

use crate::background::{Background, nothing_is_left};
use crate::shop::Shop;
use crate::store;

const INDEX: &str = "by-hash/SHA256/";

/// A failed build: the error alone, after a look at what was kept.
fn refused(shop: &Shop) -> Outcome {
    let outcome = shop.run(&["build", "-q"]);
    assert!(!outcome.status.success(), "{outcome}");
    let stored = [
        store::blobs(&shop.bench.cache()),
        shop.bench.files("cache/debs").len(),
    ];
    assert_eq!(stored, [0, 0], "something was stored:\n{outcome}");
    assert!(!shop.lock().exists(), "the lock was written");
    outcome
}

/// The truth again: a good build.
fn healed(shop: &Shop) {
    shop.world.server.heal();
    shop.world.publish();
    shop.build();
    store::verify(&shop.bench.cache());
    assert_eq!(
        store::leftovers(&shop.bench.cache()),
        Vec::<std::path::PathBuf>::new()
    );
    nothing_is_left(&shop.bench);
}

/// The bytes at `path` with one bit changed in the middle.
fn tampered(shop: &Shop, path: &str) -> Vec<u8> {
    let mut bytes = shop.world.server.get(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

fn path_of(shop: &Shop, part: &str) -> String {
    shop.world
        .server
        .paths(part)
        .first()
        .expect("a path")
        .clone()
}

#[test]
fn a_tampered_inrelease() {
    let Some(shop) = Shop::open() else { return };
    let path = shop.world.inrelease(Place::Main);
    shop.world.server.put(&path, tampered(&shop, &path));
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot trust http://[MIRROR]/debian/dists/trixie/InRelease
      caused by: cannot trust the message: the signature of [DIGEST] is false, so the text was changed
    ");
    healed(&shop);
}

#[test]
fn an_index_signed_by_a_stranger() {
    let Some(mut shop) = Shop::open() else { return };
    shop.world.sign_with(Key::sound(8));
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot trust http://[MIRROR]/debian/dists/trixie/InRelease
      caused by: cannot trust the message: key [DIGEST]: the key is not in any keyring
    ");
    shop.world.sign_with(Key::sound(7));
    healed(&shop);
}

#[test]
fn an_index_of_something_else() {
    let Some(shop) = Shop::open() else { return };
    let other = shop
        .world
        .server
        .get(&shop.world.inrelease(Place::Security))
        .expect("a file");
    shop.world
        .server
        .put(&shop.world.inrelease(Place::Main), other);
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot use http://[MIRROR]/debian/dists/trixie/InRelease: it is `Debian` `Debian-Security` trixie-security (trixie-security), `Debian` `Debian` trixie was asked for
    ");
    healed(&shop);
}

#[test]
fn an_expired_index_is_taken_only_if_told() {
    let Some(mut shop) = Shop::open() else { return };
    shop.world.field(
        Place::Security,
        "Valid-Until",
        "Sat, 08 Nov 2025 10:00:00 UTC",
    );
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot use http://[MIRROR]/debian-security/dists/trixie-security/InRelease: it expired on 2025-11-08T10:00:00Z; the mirror is behind, or somebody holds newer indexes back. Name another mirror with DARUMA_DEBIAN_MIRROR, or accept it with --allow-expired
    ");
    assert_snapshot!(shop.run(&["build", "-q", "--allow-expired"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    warning: the trixie-security index expired on 2025-11-08T10:00:00Z
    ");
}

#[test]
fn an_index_older_than_one_already_seen_is_taken_only_if_told() {
    let Some(mut shop) = Shop::open() else { return };
    shop.build();
    shop.world
        .field(Place::Main, "Date", "Sat, 25 Oct 2025 10:00:00 UTC");
    fs_err::remove_file(shop.lock()).expect("removed");
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot use http://[MIRROR]/debian/dists/trixie/InRelease: it is of 2025-10-25T10:00:00Z, and one of 2025-11-01T10:00:00Z was seen already. Name another mirror with DARUMA_DEBIAN_MIRROR, or accept it with --allow-rollback
    ");
    assert!(!shop.lock().exists(), "the lock was written");
    assert_snapshot!(shop.run(&["build", "-q", "--allow-rollback"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    warning: the trixie index is of 2025-10-25T10:00:00Z, older than one of 2025-11-01T10:00:00Z
    ");
}

#[test]
fn a_tampered_index_of_packages() {
    let Some(shop) = Shop::open() else { return };
    for path in shop.world.server.paths(INDEX) {
        shop.world.server.put(&path, tampered(&shop, &path));
    }
    assert_snapshot!(shop.bench.filtered(&first_cause(&refused(&shop))), @"
    error: cannot read the archive
      caused by: cannot accept http://[MIRROR]/debian/dists/trixie/main/binary-amd64/Packages.gz: it is not the file that InRelease lists
    ");
    healed(&shop);
}

/// The error without what depends on which of several pockets failed first.
fn first_cause(outcome: &Outcome) -> String {
    outcome
        .stderr
        .replace("-updates", "")
        .replace("-security", "")
}

#[test]
fn a_tampered_package() {
    let Some(shop) = Shop::open() else { return };
    let path = path_of(&shop, "/tzdata/");
    shop.world.server.put(&path, tampered(&shop, &path));
    let outcome = shop.run(&["build", "-q"]);
    assert_snapshot!(outcome, @"
    exit code 1
    --- stderr
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: cannot fetch pool/main/t/tzdata/tzdata_2025b-4_amd64.deb
      caused by: cannot accept http://[MIRROR]/debian/pool/main/t/tzdata/tzdata_2025b-4_amd64.deb: its sha256 is [DIGEST], [DIGEST] was expected
    ");
    let debs = shop.bench.files("cache/debs");
    let bad = testkit::sha256(&shop.world.server.get(&path).expect("a file"));
    assert!(
        debs.values().all(|bytes| testkit::sha256(bytes) != bad),
        "it was stored"
    );
    healed(&shop);
}

#[test]
fn mirrors_that_lie_and_break() {
    let Some(shop) = Shop::open() else { return };
    let inrelease = shop.world.inrelease(Place::Main);
    let around = Fault::Redirect(shop.world.server.url(&inrelease));
    shop.world.server.fault(&inrelease, around);
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: more than 5 redirects
    ");
    shop.world
        .server
        .fault(&inrelease, Fault::Status(404, None));
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: the server answered 404
    ");
    shop.world
        .server
        .fault(&inrelease, Fault::Status(503, Some("3600")));
    assert_snapshot!(refused(&shop), @"
    exit code 75
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: the server answered 503
    hint: check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL
    ");
    shop.world.server.fault(&inrelease, Fault::Length(1 << 40));
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: it is larger than 16777216 bytes
    ");
    shop.world.server.fault(&inrelease, Fault::CutAfter(100));
    assert_snapshot!(refused(&shop), @"
    exit code 75
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: the connection was cut after 100 bytes
    hint: check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL
    ");
    shop.world.server.fault(
        &inrelease,
        Fault::Instead(b"<html>Please log in</html>".to_vec()),
    );
    assert_snapshot!(refused(&shop), @"
    exit code 1
    --- stderr
    error: cannot read the archive
      caused by: cannot trust http://[MIRROR]/debian/dists/trixie/InRelease
      caused by: cannot read the signed message: it does not begin as a signed message
      caused by: it does not begin as a signed message
    ");
    healed(&shop);
}

#[test]
fn packages_that_come_in_pieces_or_in_the_wrong_size() {
    let Some(mut shop) = Shop::open() else { return };
    let path = path_of(&shop, "/perl-base/");
    let size = shop.world.server.get(&path).expect("a file").len();
    shop.bench = shop.bench.hide(&size.to_string(), "[SIZE]");
    shop.world.server.fault(&path, Fault::CutAfter(1_000));
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 75
    --- stderr
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: cannot fetch pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb
      caused by: cannot get http://[MIRROR]/debian/pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb: the connection was cut after 1000 bytes
    hint: check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL
    ");
    shop.world
        .server
        .fault(&path, Fault::Instead(b"short".to_vec()));
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 1
    --- stderr
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: cannot fetch pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb
      caused by: cannot get http://[MIRROR]/debian/pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb: the server has 5 bytes, [SIZE] were expected
    ");
    shop.world.server.fault(&path, Fault::Status(404, None));
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 1
    --- stderr
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: the archive no longer has pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb. Remove daruma.lock to resolve again
    ");
    // Broken twice, and then whole: the rest is asked for, and nobody hears of it.
    shop.world
        .server
        .fault_times(&path, Fault::CutAfter(100_000), 2);
    shop.run(&["build"]).success();
    healed(&shop);
}

#[test]
fn a_mirror_that_hangs_once_is_asked_again_and_ctrl_c_ends_the_wait() {
    let Some(shop) = Shop::open() else { return };
    let inrelease = shop.world.inrelease(Place::Main);
    shop.world.server.fault(&inrelease, Fault::Hang);
    let build = Background::start(&shop.bench, &["build"]);
    crate::background::until("the question", || shop.world.server.count("InRelease") >= 3);
    build.signal(Signal::INT);
    assert_eq!(build.end().code(), 130);
    nothing_is_left(&shop.bench);
    assert!(!shop.lock().exists(), "the lock was written");
    shop.world.server.fault_times(&inrelease, Fault::Hang, 1);
    shop.build();
    healed(&shop);
}

#[test]
fn a_mirror_that_hangs_for_ever_is_given_up() {
    let Some(mut shop) = Shop::open() else { return };
    shop.bench = shop.bench.env("DARUMA_HTTP_TIMEOUT", "1");
    let inrelease = shop.world.inrelease(Place::Main);
    shop.world.server.fault(&inrelease, Fault::Hang);
    assert_snapshot!(refused(&shop), @"
    exit code 75
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: no answer within 1 s
    hint: check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL
    ");
    shop.world.server.fault(&inrelease, Fault::HangAfter(50));
    assert_snapshot!(refused(&shop), @"
    exit code 75
    --- stderr
    error: cannot read the archive
      caused by: cannot fetch from the archive
      caused by: cannot get http://[MIRROR]/debian/dists/trixie/InRelease: no more bytes within 1 s
    hint: check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL
    ");
    shop.world.server.heal();
    let path = path_of(&shop, "/perl-base/");
    shop.world.server.fault(&path, Fault::HangAfter(1_000));
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 75
    --- stderr
    error: step 3 (runner image) failed
      caused by: cannot fetch the runner's packages
      caused by: cannot fetch pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb
      caused by: cannot get http://[MIRROR]/debian/pool/main/p/perl-base/perl-base_5.40.1-6_amd64.deb: no more bytes within 1 s
    hint: check the network and http_proxy, or name another mirror: daruma build --debian-mirror URL
    ");
    healed(&shop);
    fs_err::remove_file(shop.lock()).expect("removed");
    shop.bench = shop.bench.env("DARUMA_HTTP_TIMEOUT", "soon");
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 1
    --- stderr
    error: cannot use the archive
      caused by: cannot fetch from the archive
      caused by: cannot use DARUMA_HTTP_TIMEOUT=soon: it must be a whole number of seconds, at least 1
    ");
}

#[test]
fn a_slow_mirror_is_no_error() {
    let Some(shop) = Shop::open() else { return };
    let path = path_of(&shop, "/tzdata/");
    shop.world
        .server
        .fault(&path, Fault::Slow(64, Duration::from_millis(5)));
    shop.build();
    healed(&shop);
}

#[test]
#[expect(clippy::too_many_lines, reason = "the messages are the test")]
fn hostile_packages_are_refused_by_name() {
    let Some(mut shop) = Shop::open() else { return };
    let first = shop.build();
    let lock = fs_err::read(shop.lock()).expect("the lock");
    let blobs = store::blobs(&shop.bench.cache());
    let mut told = String::new();
    shop.declare("[runner]\npackages = [\"hostile\"]\n");
    for (what, bytes) in testkit::deb::hostile(80 << 20) {
        shop.world
            .add(Place::Main, Deb::new("hostile", "1").instead(bytes));
        fs_err::write(shop.lock(), &lock).expect("the lock as it was");
        let outcome = shop.run(&["build", "-q"]).failure(1);
        told += &format!("# {what}\n{}", shop.bench.filtered(&outcome.stderr));
        assert_eq!(
            store::blobs(&shop.bench.cache()),
            blobs,
            "{what}: something was stored"
        );
        shop.world.withdraw("hostile");
    }
    assert_snapshot!(told, @"
    # path traversal
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot accept a name in the tar header at byte 512
      caused by: `../../etc/owned` leads out of the tree
    # traversal in the middle
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot accept a name in the tar header at byte 512
      caused by: `usr/../../owned` leads out of the tree
    # absolute path
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot accept a name in the tar header at byte 512
      caused by: `/etc/owned` is absolute
    # write through a symbolic link
    error: step 3 (runner image) failed
      caused by: cannot put the packages together
      caused by: cannot unpack `hostile`: /up/owned lies below /up, which is no directory
    # hard link out of the package
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot accept a name in the tar header at byte 512
      caused by: `/etc/passwd` is absolute
    # hard link upwards
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot accept a name in the tar header at byte 512
      caused by: `../../etc/passwd` leads out of the tree
    # character device
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot accept `dev/kmsg` from the archive: it is a device
    # duplicate path
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: it ships /a twice
    # file below a file
    error: step 3 (runner image) failed
      caused by: cannot put the packages together
      caused by: cannot unpack `hostile`: /a/b lies below /a, which is no directory
    # bomb
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot read the data of `zeros`
      caused by: cannot decompress the package's data.tar
      caused by: it grows more than 1,000 times
    # cut in the data
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: its data is damaged or hostile
      caused by: cannot read the archive at byte 1395
      caused by: cannot read the package: a member ends early
    # cut in the control
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: cannot read the package: a member's header is damaged
    # no package at all
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: cannot read the package: it ends before its last member
    # wrong magic
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: cannot read the package: it does not start like an `ar` archive
    # no data member
    error: step 3 (runner image) failed
      caused by: cannot use the package hostile 1
      caused by: cannot read the package: it ends before its last member
    ");
    shop.declare("");
    fs_err::write(shop.lock(), lock).expect("the lock");
    assert_eq!(shop.build(), first);
    healed(&shop);
}
