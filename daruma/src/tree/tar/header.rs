//! One 512-byte header: its fields, and nothing about what they mean together.

use super::BLOCK;

/// A field's place: first byte and length (POSIX.1-2024, pax, "ustar Header Block").
type Field = (usize, usize);

pub(super) const NAME: Field = (0, 100);
pub(super) const MODE: Field = (100, 8);
pub(super) const UID: Field = (108, 8);
pub(super) const GID: Field = (116, 8);
pub(super) const SIZE: Field = (124, 12);
pub(super) const MTIME: Field = (136, 12);
pub(super) const CHECKSUM: Field = (148, 8);
const TYPE: usize = 156;
pub(super) const LINK: Field = (157, 100);
const MAGIC: Field = (257, 8);
pub(super) const MAJOR: Field = (329, 8);
pub(super) const MINOR: Field = (337, 8);
pub(super) const PREFIX: Field = (345, 155);

/// Magic and version of POSIX; GNU's differs and has no prefix field.
const USTAR: &[u8; 8] = b"ustar\x0000";

/// A header block.
#[derive(Clone)]
pub(super) struct Header([u8; BLOCK]);

impl Header {
    /// An empty header in ustar form.
    pub(super) fn ustar(kind: u8) -> Self {
        let mut header = Self([0; BLOCK]);
        header.0[TYPE] = kind;
        header.put(MAGIC, USTAR);
        header
    }

    /// Takes a block whose checksum holds; `None` where it does not.
    pub(super) fn checked(block: &[u8; BLOCK]) -> Option<Self> {
        let header = Self(*block);
        let said = header.number(CHECKSUM)?;
        let (unsigned, signed) = header.sums();
        (said == unsigned || said == signed).then_some(header)
    }

    /// The sum of all bytes with the checksum's own taken as spaces; old tars summed signed bytes.
    fn sums(&self) -> (i64, i64) {
        let mut sums = (0, 0);
        for (at, &byte) in self.0.iter().enumerate() {
            let own = (CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1).contains(&at);
            let byte = if own { b' ' } else { byte };
            sums.0 += i64::from(byte);
            sums.1 += i64::from(byte.cast_signed());
        }
        sums
    }

    /// The type flag.
    pub(super) fn kind(&self) -> u8 {
        self.0[TYPE]
    }

    /// A field's bytes.
    fn field(&self, (at, len): Field) -> &[u8] {
        &self.0[at..at + len]
    }

    /// A field's text up to the first NUL.
    pub(super) fn text(&self, field: Field) -> &[u8] {
        let bytes = self.field(field);
        &bytes[..bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len())]
    }

    /// The name, with POSIX's prefix where there is one.
    pub(super) fn name(&self) -> Vec<u8> {
        let prefix = if self.field(MAGIC) == USTAR {
            self.text(PREFIX)
        } else {
            b""
        };
        match prefix {
            b"" => self.text(NAME).to_vec(),
            _ => [prefix, b"/", self.text(NAME)].concat(),
        }
    }

    /// A numeric field: octal digits, or GNU's base-256 where the first byte says so; `None` where it is neither.
    pub(super) fn number(&self, field: Field) -> Option<i64> {
        let bytes = self.field(field);
        match bytes[0] {
            0x80 | 0xff => base_256(bytes),
            _ => octal(bytes),
        }
    }

    /// Writes `bytes` at the beginning of a field; they must fit.
    pub(super) fn put(&mut self, (at, _): Field, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Writes octal digits and a NUL; `false`, with the field as zero, where the number does not fit.
    pub(super) fn put_number(&mut self, field: Field, number: i64) -> bool {
        let digits = field.1 - 1;
        let fits = number >= 0 && number < 1 << (3 * digits);
        let number = if fits { number } else { 0 };
        self.put(field, format!("{number:0digits$o}").as_bytes());
        fits
    }

    /// The block, with its checksum.
    pub(super) fn sealed(mut self) -> [u8; BLOCK] {
        let (sum, _) = self.sums();
        self.put(CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

/// Octal digits between optional spaces, ended by NUL or space; nothing at all is zero.
fn octal(bytes: &[u8]) -> Option<i64> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    let digits = bytes[..end].trim_ascii();
    digits.iter().try_fold(0_i64, |sum, &digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// GNU's base-256: two's complement, big endian; the first byte only tells the sign.
fn base_256(bytes: &[u8]) -> Option<i64> {
    let sign = if bytes[0] == 0xff { -1_i64 } else { 0 };
    bytes[1..].iter().try_fold(sign, |sum, &byte| {
        Some(sum.checked_mul(256)? + i64::from(byte))
    })
}
