//! Java's certificates: what `ca-certificates-java`'s program does, as a Java key store without the time of day.

use sha1::{Digest, Sha1};

use crate::debian::effects::certificate;
use crate::debian::effects::shell::{Shell, Status, Stop};

/// Where Java's runtime of Debian looks.
const STORE: &str = "etc/ssl/certs/java/cacerts";
/// The salt that the format names (sun.security.provider.JavaKeyStore).
const SALT: &[u8] = b"Mighty Aphrodite";

pub(super) fn java(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["-version"] if !shell.errors_are_read() => Ok(0),
        ["-Xmx64m", "-jar", jar, "-storepass", password]
            if jar.ends_with("/ca-certificates-java.jar") =>
        {
            let lines = shell.input().rest();
            update(shell, &lines, password)
        }
        _ => Err(Stop::unknown("a Java program")),
    }
}

/// Reads `+FILE` lines. A line that removes something means that there was a store before, which is not known.
fn update(shell: &mut Shell<'_, '_>, lines: &str, password: &str) -> Status {
    if shell.world().lstat(STORE).is_some() {
        return Err(Stop::unknown("a key store that is there already"));
    }
    let mut entries = Vec::new();
    for line in lines.lines() {
        let path = line
            .strip_prefix('+')
            .ok_or_else(|| Stop::unknown("a certificate that goes"))?;
        let data = shell
            .resolve(path)
            .and_then(|path| shell.world().read(&path));
        let data = data.ok_or_else(|| Stop::unknown(format!("{path} is missing")))?;
        let certificates = certificate::from_pem(&data).map_err(Stop::unknown)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let [der] = certificates.as_slice() else {
            return Err(Stop::unknown(format!("{path} holds no single certificate")));
        };
        entries.push((format!("debian:{}", name.to_lowercase()), der.clone()));
    }
    entries.sort();
    entries.dedup_by(|a, b| a.0 == b.0);
    let Some(store) = encode(&entries, password) else {
        return Err(Stop::unknown("a key store that is too large"));
    };
    shell.machine.world.write(STORE, &store, 0o644);
    shell.machine.omit(
        "the time at which certificates were added to Java's key store, which is 1970 instead",
    );
    Ok(0)
}

/// The `JKS` format, version 2, with trusted certificates only.
fn encode(entries: &[(String, Vec<u8>)], password: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    out.extend(0xFEED_FEED_u32.to_be_bytes());
    out.extend(2_u32.to_be_bytes());
    out.extend(u32::try_from(entries.len()).ok()?.to_be_bytes());
    for (alias, der) in entries {
        out.extend(2_u32.to_be_bytes());
        push_text(&mut out, alias)?;
        out.extend(0_u64.to_be_bytes());
        push_text(&mut out, "X.509")?;
        out.extend(u32::try_from(der.len()).ok()?.to_be_bytes());
        out.extend(der);
    }
    let mut digest = Sha1::new();
    for unit in password.encode_utf16() {
        digest.update(unit.to_be_bytes());
    }
    digest.update(SALT);
    digest.update(&out);
    out.extend(digest.finalize());
    Some(out)
}

/// Java's modified UTF-8, which is plain UTF-8 for names without NUL or characters beyond the basic plane.
fn push_text(out: &mut Vec<u8>, text: &str) -> Option<()> {
    if text.contains(|c| c == '\0' || c > '\u{FFFF}') {
        return None;
    }
    out.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
    out.extend(text.as_bytes());
    Some(())
}
