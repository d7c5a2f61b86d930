//! What dpkg itself says: the order of versions, and what is in a package that `dpkg-deb` built.

use std::cmp::Ordering;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use daruma::debian::{Deb, Version};

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Pairs that have gone wrong somewhere, in either order.
const PAIRS: &[(&str, &str)] = &[
    ("1.0", "1.0-0"),
    ("0:1", "1"),
    ("1.0~rc1", "1.0"),
    ("1.0~~", "1.0~"),
    ("1.0a", "1.0+"),
    ("1.0.", "1.0"),
    ("1-1-1", "1-1"),
    ("1:2:3-4", "1:2-4"),
    ("00001", "1"),
    ("1.2.3", "1.2.03"),
    ("20240101", "99999999999999999999999"),
    ("2.41-12+deb13u1", "2.41-12"),
    ("5.40.1-6", "5.40.1-6+b1"),
    ("1.0-1~bpo12+1", "1.0-1"),
];

const RANDOM_PAIRS: usize = 2_000;

/// Short versions over few letters, so that parts are often equal.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("small")
    }

    fn version(&mut self) -> String {
        let mut text = String::new();
        if self.below(5) == 0 {
            text += ["0:", "1:", "00:"][self.below(3)];
        }
        text.push(char::from(
            b'0' + u8::try_from(self.below(3)).expect("small"),
        ));
        for _ in 0..self.below(6) {
            text.push(char::from(b"0019.+~abZ"[self.below(10)]));
        }
        if self.below(3) == 0 {
            text.push('-');
            for _ in 0..=self.below(3) {
                text.push(char::from(b"019.+~ab"[self.below(8)]));
            }
        }
        text
    }
}

#[test]
fn versions_are_ordered_as_dpkg_orders_them() {
    if !has("dpkg") {
        return println!("skipped: there is no dpkg");
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut pairs: Vec<(String, String)> = PAIRS
        .iter()
        .flat_map(|(a, b)| [(*a, *b), (*b, *a)])
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect();
    pairs.extend((0..RANDOM_PAIRS).map(|_| (random.version(), random.version())));
    let lines: String = pairs.iter().map(|(a, b)| claim(a, b)).collect();
    // One shell for all pairs: it says each claim that dpkg denies.
    let script =
        "while read a op b; do dpkg --compare-versions $a $op $b || echo \"$a $op $b\"; done";
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let mut input = shell.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = shell.wait_with_output().expect("sh ends");
    writer.join().expect("no panic").expect("sh reads");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

fn claim(a: &str, b: &str) -> String {
    let version = |text: &str| -> Version { text.parse().expect("a version") };
    let operator = match version(a).cmp(&version(b)) {
        Ordering::Less => "lt",
        Ordering::Equal => "eq",
        Ordering::Greater => "gt",
    };
    format!("{a} {operator} {b}\n")
}

#[test]
fn packages_that_dpkg_deb_builds_are_read_as_it_reads_them() {
    if !has("dpkg-deb") {
        return println!("skipped: there is no dpkg-deb");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let tree = dir.path().join("tree");
    write(&tree.join("DEBIAN/control"), CONTROL);
    write(&tree.join("DEBIAN/conffiles"), "/etc/aa.conf\n");
    write(&tree.join("etc/aa.conf"), "x = 1\n");
    write(&tree.join("usr/share/aa"), &"some text\n".repeat(50_000));
    for compression in ["none", "gzip", "xz", "zstd"] {
        let file = dir.path().join(format!("{compression}.deb"));
        let built = Command::new("dpkg-deb")
            .args(["--root-owner-group", &format!("-Z{compression}"), "--build"])
            .args([&tree, &file])
            .output()
            .expect("dpkg-deb starts");
        if !built.status.success() {
            println!("skipped: this dpkg-deb knows no {compression}");
            continue;
        }
        let theirs = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(&file)
            .output();
        let package = Deb::parse(fs_err::File::open(&file).expect("a file")).expect("a package");
        assert_eq!(
            package.stanza().get("version"),
            Some("1:2.0-3"),
            "{compression}"
        );
        assert_eq!(package.stanza().to_string(), CONTROL, "{compression}");
        let (control, mut data) = package.into_parts();
        assert_eq!(control.text("conffiles").as_deref(), Some("/etc/aa.conf\n"));
        let mut tar = Vec::new();
        data.read_to_end(&mut tar).expect("data");
        assert!(
            tar == theirs.expect("dpkg-deb starts").stdout,
            "{compression}"
        );
    }
}

const CONTROL: &str = "Package: aa\nVersion: 1:2.0-3\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: short\n long\n .\n text\n";

fn write(path: &Path, text: &str) {
    fs_err::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs_err::write(path, text).expect("a file");
}
