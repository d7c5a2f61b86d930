use std::io::{Cursor, Write};

use super::*;

const CONTROL: &[u8] = b"Package: aa\nVersion: 1\nArchitecture: all\n";

/// An archive of members by name.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, data) in members {
        let size = data.len();
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
            0, 0, 0, 100_644
        );
        archive.extend(header.bytes());
        archive.extend_from_slice(data);
        archive.extend(std::iter::repeat_n(b'\n', size % 2));
    }
    archive
}

/// A tar of members by name, type and data.
fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, kind, data) in members {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000755\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = *kind;
        let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&header);
        tar.extend_from_slice(data);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

fn control() -> Vec<u8> {
    tar(&[
        ("./", b'5', b""),
        ("./control", b'0', CONTROL),
        ("./postinst", b'0', b"#!/bin/sh\n"),
    ])
}

fn compressed(suffix: &str, data: &[u8]) -> Vec<u8> {
    match suffix {
        ".gz" => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(data).expect("memory");
            encoder.finish().expect("memory")
        }
        ".xz" => {
            let mut out = Vec::new();
            let mut encoder = liblzma::read::XzEncoder::new(data, 1);
            encoder.read_to_end(&mut out).expect("memory");
            out
        }
        ".zst" => zstd::bulk::compress(data, 1).expect("memory"),
        _ => data.to_vec(),
    }
}

fn deb(control_suffix: &str, data_suffix: &str, data: &[u8]) -> Vec<u8> {
    ar(&[
        ("debian-binary", b"2.0\n"),
        (
            &format!("control.tar{control_suffix}"),
            &compressed(control_suffix, &control()),
        ),
        (
            &format!("data.tar{data_suffix}"),
            &compressed(data_suffix, data),
        ),
    ])
}

/// All of a package, or what is wrong with it, causes included.
fn whole(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let chain = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    };
    let (_, mut data) = Deb::parse(Cursor::new(bytes))
        .map_err(|e| chain(&e))?
        .into_parts();
    let mut out = Vec::new();
    match data.read_to_end(&mut out) {
        Ok(_) => Ok(out),
        Err(error) => Err(error
            .get_ref()
            .map_or_else(|| error.to_string(), |inner| chain(inner))),
    }
}

#[test]
fn every_compression_gives_the_same_package() {
    for control_suffix in ["", ".gz", ".xz", ".zst"] {
        for data_suffix in ["", ".gz", ".xz", ".zst"] {
            let bytes = deb(control_suffix, data_suffix, b"the data");
            assert_eq!(
                whole(&bytes).as_deref(),
                Ok(&b"the data"[..]),
                "{control_suffix} {data_suffix}"
            );
            let package = Deb::parse(&bytes[..]).expect("a package");
            assert_eq!(package.stanza().get("package"), Some("aa"));
            let members: Vec<_> = package.control().iter().map(|(n, f)| (n, f.mode)).collect();
            assert_eq!(members, [("control", 0o755), ("postinst", 0o755)]);
        }
    }
}

#[test]
fn later_minor_versions_and_members_to_be_skipped_are_taken() {
    let control = control();
    let bytes = ar(&[
        ("debian-binary", b"2.7\nmore\n"),
        ("_extra", b"odd"),
        ("control.tar/", &control),
        ("_gpg", b""),
        ("data.tar", b"x"),
        ("_gpgorigin", b"later"),
    ]);
    assert_eq!(whole(&bytes).as_deref(), Ok(&b"x"[..]));
}

#[test]
fn files_that_are_no_packages_are_refused_with_the_reason() {
    let version = |text: &[u8]| {
        ar(&[
            ("debian-binary", text),
            ("control.tar", &control()),
            ("data.tar", b""),
        ])
    };
    let good = deb("", "", b"data");
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "nothing",
            Vec::new(),
            "cannot read the package: it does not start like an `ar` archive",
        ),
        (
            "another file",
            b"#!/bin/sh\n and so on".to_vec(),
            "cannot read the package: it does not start like an `ar` archive",
        ),
        (
            "only the start",
            ar(&[]),
            "cannot read the package: it ends before its last member",
        ),
        (
            "another version",
            version(b"3.0\n"),
            "cannot read the package: its format is 3.0, not 2",
        ),
        (
            "no version",
            version(b"2\n"),
            "cannot read the package: its format is 2, not 2",
        ),
        (
            "members in another order",
            ar(&[
                ("debian-binary", b"2.0\n"),
                ("data.tar", b""),
                ("control.tar", b""),
            ]),
            "cannot read the package: its second member is `data.tar`, not `control.tar`",
        ),
        (
            "a compression that is not taken",
            ar(&[("debian-binary", b"2.0\n"), ("control.tar.bz2", b"")]),
            "cannot read the package: its second member is `control.tar.bz2`, not `control.tar`",
        ),
        (
            "no data",
            ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control())]),
            "cannot read the package: it ends before its last member",
        ),
        (
            "something behind the data",
            [&good[..], b"junk"].concat(),
            "cannot read the package: a member's header is damaged",
        ),
        (
            "data that is cut off",
            good[..good.len() - 2].to_vec(),
            "cannot read the package: a member ends early",
        ),
    ];
    for (sentence, bytes, message) in rows {
        assert_eq!(whole(&bytes), Err(message.to_owned()), "{sentence}");
    }
}

#[test]
fn control_members_that_are_not_plain_files_of_a_package_are_refused() {
    let tar_of = |members: &[(&str, u8, &[u8])]| {
        ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &tar(members)),
            ("data.tar", b""),
        ])
    };
    let mut bad_sum = deb("", "", b"");
    bad_sum[8 + 60 + 4 + 60] ^= 1;
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a header's checksum",
            bad_sum,
            "cannot read the package's control.tar: cannot read the tar header at byte 0: its checksum does not hold",
        ),
        (
            "no control file",
            tar_of(&[("./postinst", b'0', b"")]),
            "cannot use the package's control.tar: there is no `control` in it",
        ),
        (
            "a control file without fields",
            tar_of(&[("control", b'0', b"A: 1\n")]),
            "cannot use the package's control file: the field `Package` is missing",
        ),
        (
            "a name twice",
            tar_of(&[("control", b'0', CONTROL), ("./control", b'0', CONTROL)]),
            "cannot use `control` of the package's control.tar: it stands twice",
        ),
        (
            "a name that leads away",
            tar_of(&[("../control", b'0', CONTROL)]),
            "cannot read the package's control.tar: cannot accept a name in the tar header at byte 0: `../control` leads out of the tree",
        ),
        (
            "a file in a directory",
            tar_of(&[("a/control", b'0', CONTROL)]),
            "cannot use `a/control` of the package's control.tar: its name is not a plain one",
        ),
        (
            "a pipe",
            tar_of(&[("control", b'6', b"")]),
            "cannot use `control` of the package's control.tar: it is no file",
        ),
    ];
    for (sentence, bytes, message) in rows {
        assert_eq!(whole(&bytes), Err(message.to_owned()), "{sentence}");
    }
}

#[test]
fn damaged_data_is_an_error_in_every_compression() {
    let data: Vec<u8> = (0..100_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for suffix in [".gz", ".xz", ".zst"] {
        let packed = compressed(suffix, &data);
        let cut = &packed[..packed.len() / 2];
        let name = format!("data.tar{suffix}");
        let bytes = ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &control()),
            (&name, cut),
        ]);
        let message = whole(&bytes).expect_err("cut off");
        assert!(
            message.starts_with("cannot decompress the package's data.tar: "),
            "{suffix}: {message}"
        );
    }
}

#[test]
fn bombs_are_stopped() {
    for suffix in [".xz", ".zst"] {
        let bytes = deb("", suffix, &vec![0; 96 << 20]);
        let expected = "cannot decompress the package's data.tar: it grows more than 1,000 times";
        assert_eq!(whole(&bytes), Err(expected.to_owned()), "{suffix}");
    }
}

#[test]
fn truncation_and_changed_bytes_anywhere_never_panic() {
    let good = deb(".gz", ".xz", b"some data");
    for cut in 0..good.len() {
        assert!(
            whole(&good[..cut]).is_err() || cut + 1 >= good.len(),
            "{cut}"
        );
    }
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 0x55;
        let _ = whole(&bytes);
    }
}
