//! The members on disk: found, or made from packages on all cores.

use std::collections::HashMap;
use std::io::BufWriter;
use std::path::PathBuf;

use fs_err as fs;
use rayon::prelude::*;

use super::RunnerError;
use super::make::make;
use super::member::{FORMAT, Member, MemberInfo};
use crate::debian::Deb;
use crate::home::Home;
use crate::lock::PackagePin;

/// Largest index that is read, in bytes; the package with the most files has one of a few MB.
const MAX_INDEX: u64 = 256 << 20;

/// The members of `pins`, in their order; those that are missing are made from the packages that `fetch` gives, in the
/// order in which they are asked for.
pub(super) fn members(
    home: &Home,
    pins: &[PackagePin],
    fetch: &dyn Fn(&[PackagePin]) -> Result<Vec<PathBuf>, RunnerError>,
) -> Result<Vec<Member>, RunnerError> {
    let known: Vec<Option<Member>> = pins.par_iter().map(|pin| load(home, pin)).collect();
    let mut missing: Vec<PackagePin> = pins
        .iter()
        .zip(&known)
        .filter(|(_, known)| known.is_none())
        .map(|(pin, _)| pin.clone())
        .collect();
    // The largest first: begun last, it would keep one core busy while the others have nothing left to do.
    missing.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let debs = if missing.is_empty() {
        Vec::new()
    } else {
        fetch(&missing)?
    };
    let mut made: HashMap<&str, Member> = missing
        .par_iter()
        .zip(debs)
        .with_max_len(1)
        .map(|(pin, deb)| Ok((pin.sha256.as_str(), make_one(home, pin, &deb)?)))
        .collect::<Result<_, RunnerError>>()?;
    let either = |(pin, known): (&PackagePin, Option<Member>)| {
        known.or_else(|| made.remove(pin.sha256.as_str()))
    };
    Ok(pins.iter().zip(known).filter_map(either).collect())
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

/// The index comes last: where it is, the rest was written, and its lengths tell whether it reached the disk.
fn make_one(home: &Home, pin: &PackagePin, deb: &PathBuf) -> Result<Member, RunnerError> {
    let bad = |source: Box<dyn std::error::Error + Send + Sync>| RunnerError::Package {
        package: pin.name.clone(),
        version: pin.version.clone(),
        source,
    };
    let deb = Deb::parse(fs::File::open(deb)?).map_err(|error| bad(error.into()))?;
    let (control, data) = deb.into_parts();
    let places = places(home, pin);
    let mut tar = BufWriter::with_capacity(1 << 20, home.create(&places.tar)?);
    let mut gzip = home.create(&places.gzip)?;
    let info =
        make(&pin.name, &control, data, &mut tar, &mut gzip).map_err(|error| bad(error.into()))?;
    tar.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .commit_cached()?;
    gzip.commit_cached()?;
    let index = serde_json::to_vec(&info).map_err(|error| bad(error.into()))?;
    home.write_cached(&places.index, &index)?;
    let Places { tar, gzip, .. } = places;
    Ok(Member { info, tar, gzip })
}

/// The member if it is there and whole.
fn load(home: &Home, pin: &PackagePin) -> Option<Member> {
    let Places { tar, gzip, index } = places(home, pin);
    let length = |path: &PathBuf| fs::metadata(path).map(|meta| meta.len()).ok();
    if length(&index)? > MAX_INDEX {
        return None;
    }
    let info: MemberInfo = serde_json::from_slice(&fs::read(&index).ok()?).ok()?;
    let is_whole = length(&tar) == Some(info.tar_size) && length(&gzip) == Some(info.gzip_size);
    is_whole.then_some(Member { info, tar, gzip })
}
