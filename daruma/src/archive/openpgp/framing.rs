//! The cleartext signature framework (RFC 9580 §7), read strictly: what is not exactly one message is refused, so that
//! nothing outside the signed text can be taken for it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Largest message read; Debian's largest `InRelease` has 1.5 MB.
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Longest line; gpg refuses lines above about 19,000 bytes.
const MAX_LINE: usize = 16 * 1024;

/// Largest signature block; Debian's have 3 kB.
const MAX_ARMOR: usize = 256 * 1024;

/// What is wrong with the message's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(super) &'static str);

/// The parts of a message.
#[derive(Debug)]
pub(super) struct Message<'a> {
    lines: Vec<&'a str>,
    /// The hash algorithms that it announces.
    pub(super) hashes: Vec<String>,
    /// OpenPGP packets.
    pub(super) signatures: Vec<u8>,
}

impl Message<'_> {
    /// The bytes that were signed: lines ended by CR LF, the last one not ended (RFC 9580 §7.2).
    pub(super) fn signed(&self) -> Vec<u8> {
        self.lines.join("\r\n").into_bytes()
    }

    /// The same for reading: lines ended by LF.
    pub(super) fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }
}

/// Takes a message apart.
pub(super) fn parse(bytes: &[u8]) -> Result<Message<'_>, Malformed> {
    if bytes.len() > MAX_MESSAGE {
        return Err(Malformed("it is too large"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8"))?;
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(Malformed("it has control characters"));
    }
    let mut lines = text.split('\n');
    if lines.next() != Some("-----BEGIN PGP SIGNED MESSAGE-----") {
        return Err(Malformed("it does not begin as a signed message"));
    }
    let hashes = hashes(&mut lines)?;
    let body = body(&mut lines)?;
    let signatures = armor(&mut lines)?;
    if lines.any(|line| !line.is_empty()) {
        return Err(Malformed("something follows its end"));
    }
    Ok(Message {
        lines: body,
        hashes,
        signatures,
    })
}

fn hashes<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Vec<String>, Malformed> {
    let mut hashes = Vec::new();
    for line in lines {
        if line.is_empty() {
            return Ok(hashes);
        }
        let names = line
            .strip_prefix("Hash: ")
            .ok_or(Malformed("it has an unknown header"))?;
        hashes.extend(names.split(',').map(|name| name.trim().to_owned()));
    }
    Err(Malformed("it ends early"))
}

fn body<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Vec<&'a str>, Malformed> {
    let mut body = Vec::new();
    for line in lines {
        if line == "-----BEGIN PGP SIGNATURE-----" {
            return Ok(body);
        }
        if line.len() > MAX_LINE {
            return Err(Malformed("it has an overlong line"));
        }
        let line = match line.strip_prefix("- ") {
            Some(escaped) => escaped,
            None if line.starts_with('-') => return Err(Malformed("it has an unescaped dash")),
            None => line,
        };
        body.push(line.trim_end_matches([' ', '\t']));
    }
    Err(Malformed("it ends early"))
}

/// Reads the signature block (RFC 9580 §6): headers, base64, the checksum where there is one.
fn armor<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<Vec<u8>, Malformed> {
    let known = |line: &str| line.starts_with("Version: ") || line.starts_with("Comment: ");
    let mut headers = true;
    let (mut base64, mut checksum) = (String::new(), None);
    for line in lines {
        match line {
            "-----END PGP SIGNATURE-----" => return decode(&base64, checksum),
            "" if headers => headers = false,
            _ if headers && known(line) => {}
            _ if headers || checksum.is_some() || line.len() > 76 || base64.len() > MAX_ARMOR => {
                break;
            }
            _ => match line.strip_prefix('=') {
                Some(sum) => checksum = Some(sum),
                None => base64 += line,
            },
        }
    }
    Err(Malformed("its signature block is damaged"))
}

fn decode(base64: &str, checksum: Option<&str>) -> Result<Vec<u8>, Malformed> {
    let damaged = |_| Malformed("its signature block is damaged");
    let bytes = BASE64_STANDARD.decode(base64).map_err(damaged)?;
    if let Some(sum) = checksum {
        let sum = BASE64_STANDARD.decode(sum).map_err(damaged)?;
        if sum[..] != crc24(&bytes).to_be_bytes()[1..] {
            return Err(Malformed("its signature block has a wrong checksum"));
        }
    }
    Ok(bytes)
}

/// RFC 9580 §6.1.
fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = 0x00B7_04CE_u32;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
        }
    }
    crc & 0x00FF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn the_signed_bytes_are_lines_without_escapes_and_trailing_blanks() {
        let text = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\na \t\n- -b\n\n{SIGNATURE}"
        );
        let message = parse(text.as_bytes()).expect("parsed");
        assert_eq!(message.signed(), b"a\r\n-b\r\n");
        assert_eq!(message.text(), "a\n-b\n\n");
        assert_eq!(message.hashes, ["SHA256"]);
    }

    #[test]
    fn what_is_not_exactly_one_message_is_refused() {
        let good = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\na\n{SIGNATURE}");
        for (text, expected) in [
            (
                format!("x\n{good}"),
                "it does not begin as a signed message",
            ),
            (format!("{good}x\n"), "something follows its end"),
            (format!("{good}{good}"), "something follows its end"),
            (good.replace("\na\n", "\n-a\n"), "it has an unescaped dash"),
            (
                good.replace("Hash: ", "Charset: "),
                "it has an unknown header",
            ),
            (good.replace('\n', "\r\n"), "it has control characters"),
            (
                good.replace("AAAA", "AA*A"),
                "its signature block is damaged",
            ),
            (
                good.replace("AAAA\n", "AAAA\n=AAAA\n"),
                "its signature block has a wrong checksum",
            ),
            (
                good.replace("\n\nAAAA", "\nX: y\n\nAAAA"),
                "its signature block is damaged",
            ),
            (good[..50].to_owned(), "it ends early"),
        ] {
            let error = parse(text.as_bytes())
                .map(|_| ())
                .map_err(|e| e.to_string());
            assert_eq!(error, Err(expected.to_owned()), "{text}");
        }
    }
}
