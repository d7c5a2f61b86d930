//! Round trips, a golden archive, and GNU tar as a second opinion.

mod hostile;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::{BLOCK, Data, Devices, End, Limits, Reader, TarError, Writer};
use crate::tree::{Entry, Meta, Node, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::try_from(text).expect("valid")
}

fn entry(name: &str, node: Node<u64>) -> Entry<u64> {
    let meta = Meta {
        mode: 0o644,
        mtime: 1_700_000_000,
        ..Meta::default()
    };
    Entry {
        path: path(name),
        meta,
        node,
    }
}

fn archive(entries: &[(Entry<u64>, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, data) in entries {
        writer.append(entry, *data).expect("fits");
    }
    writer.finish().expect("memory")
}

/// An entry and its data.
type Whole = (Entry<u64>, Vec<u8>);

fn read_all(bytes: &[u8], limits: Limits) -> Result<Vec<Whole>, TarError> {
    let mut reader = Reader::new(bytes, limits);
    let mut all = Vec::new();
    while let Some((entry, mut data)) = reader.next_entry()? {
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes)
            .map_err(|source| TarError::Read { offset: 0, source })?;
        all.push((entry, bytes));
    }
    Ok(all)
}

/// One of everything that the writer can say.
fn everything() -> Vec<(Entry<u64>, &'static [u8])> {
    let long = format!("d/{}/{}", "x".repeat(120), "y".repeat(200));
    let mut capable = entry("bin/ping", Node::File(3));
    capable.meta.mode = 0o4755;
    let value = b"\x01\0\0\x02\n=\xff".to_vec();
    capable
        .meta
        .xattrs
        .insert("security.capability".to_owned(), value);
    let mut old = entry("old", Node::File(0));
    old.meta.mtime = -5;
    let mut owned = entry("owned", Node::File(0));
    (owned.meta.uid, owned.meta.gid) = (4_000_000_000, 1000);
    let mut bytes = entry("x", Node::Symlink(b"to/\xff\xfe".to_vec()));
    bytes.path = TreePath::new(b"latin-\xe9").expect("valid");
    vec![
        (entry("d", Node::Dir), b""),
        (entry(&long, Node::File(5)), b"hello"),
        (
            entry(&format!("{}/{}", "p".repeat(90), "q".repeat(90)), Node::Dir),
            b"",
        ),
        (capable, b"abc"),
        (
            entry("link", Node::Symlink("t".repeat(150).into_bytes())),
            b"",
        ),
        (entry("hard", Node::Hardlink(path(&long))), b""),
        (bytes, b""),
        (old, b""),
        (owned, b""),
        (entry("null", Node::CharDevice(1, 3)), b""),
        (entry("disk", Node::BlockDevice(259, 300_000)), b""),
        (entry("pipe", Node::Fifo), b""),
    ]
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let all = everything();
    let read = read_all(&archive(&all), Limits::default()).expect("valid");
    assert_eq!(read.len(), all.len());
    for ((entry, data), (read, bytes)) in all.iter().zip(&read) {
        assert_eq!((entry, *data), (read, bytes.as_slice()));
    }
}

#[test]
fn the_bytes_of_an_archive_never_change() {
    use sha2::{Digest, Sha256};
    let digest = hex::encode(Sha256::digest(archive(&everything())));
    insta::assert_snapshot!(digest, @"41ad1001804682f1a92edb381d28eaee259a626ca05863cb9d54f42716fd198b");
}

#[test]
fn an_entry_that_fits_is_one_plain_header() {
    let bytes = archive(&[(entry("etc/hostname", Node::File(2)), b"a\n")]);
    assert_eq!(bytes.len(), 4 * BLOCK);
    let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&bytes[range]).into_owned();
    let fields = [
        text(0..13),
        text(100..108),
        text(108..116),
        text(124..136),
        text(136..148),
        text(156..157),
        text(257..265),
        text(265..329).replace('\0', ""),
    ];
    insta::assert_debug_snapshot!(fields, @r#"
    [
        "etc/hostname\0",
        "0000644\0",
        "0000000\0",
        "00000000002\0",
        "14524770400\0",
        "0",
        "ustar\000",
        "",
    ]
    "#);
}

#[test]
fn members_are_concatenated_into_an_archive() {
    let member = |name| {
        let mut writer = Writer::new(Vec::new());
        let file = entry(name, Node::File(1));
        writer.append(&file, &b"x"[..]).expect("fits");
        writer.finish_member().expect("memory")
    };
    let end = Writer::new(Vec::new()).finish().expect("memory");
    let all = read_all(&[member("a"), member("b"), end].concat(), Limits::package());
    let names: Vec<_> = all
        .expect("valid")
        .iter()
        .map(|(e, _)| e.path.to_string())
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_file_that_is_longer_or_shorter_than_said_is_an_error() {
    for data in [&b"abc"[..], b"abcde"] {
        let mut writer = Writer::new(Vec::new());
        let result = writer.append(&entry("f", Node::File(4)), data);
        assert!(
            matches!(result, Err(TarError::Size { expected: 4, .. })),
            "{result:?}"
        );
    }
}

#[test]
fn sizes_over_8_gib_are_written_and_read() {
    let mut head = Vec::new();
    let size = 9 << 30;
    super::write_header(&entry("big", Node::File(size)), &mut head).expect("fits");
    let mut reader = Reader::new(&head[..], Limits::default());
    let (entry, _) = reader.next_entry().expect("valid").expect("an entry");
    assert_eq!(entry.node, Node::File(size));
}

#[test]
fn gnu_tar_agrees() {
    let Some(listing) = gnu_tar(
        &["--numeric-owner", "--utc", "-tvf", "-"],
        &archive(&everything()),
    ) else {
        eprintln!("skipped: GNU tar is not here");
        return;
    };
    let text = String::from_utf8_lossy(&listing);
    let words: Vec<Vec<&str>> = text
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let shown: Vec<String> = words
        .iter()
        .map(|w| {
            format!(
                "{} {} {} {}",
                w[0],
                w[1],
                w[2],
                w[5].get(..20).unwrap_or(w[5])
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    drw-r--r-- 0/0 0 d/
    -rw-r--r-- 0/0 5 d/xxxxxxxxxxxxxxxxxx
    drw-r--r-- 0/0 0 pppppppppppppppppppp
    -rwsr-xr-x 0/0 3 bin/ping
    lrw-r--r-- 0/0 0 link
    hrw-r--r-- 0/0 0 hard
    lrw-r--r-- 0/0 0 latin-\351
    -rw-r--r-- 0/0 0 old
    -rw-r--r-- 4000000000/1000 0 owned
    crw-r--r-- 0/0 1,3 null
    brw-r--r-- 0/0 259,300000 disk
    prw-r--r-- 0/0 0 pipe
    ");
}

#[test]
fn archives_of_gnu_tar_are_read_in_each_of_its_formats() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let long = format!("{}/{}", "d".repeat(90), "e".repeat(150));
    let file = dir.path().join(&long);
    fs_err::create_dir_all(file.parent().expect("has one")).expect("new");
    fs_err::write(&file, "hello").expect("new");
    fs_err::os::unix::fs::symlink("t".repeat(140), dir.path().join("link")).expect("new");
    for format in ["gnu", "pax", "oldgnu"] {
        let root = dir.path().to_string_lossy().into_owned();
        let format_flag = format!("--format={format}");
        let Some(bytes) = gnu_tar(
            &["-C", &root, &format_flag, "--sort=name", "-cf", "-", "."],
            b"",
        ) else {
            eprintln!("skipped: GNU tar is not here");
            return;
        };
        let all = read_all(&bytes, Limits::package()).expect("valid");
        let (file, data) = &all[1];
        assert_eq!(
            (file.path.to_string(), &data[..]),
            (long.clone(), &b"hello"[..]),
            "{format}"
        );
        assert_eq!(
            all[2].0.node,
            Node::Symlink("t".repeat(140).into_bytes()),
            "{format}"
        );
    }
}

fn gnu_tar(args: &[&str], stdin: &[u8]) -> Option<Vec<u8>> {
    let version = Command::new("tar").arg("--version").output().ok()?;
    if !version.stdout.starts_with(b"tar (GNU tar)") {
        return None;
    }
    let mut child = Command::new("tar")
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tar starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(stdin)
        .expect("tar reads");
    let output = child.wait_with_output().expect("tar ends");
    assert!(output.status.success(), "{output:?}");
    Some(output.stdout)
}

#[test]
fn packages_have_no_devices_and_a_marked_end() {
    let device = archive(&[(entry("null", Node::CharDevice(1, 3)), b"")]);
    let refused = read_all(&device, Limits::package());
    assert!(
        matches!(refused, Err(TarError::Device { .. })),
        "{refused:?}"
    );
    let open = archive(&[(entry("f", Node::File(1)), b"x")]);
    let cut = read_all(&open[..2 * BLOCK], Limits::package());
    assert!(matches!(cut, Err(TarError::Truncated { .. })), "{cut:?}");
    assert!(read_all(&open[..2 * BLOCK], Limits::default()).is_ok());
}

#[test]
fn counts_are_limited() {
    let two = archive(&[
        (entry("a", Node::File(600)), &[1; 600]),
        (entry("b", Node::File(600)), &[2; 600]),
    ]);
    let limits = |entries, total_bytes| Limits {
        entries,
        total_bytes,
        devices: Devices::Refuse,
        end: End::Marked,
        ..Limits::default()
    };
    assert!(read_all(&two, limits(2, 1200)).is_ok());
    for limits in [limits(1, 1200), limits(2, 1199)] {
        let result = read_all(&two, limits);
        assert!(matches!(result, Err(TarError::Limit { .. })), "{result:?}");
    }
}

#[test]
fn data_that_nobody_reads_is_passed_over() {
    let two = archive(&[
        (entry("a", Node::File(1000)), &[1; 1000]),
        (entry("b", Node::File(1)), b"x"),
    ]);
    let mut reader = Reader::new(&two[..], Limits::default());
    let first = |data: Option<(Entry<u64>, Data<'_, &[u8]>)>| {
        let mut byte = [0; 1];
        let (entry, mut data) = data.expect("an entry");
        data.read_exact(&mut byte).expect("has data");
        (entry.path.to_string(), byte[0])
    };
    assert_eq!(
        first(reader.next_entry().expect("valid")),
        ("a".to_owned(), 1)
    );
    assert_eq!(
        first(reader.next_entry().expect("valid")),
        ("b".to_owned(), b'x')
    );
}
