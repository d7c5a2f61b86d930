//! What the recipe and the source ask of the runner.

use std::io::Read as _;
use std::path::Path;

use fs_err as fs;

use super::{BuildError, Project, unsupported};
use crate::language::{Need, programs};
use crate::plan::{Decision, ProcessInput};
use crate::recipe::manifest::{Base, RoleSource};
use crate::recipe::{CommandLine, Process};
use crate::resolve::{DEFAULT_BASE, Demand, MINIMAL_BASE};
use crate::tree::TreePath;

/// The newest stable suite, where the recipe says none.
const DEFAULT_SUITE: &str = "trixie";

/// Read of a file to find its `#!` line, in bytes.
const HEAD: u64 = 256;

/// What the recipe asks for, gathered once.
pub(super) struct Wishes {
    suite: String,
    base: &'static [&'static str],
    needs: Vec<Need>,
    packages: Vec<String>,
    /// What was decided, and where it was read.
    pub(super) decisions: Vec<Decision>,
    /// The processes, as their images run them.
    pub(super) processes: Vec<ProcessInput>,
}

impl Wishes {
    /// Gathers them.
    pub(super) fn of(project: &Project) -> Result<Self, BuildError> {
        unsupported::refuse(&project.recipe.manifest)?;
        let mut decisions = vec![name(project)];
        let suite = suite(project, &mut decisions);
        let base = base(project, &mut decisions);
        let packages: Vec<String> = project
            .recipe
            .manifest
            .runner
            .packages
            .iter()
            .map(|at| at.value.clone())
            .collect();
        for at in &project.recipe.manifest.runner.packages {
            decisions.push(decision("runner package", &at.value, at.origin()));
        }
        let mut wishes = Self {
            suite,
            base,
            needs: Vec::new(),
            packages,
            decisions,
            processes: Vec::new(),
        };
        for process in project.recipe.processes.iter() {
            wishes.add_process(project, process);
        }
        if wishes.processes.is_empty() {
            return Err(BuildError::NoProcess {
                dir: project.dir.clone(),
            });
        }
        Ok(wishes)
    }

    /// The same as the resolution takes it.
    pub(super) fn demand(&self) -> Demand<'_> {
        Demand {
            suite: &self.suite,
            base: self.base,
            needs: &self.needs,
            packages: &self.packages,
        }
    }

    fn add_process(&mut self, project: &Project, process: &Process) {
        let origin = process.origin.to_string();
        let what = format!("process {}", process.name);
        self.decisions
            .push(decision(&what, &process.command, &origin));
        let head = |path: &str| head(&project.dir, path);
        for need in programs(&process.command, &origin, &head) {
            self.add_need(need);
        }
        let line = process.command_line();
        if matches!(line, CommandLine::Shell(_)) {
            self.add_need(Need {
                program: "sh".to_owned(),
                from: origin,
            });
        }
        self.processes.push(ProcessInput {
            name: process.name.to_string(),
            entrypoint: line.argv(),
        });
    }

    fn add_need(&mut self, need: Need) {
        self.decisions
            .push(decision("program", &need.program, &need.from));
        if !self.needs.iter().any(|known| known.program == need.program) {
            self.needs.push(need);
        }
    }
}

fn decision(what: &str, value: impl std::fmt::Display, from: impl std::fmt::Display) -> Decision {
    Decision {
        what: what.to_owned(),
        value: value.to_string(),
        from: from.to_string(),
    }
}

fn name(project: &Project) -> Decision {
    let from = project.recipe.name_origin.map(|origin| origin.to_string());
    let name = project.recipe.name.as_str();
    decision(
        "name",
        name,
        from.unwrap_or_else(|| "the directory's name".to_owned()),
    )
}

fn suite(project: &Project, decisions: &mut Vec<Decision>) -> String {
    let source = &project.recipe.manifest.runner.source;
    let (suite, from) = if let RoleSource::Debian { suite: Some(at) } = source {
        (at.value.clone(), at.origin().to_string())
    } else {
        (DEFAULT_SUITE.to_owned(), "default".to_owned())
    };
    decisions.push(decision("suite", &suite, from));
    suite
}

fn base(project: &Project, decisions: &mut Vec<Decision>) -> &'static [&'static str] {
    let Some(at) = &project.recipe.manifest.runner.base else {
        decisions.push(decision("base", "default", "default"));
        return DEFAULT_BASE;
    };
    let (name, packages): (_, &[&str]) = match at.value {
        Base::Default => ("default", DEFAULT_BASE),
        Base::Minimal => ("minimal", MINIMAL_BASE),
        Base::None => ("none", &[]),
    };
    decisions.push(decision("base", name, at.origin()));
    packages
}

/// The first bytes of a file of the source; nothing that leads out of it.
fn head(dir: &Path, path: &str) -> Option<Vec<u8>> {
    let path = TreePath::try_from(path).ok()?.below(dir);
    if !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(HEAD)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}
