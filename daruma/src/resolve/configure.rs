//! The packages that run a runner's unknown scripts.

use std::collections::BTreeSet;

use super::ResolveError;
use super::runner::{index, pin, preferred, relations};
use crate::archive::Archive;
use crate::debian::{Architecture, Essential, Request, solve};
use crate::lock::{PackagePin, RoleLock};
use crate::progress::Progress;

/// What scripts may take for granted besides the essential packages: dpkg runs them, most ask debconf.
const TOOLS: &[&str] = &["dpkg", "debconf"];

/// The packages that an installed system with the runner's packages has besides them: the essential ones, dpkg, debconf
/// and all dependencies. They fit the versions that `runner` pins; where the archive no longer has one of those, that is
/// an error.
pub fn configure(
    archive: &dyn Archive,
    progress: &dyn Progress,
    runner: &RoleLock,
    architecture: &Architecture,
) -> Result<Vec<PackagePin>, ResolveError> {
    let exact = runner.packages.iter();
    let exact = exact.map(|pin| format!("{} (= {})", pin.name, pin.version));
    let tools = TOOLS.iter().map(|name| (*name).to_owned());
    let wanted: Vec<String> = exact.chain(tools).collect();
    let wanted = relations(&wanted, architecture)?;
    let snapshot = archive.snapshot(&runner.suite, architecture.as_str(), progress)?;
    let index = index(&snapshot, architecture)?;
    let request = Request {
        wanted: &wanted,
        essential: Essential::Included,
        preferred: &preferred(runner),
    };
    let selected = solve(&index, &request).map_err(ResolveError::Configure)?;
    let in_runner: BTreeSet<&str> = runner
        .packages
        .iter()
        .map(|pin| pin.name.as_str())
        .collect();
    let mut pins: Vec<PackagePin> = selected
        .iter()
        .map(|package| pin(&index, package.id))
        .filter(|pin| !in_runner.contains(pin.name.as_str()))
        .collect();
    pins.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pins)
}
