//! What scripts share while they run: the file system, the packages, debconf's answers and the triggers.

use std::collections::{BTreeMap, BTreeSet};

use super::debconf::Debconf;
use super::input::{Options, PackageInput, Script};
use super::shell::Stop;
use super::world::World;

/// Commands and loop turns that one script may take; the longest real one (`ca-certificates`) takes about 20,000.
const MAX_STEPS: u32 = 2_000_000;

/// The state around the scripts.
pub(super) struct Machine<'a> {
    pub(super) world: World<'a>,
    pub(super) packages: &'a [PackageInput<'a>],
    pub(super) options: &'a Options,
    pub(super) debconf: Debconf,
    /// Names of triggers that were activated and not yet handled.
    pub(super) triggers: BTreeSet<String>,
    /// The package whose script runs.
    pub(super) package: usize,
    /// The script that runs.
    pub(super) script: Script,
    /// What the running script would have done that no image wants.
    omitted: BTreeSet<String>,
    /// The command that the running script missed last.
    pub(super) not_found: Option<String>,
    steps: u32,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        world: World<'a>,
        packages: &'a [PackageInput<'a>],
        options: &'a Options,
    ) -> Self {
        Self {
            world,
            packages,
            options,
            debconf: Debconf::of(packages),
            triggers: BTreeSet::new(),
            package: 0,
            script: Script::Preinst,
            omitted: BTreeSet::new(),
            not_found: None,
            steps: 0,
        }
    }

    /// Begins a script: its own budget, its own omissions.
    pub(super) fn begin(&mut self, package: usize, script: Script) {
        self.package = package;
        self.script = script;
        self.steps = 0;
        self.omitted.clear();
        self.not_found = None;
    }

    /// What the script that ran left out.
    pub(super) fn omissions(&self) -> Vec<String> {
        self.omitted.iter().cloned().collect()
    }

    /// How a script that failed ended.
    pub(super) fn ending(&self, status: i32) -> String {
        match (&self.not_found, status) {
            (Some(name), 127) => format!("it ends because there is no `{name}`"),
            _ => format!("it ends with status {status}"),
        }
    }

    /// Notes that something was left out on purpose.
    pub(super) fn omit(&mut self, what: &str) {
        self.omitted.insert(what.to_owned());
    }

    /// Counts one step.
    pub(super) fn spend(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Stop::unknown("it does not end"));
        }
        Ok(())
    }

    pub(super) fn current(&self) -> Option<&PackageInput<'a>> {
        self.packages.get(self.package)
    }

    /// The package that `name` or `name:arch` names, if it is here.
    pub(super) fn find(&self, name: &str) -> Option<&PackageInput<'a>> {
        let (name, architecture) = match name.split_once(':') {
            Some((name, architecture)) => (name, Some(architecture)),
            None => (name, None),
        };
        self.packages.iter().find(|package| {
            package.name == name && architecture.is_none_or(|wanted| package.architecture == wanted)
        })
    }

    /// The environment of maintainer scripts (deb-postinst(5), dpkg(1)).
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let (package, architecture) = self
            .current()
            .map_or(("", ""), |package| (package.name, package.architecture));
        let name = match self.script {
            Script::Preinst => "preinst",
            Script::Postinst | Script::Triggered => "postinst",
        };
        [
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("HOME", "/root"),
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("DPKG_MAINTSCRIPT_PACKAGE", package),
            ("DPKG_MAINTSCRIPT_ARCH", architecture),
            ("DPKG_MAINTSCRIPT_NAME", name),
            ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
            ("DPKG_ROOT", ""),
            ("DPKG_ADMINDIR", "/var/lib/dpkg"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// The text of a file by its resolved path; `None` where none stands there.
    pub(super) fn text_of(
        &self,
        resolved: Option<&str>,
        path: &str,
    ) -> Result<Option<String>, Stop> {
        if path == "/dev/null" {
            return Ok(Some(String::new()));
        }
        let Some(data) = resolved.and_then(|path| self.world.read(path)) else {
            return Ok(None);
        };
        match std::str::from_utf8(&data) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Stop::unknown(format!("{path} is not text"))),
        }
    }
}
