//! Archives made to hurt, and those that other tools write at the edge of the format.

use super::super::header::{self, Header};
use super::super::pax::{self, Records};
use super::super::{BLOCK, Limits, write_padding};
use super::{archive, everything, read_all};

type Row = (&'static str, Vec<u8>, &'static str);

/// Every archive is refused with a message that has the given words.
fn assert_refused(rows: Vec<Row>) {
    for (name, bytes, expected) in rows {
        let message = match read_all(&bytes, Limits::default()) {
            Err(error) => error.to_string(),
            Ok(all) => panic!("{name}: accepted as {all:?}"),
        };
        assert!(message.contains(expected), "{name}: {message}");
    }
}

fn file() -> Vec<u8> {
    raw(b'0', b"f", |_| {})
}

/// A header with `change` made to it, sealed again.
fn raw(kind: u8, name: &[u8], change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::ustar(kind);
    header.put(header::NAME, name);
    for field in [
        header::MODE,
        header::UID,
        header::GID,
        header::SIZE,
        header::MTIME,
    ] {
        header.put_number(field, 0);
    }
    change(&mut header);
    header.sealed().to_vec()
}

fn extension(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = i64::try_from(body.len()).expect("small");
    let mut out = raw(kind, b"x", |h| _ = h.put_number(header::SIZE, size));
    out.extend_from_slice(body);
    write_padding(body.len() as u64, &mut out);
    out
}

fn pax_of(key: &str, value: &[u8]) -> Vec<u8> {
    let records = Records::from([(key.to_owned(), value.to_vec())]);
    extension(b'x', &pax::encode(&records))
}

#[test]
fn numbers_outside_octal_are_read_as_gnu_and_pax_write_them() {
    let base_256 = raw(b'0', b"f", |h| {
        h.put(header::UID, &[0x80, 0, 0, 0, 0xee, 0x6b, 0x28, 0]);
        h.put(header::MTIME, &[0xff; 12]);
    });
    let (entry, _) = &read_all(&base_256, Limits::default()).expect("valid")[0];
    assert_eq!((entry.meta.uid, entry.meta.mtime), (4_000_000_000, -1));
    for (text, seconds) in [("12.75", 12), ("-1.5", -2), ("-3", -3), ("-3.000", -3)] {
        let bytes = [pax_of("mtime", text.as_bytes()), raw(b'0', b"f", |_| {})].concat();
        let (entry, _) = &read_all(&bytes, Limits::default()).expect("valid")[0];
        assert_eq!(entry.meta.mtime, seconds, "{text}");
    }
}

/// A cheap stand-in for a fuzzer: every archive near a good one ends in entries or an error, never in a panic.
#[test]
fn no_changed_byte_makes_the_reader_panic() {
    let good = archive(&everything());
    for at in (0..good.len()).step_by(5) {
        for value in [0, b'7', 0xff, good[at] ^ 1] {
            let mut bytes = good.clone();
            bytes[at] = value;
            _ = read_all(&bytes, Limits::default());
        }
        if at % 100 == 0 {
            _ = read_all(&good[..at], Limits::default());
        }
    }
}

#[test]
fn an_empty_record_takes_a_value_back_to_the_header() {
    let bytes = [pax_of("path", b""), pax_of("uid", b""), file()].concat();
    let (entry, _) = &read_all(&bytes, Limits::default()).expect("valid")[0];
    assert_eq!(entry.path.to_string(), "f");
}

#[test]
fn damage_is_refused_where_it_is() {
    let mut bad_sum = file();
    bad_sum[0] = b'g';
    let sized = |size| raw(b'0', b"f", |h| _ = h.put_number(header::SIZE, size));
    assert_refused(vec![
        ("checksum", bad_sum, "checksum does not hold"),
        ("garbage", vec![0x41; BLOCK], "checksum does not hold"),
        (
            "half a header",
            file()[..100].to_vec(),
            "in the middle of a header",
        ),
        (
            "cut data",
            [sized(600), vec![1; 100]].concat(),
            "cannot read the archive",
        ),
        (
            "sparse",
            raw(b'S', b"f", |_| {}),
            "sparse files are not supported",
        ),
        ("unknown", raw(b'Z', b"f", |_| {}), "type is unknown"),
    ]);
}

#[test]
fn names_and_links_that_leave_the_tree_are_refused() {
    assert_refused(vec![
        (
            "absolute",
            raw(b'0', b"/etc/passwd", |_| {}),
            "cannot accept a name",
        ),
        (
            "dots",
            raw(b'0', b"a/../../b", |_| {}),
            "cannot accept a name",
        ),
        (
            "link out",
            raw(b'1', b"f", |h| h.put(header::LINK, b"../x")),
            "cannot accept a name",
        ),
        (
            "link to root",
            raw(b'1', b"f", |h| h.put(header::LINK, b"./")),
            "hard link to the root",
        ),
        ("no target", raw(b'2', b"f", |_| {}), "link target is empty"),
        ("root file", raw(b'0', b"./", |_| {}), "stands for the root"),
        (
            "pax path",
            [pax_of("path", b"/x"), file()].concat(),
            "cannot accept a name",
        ),
        (
            "pax NUL",
            [pax_of("path", b"a\0b"), file()].concat(),
            "cannot accept a name",
        ),
    ]);
}

#[test]
fn numbers_that_are_none_or_too_large_are_refused() {
    assert_refused(vec![
        (
            "negative size",
            raw(b'0', b"f", |h| h.put(header::SIZE, &[0xff; 12])),
            "size is not a number",
        ),
        (
            "word as size",
            raw(b'0', b"f", |h| h.put(header::SIZE, b"12x4")),
            "size is not a number",
        ),
        (
            "huge file",
            raw(b'0', b"f", |h| h.put(header::SIZE, b"\x80\0\0\0\x7f")),
            "the bytes of one file exceed",
        ),
        (
            "negative owner",
            raw(b'0', b"f", |h| h.put(header::UID, &[0xff; 8])),
            "owner is not a number",
        ),
        (
            "huge pax",
            raw(b'x', b"f", |h| _ = h.put_number(header::SIZE, 2 << 20)),
            "bytes of an extension header",
        ),
        (
            "pax size",
            [pax_of("size", b"-1"), file()].concat(),
            "PAX size is not a number",
        ),
    ]);
}

#[test]
fn extension_headers_that_lie_or_never_end_are_refused() {
    assert_refused(vec![
        (
            "endless pax",
            extension(b'x', b"").repeat(5000),
            "extension headers of one entry",
        ),
        (
            "pax garbage",
            [extension(b'x', b"99 a=b\n"), file()].concat(),
            "PAX records are damaged",
        ),
        (
            "pax without end",
            [extension(b'x', b"7 a=bcd"), file()].concat(),
            "PAX records are damaged",
        ),
        (
            "pax alone",
            pax_of("path", b"x"),
            "extension header is the last thing",
        ),
        (
            "global path",
            extension(b'g', &pax_of("path", b"x")[BLOCK..BLOCK + 9]),
            "names one",
        ),
    ]);
}
