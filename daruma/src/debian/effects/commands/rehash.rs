//! `openssl rehash`: links by which OpenSSL finds certificates (openssl-rehash(1)).

use std::collections::{BTreeMap, BTreeSet};

use sha1::{Digest, Sha1};

use crate::debian::effects::certificate;
use crate::debian::effects::input::Kind;
use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::child;

pub(super) fn openssl(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    match arguments {
        [command, rest @ ..] if command == "rehash" => {
            let rest: Vec<&String> = rest.iter().filter(|argument| *argument != "-v").collect();
            match rest.as_slice() {
                [dir] => rehash(shell, dir),
                _ => Err(Stop::unknown("a form of openssl rehash")),
            }
        }
        _ => Err(Stop::unknown("a form of openssl")),
    }
}

fn rehash(shell: &mut Shell<'_, '_>, dir: &str) -> Status {
    let Some(dir) = shell.resolve(dir) else {
        return super::failed(shell, 1);
    };
    let names = shell.world().list(&dir);
    remove_old_links(shell, &dir, &names);
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    for name in &names {
        let Some(der) = single_certificate(shell, &dir, name)? else {
            continue;
        };
        if !seen.insert(Sha1::digest(&der).to_vec()) {
            continue;
        }
        let hash = certificate::subject_hash(&der)
            .ok_or_else(|| Stop::unknown(format!("{name} is not a certificate")))?;
        let number = next.entry(hash).or_default();
        let link = child(&dir, &format!("{hash:08x}.{number}"));
        *number += 1;
        shell.machine.world.symlink(&link, name);
    }
    Ok(0)
}

fn remove_old_links(shell: &mut Shell<'_, '_>, dir: &str, names: &[String]) {
    for name in names.iter().filter(|name| is_hash_link(name)) {
        let path = child(dir, name);
        let kind = shell.world().lstat(&path).map(|stat| stat.kind);
        if matches!(kind, Some(Kind::Symlink(_))) {
            shell.machine.world.remove(&path);
        }
    }
}

fn is_hash_link(name: &str) -> bool {
    name.split_once('.').is_some_and(|(hash, number)| {
        hash.len() == 8
            && hash.chars().all(|c| c.is_ascii_hexdigit())
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// The certificate in a file that holds exactly one, by the endings that OpenSSL looks at.
fn single_certificate(
    shell: &Shell<'_, '_>,
    dir: &str,
    name: &str,
) -> Result<Option<Vec<u8>>, Stop> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if !matches!(ending, "pem" | "crt" | "cer" | "crl") {
        return Ok(None);
    }
    let path = shell.resolve(&format!("/{}", child(dir, name)));
    let Some(data) = path.and_then(|path| shell.world().read(&path)) else {
        return Ok(None);
    };
    match certificate::from_pem(&data) {
        Ok(mut all) if all.len() == 1 => Ok(all.pop()),
        Ok(_) => Ok(None),
        Err(problem) => Err(Stop::unknown(format!("{name}: {problem}"))),
    }
}
