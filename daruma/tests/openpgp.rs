//! Who may sign: keys sound and unsound, and the same answers as gpgv wherever we say yes.

#![allow(clippy::print_stderr)] // A test that skips says so.

use std::path::Path;
use std::process::Command;

use daruma::archive::openpgp::{Keyring, Verified, VerifyError, verify};
use pgp::crypto::hash::HashAlgorithm;
use testkit::key::{Algorithm, Subkey};
use testkit::{Key, KeySpec};

const TEXT: &str = "Origin: Debian\nSuite: trixie\n- dashed\nFrom here\n\nlast";

/// 2025-01-01.
const NOW: u64 = 1_735_689_600;

/// A day before.
const SIGNED: u32 = 1_735_603_200;

fn spec() -> KeySpec {
    KeySpec {
        signed_at: Some(SIGNED),
        ..KeySpec::default()
    }
}

fn ring(key: &Key) -> Keyring {
    let mut keyring = Keyring::default();
    keyring.add(&key.public()).expect("a certificate");
    keyring
}

fn verdict(spec: KeySpec) -> Result<Verified, VerifyError> {
    let key = Key::make(spec);
    verify(key.clearsign(TEXT).as_bytes(), &ring(&key), None, NOW)
}

#[test]
fn sound_keys_count() {
    for spec in [
        spec(),
        KeySpec {
            subkey: Subkey::Sound,
            ..spec()
        },
        KeySpec {
            hash: HashAlgorithm::Sha512,
            self_hash: HashAlgorithm::Sha512,
            ..spec()
        },
        KeySpec {
            algorithm: Algorithm::Rsa(2048),
            ..spec()
        },
        KeySpec {
            expires: Some(10 * 365 * 24 * 3600),
            ..spec()
        },
        KeySpec {
            signs: false,
            subkey: Subkey::Sound,
            ..spec()
        },
    ] {
        let key = Key::make(spec.clone());
        let verified =
            verify(key.clearsign(TEXT).as_bytes(), &ring(&key), None, NOW).expect("counts");
        assert_eq!(verified.text, format!("{TEXT}\n"));
        assert_eq!(
            verified
                .signers
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [key.fingerprint()]
        );
    }
}

#[test]
#[allow(clippy::too_many_lines)] // One table.
fn unsound_keys_do_not_count_and_it_is_said_why() {
    let year = 365 * 24 * 3600;
    for (spec, expected) in [
        (
            KeySpec {
                expires: Some(year),
                ..spec()
            },
            "the key has expired",
        ),
        (
            KeySpec {
                revoked: true,
                ..spec()
            },
            "the key is revoked",
        ),
        (
            KeySpec {
                revoked: true,
                subkey: Subkey::Sound,
                ..spec()
            },
            "the key is revoked",
        ),
        (
            KeySpec {
                signs: false,
                ..spec()
            },
            "the key is not for signing",
        ),
        (
            KeySpec {
                subkey: Subkey::NotForSigning,
                ..spec()
            },
            "the key is not for signing",
        ),
        (
            KeySpec {
                subkey: Subkey::NoBackSignature,
                ..spec()
            },
            "the key is not bound to its certificate",
        ),
        (
            KeySpec {
                subkey: Subkey::BoundByStranger,
                ..spec()
            },
            "the key is not bound to its certificate",
        ),
        (
            KeySpec {
                subkey: Subkey::Revoked,
                ..spec()
            },
            "the key is revoked",
        ),
        (
            KeySpec {
                subkey: Subkey::Expired,
                ..spec()
            },
            "the key has expired",
        ),
        (
            KeySpec {
                algorithm: Algorithm::Rsa(1024),
                ..spec()
            },
            "the key is too weak",
        ),
        (
            KeySpec {
                hash: HashAlgorithm::Sha1,
                algorithm: Algorithm::Rsa(2048),
                ..spec()
            },
            "the hash algorithm is too weak",
        ),
        (
            KeySpec {
                self_hash: HashAlgorithm::Sha1,
                algorithm: Algorithm::Rsa(2048),
                ..spec()
            },
            "the hash algorithm is too weak",
        ),
        (
            KeySpec {
                signature_expires: Some(3600),
                ..spec()
            },
            "the signature has expired",
        ),
        (
            KeySpec {
                signed_at: Some(SIGNED + 7 * 86_400),
                ..spec()
            },
            "the signature's date cannot be right",
        ),
        (
            KeySpec {
                created: SIGNED + 3600,
                ..spec()
            },
            "the signature's date cannot be right",
        ),
    ] {
        let error = verdict(spec.clone())
            .expect_err("does not count")
            .to_string();
        assert!(error.ends_with(expected), "{spec:?}: {error}");
    }
}

#[test]
fn a_revocation_found_in_one_keyring_counts_for_all() {
    let (sound, revoked) = (
        Key::make(spec()),
        Key::make(KeySpec {
            revoked: true,
            ..spec()
        }),
    );
    assert_eq!(sound.fingerprint(), revoked.fingerprint());
    for order in [[&sound, &revoked], [&revoked, &sound]] {
        let mut keyring = ring(order[0]);
        keyring
            .add(order[1].public_armored().as_bytes())
            .expect("added");
        assert_eq!(keyring.len(), 1);
        let error =
            verify(sound.clearsign(TEXT).as_bytes(), &keyring, None, NOW).expect_err("revoked");
        assert!(error.to_string().ends_with("the key is revoked"), "{error}");
    }
}

#[test]
fn one_good_signature_is_enough_but_a_false_one_spoils_all() {
    let keys = [1, 2, 3].map(|seed| Key::make(KeySpec { seed, ..spec() }));
    let message = Key::clearsign_by(&[&keys[0], &keys[1]], TEXT);
    assert!(verify(message.as_bytes(), &ring(&keys[1]), None, NOW).is_ok());
    let error = verify(message.as_bytes(), &ring(&keys[2]), None, NOW).expect_err("strangers");
    assert_eq!(
        error.to_string().matches("not in any keyring").count(),
        2,
        "{error}"
    );
    let changed = message.replace("trixie", "trixip");
    assert!(matches!(
        verify(changed.as_bytes(), &ring(&keys[1]), None, NOW),
        Err(VerifyError::False(_))
    ));
    let pinned = [keys[0].fingerprint().parse().expect("fingerprint")];
    assert!(verify(message.as_bytes(), &ring(&keys[1]), Some(&pinned), NOW).is_err());
}

/// What gpgv says: its output where it found a good signature and no bad one.
fn gpgv(dir: &Path, keyring: &Path, message: &[u8]) -> Option<String> {
    let (file, out) = (dir.join("message"), dir.join("out"));
    std::fs::write(&file, message).expect("written");
    let _ = std::fs::remove_file(&out);
    let run = Command::new("gpgv")
        .args(["--status-fd", "1", "--keyring"])
        .arg(keyring)
        .arg("--output")
        .arg(&out)
        .arg(&file)
        .output()
        .expect("gpgv runs");
    let status = String::from_utf8_lossy(&run.stdout).into_owned();
    let good = status.contains("[GNUPG:] GOODSIG") && status.contains("[GNUPG:] VALIDSIG");
    let bad = ["BADSIG", "NODATA", "UNEXPECTED"]
        .iter()
        .any(|word| status.contains(&format!("[GNUPG:] {word}")));
    (good && !bad).then(|| std::fs::read_to_string(&out).unwrap_or_default())
}

/// Text as both should see it: gpgv keeps blanks at line ends that nobody signed.
fn plain(text: &str) -> Vec<&str> {
    text.trim_end_matches('\n')
        .lines()
        .map(|line| line.trim_end_matches([' ', '\t']))
        .collect()
}

/// Variants of a signed message: flipped bits everywhere, and rearrangements by name.
fn variants(message: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = message.as_bytes();
    let mut found = vec![("as it is".to_owned(), bytes.to_vec())];
    let armor = message.find("-----BEGIN PGP SIGNATURE").expect("armor");
    let tail = bytes.len() - armor;
    let spread = (0..60)
        .map(|n| n * armor / 60)
        .chain((0..140).map(|n| armor + n * tail / 140))
        .chain(0..60);
    for (n, at) in spread.enumerate() {
        let mut changed = bytes.to_vec();
        changed[at] ^= 1 << (n % 8);
        found.push((format!("bit {} of byte {at}", n % 8), changed));
    }
    for n in 1..20 {
        found.push((
            format!("cut at {n}/20"),
            bytes[..bytes.len() * n / 20].to_vec(),
        ));
    }
    let body_end = armor;
    let (head, signature) = message.split_at(body_end);
    let named: [(&str, String); 18] = [
        ("text before", format!("Origin: Evil\n{message}")),
        ("text after", format!("{message}Origin: Evil\n")),
        ("blank line after", format!("{message}\n\n")),
        ("blank line before", format!("\n{message}")),
        ("twice", format!("{message}{message}")),
        ("CR LF", message.replace('\n', "\r\n")),
        ("CR LF in the text", head.replace('\n', "\r\n") + signature),
        (
            "blanks at line ends",
            head.replace("\nSuite", " \t\nSuite") + signature,
        ),
        (
            "escaped dash",
            message.replacen("\nOrigin", "\n- Origin", 1),
        ),
        (
            "unescaped dash",
            message.replacen("\nOrigin", "\n-Origin", 1),
        ),
        ("no hash header", message.replacen("Hash: SHA256\n", "", 1)),
        (
            "other hash header",
            message.replacen("Hash: SHA256", "Hash: SHA512", 1),
        ),
        (
            "two hash headers",
            message.replacen("Hash: SHA256\n", "Hash: SHA512\nHash: SHA256\n", 1),
        ),
        (
            "unknown header",
            message.replacen("Hash: SHA256\n", "Hash: SHA256\nCharset: x\n", 1),
        ),
        (
            "text as header",
            message.replacen("Hash: SHA256\n\n", "Hash: SHA256\n", 1),
        ),
        ("form feed", message.replacen("\nSuite", "\n\u{c}Suite", 1)),
        ("no armor", head.to_owned()),
        (
            "empty armor",
            format!("{head}-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"),
        ),
    ];
    found.extend(named.map(|(name, text)| (name.to_owned(), text.into_bytes())));
    found
}

/// Accepting what gpgv refuses, or reading another text than gpgv, fails. Returns how many variants were tried and accepted.
fn compare(message: &str, keyring: &Keyring, file: &Path, now: u64) -> (usize, usize) {
    let dir = tempfile::tempdir().expect("tempdir");
    let (mut tried, mut accepted) = (0, 0);
    for (name, variant) in variants(message) {
        tried += 1;
        let Ok(ours) = verify(&variant, keyring, None, now) else {
            continue;
        };
        accepted += 1;
        let theirs = gpgv(dir.path(), file, &variant);
        let theirs = theirs.unwrap_or_else(|| panic!("{name}: gpgv refuses what we accept"));
        assert_eq!(plain(&ours.text), plain(&theirs), "{name}");
    }
    (tried, accepted)
}

fn gpgv_is_here() -> bool {
    let here = Command::new("gpgv").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: no gpgv");
    }
    here
}

#[test]
fn gpgv_accepts_what_we_accept_of_a_made_message() {
    if !gpgv_is_here() {
        return;
    }
    let key = Key::make(KeySpec {
        subkey: Subkey::Sound,
        ..KeySpec::default()
    });
    let dir = tempfile::tempdir().expect("tempdir");
    let file = dir.path().join("keyring.gpg");
    std::fs::write(&file, key.public()).expect("written");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("now")
        .as_secs();
    let (tried, accepted) = compare(&key.clearsign(TEXT), &ring(&key), &file, now);
    assert!(tried >= 200 && accepted >= 2, "{accepted} of {tried}");
}

#[test]
fn gpgv_accepts_what_we_accept_of_debians_own() {
    let file = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    if !gpgv_is_here() || !file.exists() {
        eprintln!("skipped: no gpgv or no Debian keyring");
        return;
    }
    let Some(message) = debian_inrelease() else {
        eprintln!("skipped: no Debian mirror in the host's apt configuration");
        return;
    };
    let keyring = Keyring::embedded();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("now")
        .as_secs();
    let (tried, accepted) = compare(&message, &keyring, file, now);
    assert!(tried >= 200 && accepted >= 2, "{accepted} of {tried}");
}

/// trixie's `InRelease` through the host's apt configuration.
fn debian_inrelease() -> Option<String> {
    let host = daruma::archive::sources::HostApt::read(Path::new("/"));
    let settings = host.apply(daruma::http::Settings::from_env().ok()?).ok()?;
    let client = daruma::http::Client::new(settings);
    host.sources.iter().find_map(|source| {
        let base: daruma::http::Url = source.uri.parse().ok()?;
        let request = daruma::http::Request::get(base.child("dists/trixie/InRelease"));
        String::from_utf8(client.fetch(&request, 16 << 20).ok()?.bytes).ok()
    })
}
