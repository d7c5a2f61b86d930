//! The members on disk: found, or made from packages on all cores.

use std::collections::HashMap;
use std::io::{BufWriter, Read as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

use super::make::make;
use super::member::{FORMAT, Member, MemberInfo};
use super::{Fetch, RunnerError};
use crate::debian::{Deb, Stanza};
use crate::home::Home;
use crate::lock::PackagePin;

/// Largest index that is read, in bytes; the package with the most files has one of a few MB.
const MAX_INDEX: u64 = 256 << 20;

/// The members of `pins`, in their order; those that are missing are made from the packages that `fetch` gives, in the
/// order in which they are asked for.
pub(super) fn members(
    home: &Home,
    pins: &[PackagePin],
    fetch: &Fetch<'_>,
) -> Result<Vec<Member>, RunnerError> {
    let found: Vec<Option<Member>> = pins
        .par_iter()
        .map(|pin| load(home, pin))
        .collect::<Result<_, RunnerError>>()?;
    let missing: Vec<&PackagePin> = pins
        .iter()
        .zip(&found)
        .filter(|(_, member)| member.is_none())
        .map(|(pin, _)| pin)
        .collect();
    let mut made = make_all(home, missing, fetch)?;
    Ok(pins
        .iter()
        .zip(found)
        .filter_map(|(pin, member)| member.or_else(|| made.remove(&pin.sha256)))
        .collect())
}

/// The members by the digests of their packages.
fn make_all(
    home: &Home,
    mut pins: Vec<&PackagePin>,
    fetch: &Fetch<'_>,
) -> Result<HashMap<String, Member>, RunnerError> {
    if pins.is_empty() {
        return Ok(HashMap::new());
    }
    // The largest first: begun last, it would keep one core busy while the others have nothing left to do.
    pins.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let pins: Vec<PackagePin> = pins.into_iter().cloned().collect();
    let debs = fetch(&pins)?;
    pins.par_iter()
        .zip(debs)
        .with_max_len(1)
        .map(|(pin, deb)| Ok((pin.sha256.clone(), make_one(home, pin, &deb)?)))
        .collect()
}

struct Places {
    tar: PathBuf,
    gzip: PathBuf,
    index: PathBuf,
}

fn places(home: &Home, pin: &PackagePin) -> Places {
    let at = |extension: &str| {
        home.debs()
            .join(format!("{}.{FORMAT}.{extension}", pin.sha256))
    };
    Places {
        tar: at("tar"),
        gzip: at("tar.gz"),
        index: at("json"),
    }
}

/// The index comes last: where it is, the rest was written, and its sums tell whether it reached the disk.
fn make_one(home: &Home, pin: &PackagePin, deb: &Path) -> Result<Member, RunnerError> {
    let bad = |source: Box<dyn std::error::Error + Send + Sync>| RunnerError::Package {
        package: pin.name.clone(),
        version: pin.version.clone(),
        source,
    };
    let deb = Deb::parse(fs::File::open(deb)?).map_err(|error| bad(error.into()))?;
    check_identity(pin, deb.stanza()).map_err(|error| bad(error.into()))?;
    let (control, data) = deb.into_parts();
    let Places {
        tar: tar_path,
        gzip: gzip_path,
        index,
    } = places(home, pin);
    let mut tar = BufWriter::with_capacity(1 << 20, home.create(&tar_path)?);
    let mut gzip = home.create(&gzip_path)?;
    let info =
        make(&pin.name, &control, data, &mut tar, &mut gzip).map_err(|error| bad(error.into()))?;
    tar.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .commit_cached()?;
    gzip.commit_cached()?;
    let json = serde_json::to_vec(&info).map_err(|error| bad(error.into()))?;
    home.write_cached(&index, &json)?;
    Ok(Member {
        info,
        tar: tar_path,
        gzip: gzip_path,
    })
}

/// A package says itself which one it is; the index and the lock must not say otherwise.
fn check_identity(pin: &PackagePin, stanza: &Stanza) -> Result<(), String> {
    for (field, expected) in [("Package", &pin.name), ("Version", &pin.version)] {
        let found = stanza.get(field).unwrap_or_default();
        if found != expected {
            return Err(format!("its control file says `{field}: {found}`"));
        }
    }
    Ok(())
}

/// The member of `pin`; `None` where there is none that is whole.
fn load(home: &Home, pin: &PackagePin) -> Result<Option<Member>, RunnerError> {
    let Places { tar, gzip, index } = places(home, pin);
    let Some(info) = read_index(&index)? else {
        return Ok(None);
    };
    let whole = info.tar.holds(&tar)? && info.gzip.holds(&gzip)?;
    Ok(whole.then_some(Member { info, tar, gzip }))
}

fn read_index(path: &Path) -> std::io::Result<Option<MemberInfo>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_INDEX).read_to_end(&mut bytes)?;
    let info: Option<MemberInfo> = serde_json::from_slice(&bytes).ok();
    Ok(info.filter(|info| info.format == FORMAT))
}
