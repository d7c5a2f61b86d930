//! PAX records: `<length> <key>=<value>\n` (POSIX.1-2024, pax, "pax Extended Header").

use std::collections::BTreeMap;

use super::TarError;

/// Records by key; the later of two wins, as POSIX says.
pub(super) type Records = BTreeMap<String, Vec<u8>>;

/// Where `star` and everyone since keep extended attributes.
pub(super) const XATTR: &str = "SCHILY.xattr.";

/// Reads all records of an extension header that begins at byte `offset` of the archive.
pub(super) fn parse(mut bytes: &[u8], offset: u64) -> Result<Records, TarError> {
    let mut records = Records::new();
    while !bytes.is_empty() {
        let (key, value, rest) = record(bytes).ok_or(TarError::Header {
            offset,
            problem: "its PAX records are damaged",
        })?;
        records.insert(key.to_owned(), value.to_vec());
        bytes = rest;
    }
    Ok(records)
}

/// Splits the first record off.
fn record(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&b| b == b' ')?;
    let len = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let body = bytes.get(space + 1..len)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&b| b == b'=')?;
    let key = std::str::from_utf8(&body[..equals]).ok()?;
    (!key.is_empty()).then_some((key, &body[equals + 1..], &bytes[len..]))
}

/// Unsigned decimal digits, nothing else.
pub(super) fn decimal(bytes: &[u8]) -> Option<u64> {
    let plain = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(bytes)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()
}

/// A time in seconds with an optional fraction, rounded towards the past.
pub(super) fn seconds(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole = i64::try_from(decimal(whole.as_bytes())?).ok()?;
    let past = negative && fraction.bytes().any(|b| b != b'0');
    Some(if negative { -whole } else { whole } - i64::from(past))
}

/// Writes records, sorted by key.
pub(super) fn encode(records: &Records) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        out.extend_from_slice(format!("{} {key}=", record_len(rest)).as_bytes());
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

/// A record's length counts its own digits.
fn record_len(rest: usize) -> usize {
    let digits = |n: usize| n.to_string().len();
    let len = rest + digits(rest);
    rest + digits(len)
}
