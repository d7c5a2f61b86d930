//! As much of X.509 as links to certificates need: PEM, DER's outline, and OpenSSL's hash of a subject.

use base64::Engine as _;
use sha1::{Digest, Sha1};

/// The certificates in a PEM file, in order.
pub(super) fn from_pem(data: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let text = String::from_utf8_lossy(data);
    let mut all = Vec::new();
    let mut rest = text.as_ref();
    while let Some((_, after)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (body, after) = after
            .split_once("-----END CERTIFICATE-----")
            .ok_or("a certificate that does not end")?;
        let body: String = body.split_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body);
        all.push(der.map_err(|_| "a certificate that is not base64")?);
        rest = after;
    }
    Ok(all)
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8_STRING: u8 = 0x0c;
const EXPLICIT_VERSION: u8 = 0xa0;

/// `X509_NAME_hash`: the first four bytes of the SHA-1 of the canonical subject, little-endian.
pub(super) fn subject_hash(der: &[u8]) -> Option<u32> {
    let canonical = canonical_name(subject(der)?)?;
    let digest = Sha1::digest(&canonical);
    Some(u32::from_le_bytes([
        digest[0], digest[1], digest[2], digest[3],
    ]))
}

/// The content of the subject (RFC 5280, 4.1).
fn subject(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = element(rest)?.2;
    }
    // serialNumber, signature, issuer, validity
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    Some(expect(rest, SEQUENCE)?.0)
}

/// Tag, content and what follows. Indefinite and very long forms do not occur in DER certificates.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 3 {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(count)?;
        (
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            rest,
        )
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

fn encode(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![tag];
    match content.len() {
        length @ ..0x80 => out.push(u8::try_from(length).ok()?),
        length => {
            let bytes = u32::try_from(length).ok()?.to_be_bytes();
            let skip = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | u8::try_from(4 - skip).ok()?);
            out.extend(&bytes[skip..]);
        }
    }
    out.extend(content);
    Some(out)
}

/// OpenSSL's canonical form (`x509_name_canon`): every relative name with its texts as UTF-8, lower case, blanks joined.
fn canonical_name(mut name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while !name.is_empty() {
        let (mut relative, rest) = expect(name, SET)?;
        name = rest;
        let mut parts = Vec::new();
        while !relative.is_empty() {
            let (attribute, rest) = expect(relative, SEQUENCE)?;
            relative = rest;
            let (oid, oid_content, value) = element(attribute)?;
            let mut part = encode(oid, oid_content)?;
            let (tag, content, _) = element(value)?;
            part.extend(canonical_value(tag, content)?);
            parts.push(encode(SEQUENCE, &part)?);
        }
        parts.sort();
        out.extend(encode(SET, &parts.concat())?);
    }
    Some(out)
}

fn canonical_value(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let text = match tag {
        // UTF8String, PrintableString, IA5String, VisibleString
        UTF8_STRING | 0x13 | 0x16 | 0x1a => String::from_utf8(content.to_vec()).ok()?,
        // T61String, which OpenSSL takes for Latin-1
        0x14 => content.iter().map(|byte| char::from(*byte)).collect(),
        // BMPString
        0x1e => {
            let units: Vec<u16> = content
                .chunks_exact(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect();
            String::from_utf16(&units).ok()?
        }
        _ => return encode(tag, content),
    };
    let words: Vec<&str> = text
        .split(|c: char| c.is_ascii_whitespace() || c == '\x0b')
        .filter(|word| !word.is_empty())
        .collect();
    encode(UTF8_STRING, words.join(" ").to_ascii_lowercase().as_bytes())
}
