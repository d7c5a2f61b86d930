//! The members on disk: found, or made from packages on all cores.

use std::io::BufWriter;
use std::path::PathBuf;

use fs_err as fs;
use rayon::prelude::*;

use super::make::make;
use super::member::{FORMAT, Member, MemberInfo};
use super::{Fetch, RunnerError};
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
    fetch: &Fetch<'_>,
) -> Result<Vec<Member>, RunnerError> {
    let missing: Vec<PackagePin> = pins
        .iter()
        .filter(|pin| !places(home, pin).index.is_file())
        .cloned()
        .collect();
    let debs = if missing.is_empty() {
        Vec::new()
    } else {
        fetch(&missing)?
    };
    missing
        .par_iter()
        .zip(debs)
        .with_max_len(1)
        .try_for_each(|(pin, deb)| make_one(home, pin, &deb))?;
    pins.par_iter().map(|pin| load(home, pin)).collect()
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

/// The index comes last: where it is, the rest is whole.
fn make_one(home: &Home, pin: &PackagePin, deb: &PathBuf) -> Result<(), RunnerError> {
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
        .commit()?;
    gzip.commit()?;
    let index = serde_json::to_vec(&info).map_err(|error| bad(error.into()))?;
    Ok(home.write(&places.index, &index)?)
}

fn load(home: &Home, pin: &PackagePin) -> Result<Member, RunnerError> {
    let Places { tar, gzip, index } = places(home, pin);
    if fs::metadata(&index)?.len() > MAX_INDEX {
        return Err(RunnerError::Index { path: index });
    }
    let info: MemberInfo =
        serde_json::from_slice(&fs::read(&index)?).map_err(|_| RunnerError::Index {
            path: index.clone(),
        })?;
    Ok(Member { info, tar, gzip })
}
