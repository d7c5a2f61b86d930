//! `ldconfig`: links by soname and `/etc/ld.so.cache` (ldconfig(8); the format is `struct cache_file_new` and the
//! extensions in glibc's `dl-cache.h`, version "glibc-ld.so.cache1.1").

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::elf::{self, Library};
use super::input::Kind;
use super::shell::matches;
use super::world::{Follow, World, child};

const CONFIG: &str = "/etc/ld.so.conf";
const CACHE: &str = "etc/ld.so.cache";
const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
/// Header, and one entry, in bytes.
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// `cache_file_new_flags_endian_little`.
const LITTLE_ENDIAN: u32 = 2;
const EXTENSION_MAGIC: u32 = 0xEAA4_2174;
/// Configuration files inside one another.
const MAX_INCLUDES: usize = 10;

/// What of an image's libraries is not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LdconfigError {
    #[error("/{0} holds libraries for special processors")]
    HardwareCapabilities(String),
    #[error("the line `{0}` in its configuration")]
    Line(String),
    #[error("ldconfig itself, which names the version to write, is missing")]
    Generator,
    #[error("there is more than the format can hold")]
    TooLarge,
}

struct Entry {
    soname: String,
    path: String,
    flags: u32,
}

/// Makes the links and the cache.
pub(super) fn run(world: &mut World<'_>) -> Result<(), LdconfigError> {
    let generator = generator(world).ok_or(LdconfigError::Generator)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (shown, dir) in directories(world)? {
        if world.lstat(&child(&dir, "glibc-hwcaps")).is_some() {
            return Err(LdconfigError::HardwareCapabilities(child(
                &dir,
                "glibc-hwcaps",
            )));
        }
        for library in search(world, &dir) {
            if !library.link {
                link(world, &dir, &library);
            }
            let entry = Entry {
                path: format!("{shown}/{}", library.soname),
                soname: library.soname,
                flags: library.flags,
            };
            // Equal entries stay in the order of their directories.
            let at = entries.partition_point(|other| compare(other, &entry) != Ordering::Greater);
            entries.insert(at, entry);
        }
    }
    let cache = encode(&entries, &generator).ok_or(LdconfigError::TooLarge)?;
    world.write(CACHE, &cache, 0o644);
    Ok(())
}

/// The words that ldconfig signs its cache with, which only its own binary knows exactly.
fn generator(world: &World<'_>) -> Option<Vec<u8>> {
    let path = world.resolve("", "/usr/sbin/ldconfig", Follow::Yes)?;
    let program = world.read(&path)?;
    let end = memchr::memmem::find(&program, b" stable release version ")?;
    let start = program[..end].iter().rposition(|&byte| byte == 0)? + 1;
    let length = program[start..].iter().position(|&byte| byte == 0)?;
    let text = &program[start..start + length];
    text.starts_with(b"ldconfig (").then(|| text.to_vec())
}

/// Directories as they are named, with where they are; each place once.
fn directories(world: &World<'_>) -> Result<Vec<(String, String)>, LdconfigError> {
    let mut named = Vec::new();
    read_config(world, CONFIG, &mut named, 0)?;
    named.extend(["/lib", "/usr/lib"].map(str::to_owned));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for name in named {
        let name = name.trim_end_matches('/').to_owned();
        let Some(dir) = world.resolve("", &name, Follow::Yes) else {
            continue;
        };
        let is_dir = world.lstat(&dir).is_some_and(|stat| stat.kind == Kind::Dir);
        if is_dir && seen.insert(dir.clone()) {
            found.push((name, dir));
        }
    }
    Ok(found)
}

fn read_config(
    world: &World<'_>,
    path: &str,
    named: &mut Vec<String>,
    depth: usize,
) -> Result<(), LdconfigError> {
    let data = world
        .resolve("", path, Follow::Yes)
        .and_then(|path| world.read(&path));
    let text = data.map_or(String::new(), |data| {
        String::from_utf8_lossy(&data).into_owned()
    });
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let bad = || LdconfigError::Line(line.to_owned());
        if let Some(pattern) = line
            .strip_prefix("include")
            .filter(|rest| rest.starts_with([' ', '\t']))
        {
            if depth > MAX_INCLUDES {
                return Err(bad());
            }
            let (dir, file_pattern) = pattern.trim().rsplit_once('/').ok_or_else(bad)?;
            let place = world.resolve("", dir, Follow::Yes).unwrap_or_default();
            for name in world
                .list(&place)
                .iter()
                .filter(|name| matches(file_pattern, name))
            {
                read_config(world, &format!("{dir}/{name}"), named, depth + 1)?;
            }
        } else if line.starts_with('/') && !line.contains('=') {
            named.push(line.to_owned());
        } else if !line.is_empty() && !line.starts_with("hwcap") {
            return Err(bad());
        }
    }
    Ok(())
}

/// A library that a directory offers under its soname.
struct Offer {
    soname: String,
    name: String,
    link: bool,
    flags: u32,
}

/// What `search_dir` keeps of a directory: one file for each soname, files before links, later versions before others.
fn search(world: &World<'_>, dir: &str) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for name in world.list(dir) {
        let Some(offer) = offer(world, dir, &name) else {
            continue;
        };
        match offers.iter_mut().find(|known| known.soname == offer.soname) {
            Some(known) => {
                let better = (!offer.link && known.link)
                    || (offer.link == known.link
                        && natural(&known.name, &offer.name) == Ordering::Less);
                if better {
                    *known = offer;
                }
            }
            None => offers.push(offer),
        }
    }
    offers
}

fn is_library_name(name: &str) -> bool {
    let temporary = [".dpkg-new", ".dpkg-tmp", "-gdb.py"];
    (name.starts_with("lib") || name.starts_with("ld-"))
        && name.contains(".so")
        && !temporary.iter().any(|suffix| name.ends_with(suffix))
}

fn offer(world: &World<'_>, dir: &str, name: &str) -> Option<Offer> {
    if !is_library_name(name) {
        return None;
    }
    let path = child(dir, name);
    let mut link = matches!(world.lstat(&path)?.kind, Kind::Symlink(_));
    let real = world.resolve("", &format!("/{path}"), Follow::Yes)?;
    if world.lstat(&real)?.kind != Kind::File {
        return None;
    }
    let Library { soname, flags } = elf::library(&world.read(&real)?)?;
    let mut soname = soname.unwrap_or_else(|| name.to_owned());
    if link {
        let target = real.rsplit('/').next().unwrap_or(&real);
        // A link to something that is neither its soname nor a development link of it counts as a file.
        let development = target.as_bytes().ends_with(b".so") && soname.starts_with(target);
        if target != soname && !development {
            link = false;
        }
    }
    if link {
        name.clone_into(&mut soname);
    }
    Some(Offer {
        soname,
        name: name.to_owned(),
        link,
        flags,
    })
}

/// The link from the soname to the file, where it is missing or leads elsewhere.
fn link(world: &mut World<'_>, dir: &str, offer: &Offer) {
    let path = child(dir, &offer.soname);
    let place = |name: &str| world.resolve("", &format!("/{}", child(dir, name)), Follow::Yes);
    let same = place(&offer.soname) == place(&offer.name);
    let replaceable = matches!(
        world.lstat(&path).map(|stat| stat.kind),
        None | Some(Kind::Symlink(_))
    );
    if !same && replaceable {
        world.symlink(&path, &offer.name);
    }
}

/// Descending by name, then by flags.
fn compare(left: &Entry, right: &Entry) -> Ordering {
    natural(&right.soname, &left.soname).then_with(|| right.flags.cmp(&left.flags))
}

/// `_dl_cache_libcmp`: numbers by value, digits after everything else.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        match (left.first(), right.first()) {
            (None, None) => return Ordering::Equal,
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let order = number(&mut left).cmp(&number(&mut right));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(a), _) if a.is_ascii_digit() => return Ordering::Greater,
            (_, Some(b)) if b.is_ascii_digit() => return Ordering::Less,
            (Some(a), Some(b)) if a == b => {
                left = &left[1..];
                right = &right[1..];
            }
            (a, b) => return a.cmp(&b),
        }
    }
}

fn number(text: &mut &[u8]) -> u64 {
    let mut value = 0_u64;
    while let Some((digit, rest)) = text
        .split_first()
        .filter(|(digit, _)| digit.is_ascii_digit())
    {
        value = value
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'));
        *text = rest;
    }
    value
}

fn encode(entries: &[Entry], generator: &[u8]) -> Option<Vec<u8>> {
    let base = HEADER + ENTRY * entries.len();
    let texts = entries
        .iter()
        .flat_map(|entry| [entry.soname.as_str(), entry.path.as_str()]);
    let strings = Strings::of(texts.collect());
    let place = |text: &str| u32::try_from(base + strings.offset(text)?).ok();
    let unpadded = base + strings.bytes.len();
    let extensions = unpadded.next_multiple_of(4);

    let mut out = MAGIC.to_vec();
    push(
        &mut out,
        &[
            u32::try_from(entries.len()).ok()?,
            u32::try_from(strings.bytes.len()).ok()?,
        ],
    );
    push(
        &mut out,
        &[LITTLE_ENDIAN, u32::try_from(extensions).ok()?, 0, 0, 0],
    );
    for entry in entries {
        // flags, key, value, OS version, and 64 bits of hardware capabilities
        push(
            &mut out,
            &[
                entry.flags,
                place(&entry.soname)?,
                place(&entry.path)?,
                0,
                0,
                0,
            ],
        );
    }
    out.extend(&strings.bytes);
    out.resize(extensions, 0);
    // One section follows: magic, count; tag 0 (the generator), flags, offset, size.
    let text_at = u32::try_from(extensions + 24).ok()?;
    push(
        &mut out,
        &[
            EXTENSION_MAGIC,
            1,
            0,
            0,
            text_at,
            u32::try_from(generator.len()).ok()?,
        ],
    );
    out.extend(generator);
    Some(out)
}

fn push(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend(word.to_le_bytes());
    }
}

/// glibc's `stringtable`: texts sorted by their ends, one that ends another shares its bytes.
struct Strings<'t> {
    offsets: std::collections::BTreeMap<&'t str, usize>,
    bytes: Vec<u8>,
}

impl<'t> Strings<'t> {
    fn of(mut texts: Vec<&'t str>) -> Self {
        texts.sort_by(|left, right| by_ends(left, right));
        texts.dedup();
        let mut table = Self {
            offsets: std::collections::BTreeMap::new(),
            bytes: Vec::new(),
        };
        let mut last: Option<&str> = None;
        for text in texts {
            if !last.is_some_and(|last| last.ends_with(text)) {
                table.bytes.extend(text.as_bytes());
                table.bytes.push(0);
            }
            table
                .offsets
                .insert(text, table.bytes.len() - 1 - text.len());
            last = Some(text);
        }
        table
    }

    fn offset(&self, text: &str) -> Option<usize> {
        self.offsets.get(text).copied()
    }
}

/// Descending from the last byte on; of two where one ends the other, the longer comes first.
fn by_ends(left: &str, right: &str) -> Ordering {
    let pairs = left.bytes().rev().zip(right.bytes().rev());
    for (a, b) in pairs {
        if a != b {
            return b.cmp(&a);
        }
    }
    right.len().cmp(&left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_the_loader_searches_them() {
        let rows = [
            ("libc.so.6", "libc.so.10", Ordering::Less),
            ("libz.so.1", "libz.so", Ordering::Greater),
            ("liba2.so", "libab.so", Ordering::Greater),
            ("libx.so.1", "libx.so.1", Ordering::Equal),
        ];
        for (left, right, expected) in rows {
            assert_eq!(natural(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn a_text_that_ends_another_shares_its_bytes() {
        let strings = Strings::of(vec!["libz.so.1", "/lib/libz.so.1", "libm.so.6"]);
        assert_eq!(strings.bytes, b"libm.so.6\0/lib/libz.so.1\0");
        assert_eq!(strings.offset("libz.so.1"), Some(15));
    }
}
