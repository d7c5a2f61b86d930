//! All of a user's files together: one name, one set of processes, each decision with its origin.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::app_json::{self, AppJson};
use super::app_name::AppName;
use super::command_line::CommandLine;
use super::diagnostic::{Diagnostic, Report};
use super::dotenv::{self, Dotenv};
use super::error::RecipeError;
use super::manifest::{self, Manifest, ProcessSettings, Start};
use super::position::{At, File, Origin, Position};
use super::process_name::ProcessName;
use super::procfile::{self, Procfile};
use super::secret::Secret;
use super::text::check_size;

/// The texts of a user's files; `None` where there is no such file.
#[derive(Clone, Debug, Default)]
pub struct RecipeFiles {
    /// The name of the application's directory.
    pub dir_name: String,
    /// `daruma.toml`
    pub manifest: Option<String>,
    /// `Procfile`
    pub procfile: Option<String>,
    /// `.env`
    pub dotenv: Option<Secret>,
    /// `app.json`
    pub app_json: Option<String>,
}

/// What the user declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The application's name.
    pub name: AppName,
    /// Where the name stands; `None` where it is the directory's.
    pub name_origin: Option<Origin>,
    /// `daruma.toml`
    pub manifest: Manifest,
    /// The processes of the Procfile and of `[process.*]`.
    pub processes: Processes,
    /// `.env`
    pub dotenv: Option<Dotenv>,
    /// `app.json`
    pub app_json: Option<AppJson>,
}

/// The processes that the user declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Processes {
    /// No file declares any; a language may know one.
    Undeclared,
    /// At least one, by name.
    Declared(BTreeMap<ProcessName, Process>),
}

/// A process type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its name.
    pub name: ProcessName,
    /// Its command as written.
    pub command: String,
    /// Where the command stands.
    pub origin: Origin,
    /// Where the Procfile has a command that `daruma.toml` replaces.
    pub replaces: Option<Origin>,
    /// When it starts, where `daruma.toml` says so.
    pub start: Option<At<Start>>,
}

impl Process {
    /// How the command is run.
    pub fn command_line(&self) -> CommandLine {
        CommandLine::parse(&self.command)
    }

    /// Where it stands among the others; one that the Procfile declares keeps its place there.
    fn place(&self) -> (bool, usize) {
        let origin = self.replaces.unwrap_or(self.origin);
        (origin.file != File::Procfile, origin.line)
    }

    /// Whether `daruma start` without names starts it: as `daruma.toml` says, else unless it is `release`.
    pub fn starts_by_default(&self) -> bool {
        match &self.start {
            Some(said) => said.value == Start::ByDefault,
            None => !self.name.is_release(),
        }
    }
}

impl Processes {
    /// The processes in the order of their declaration, those of the Procfile first; none where none is declared.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        let mut processes: Vec<&Process> = match self {
            Self::Undeclared => Vec::new(),
            Self::Declared(processes) => processes.values().collect(),
        };
        processes.sort_by_key(|process| process.place());
        processes.into_iter()
    }
}

impl Recipe {
    /// Reads all files and puts them together; also returns the warnings, sorted by file and position.
    pub fn read(files: &RecipeFiles) -> Result<(Self, Vec<Diagnostic>), RecipeError> {
        files.check_sizes()?;
        let mut report = Report::default();
        let manifest = files.manifest.as_deref();
        let manifest = manifest
            .map(|text| manifest::read(text, &mut report))
            .unwrap_or_default();
        let procfile = files.procfile.as_deref();
        let procfile = procfile
            .map(|text| procfile::read(text, &mut report))
            .unwrap_or_default();
        let dotenv = files.dotenv.as_ref();
        let dotenv = dotenv.map(|text| dotenv::read(text.expose(), &mut report));
        let app_json = files
            .app_json
            .as_deref()
            .map(|text| app_json::read(text, &mut report));
        // What is wrong in one file would be found a second time as missing from the whole.
        let processes = if report.has_errors() {
            Processes::Undeclared
        } else {
            processes(&manifest, &procfile, &mut report)
        };
        let recipe = Self {
            name: name(&manifest, &files.dir_name),
            name_origin: manifest.name.as_ref().map(At::origin),
            processes,
            manifest,
            dotenv,
            app_json,
        };
        report
            .finish(recipe)
            .map(|checked| (checked.value, checked.warnings))
    }
}

impl RecipeFiles {
    fn check_sizes(&self) -> Result<(), RecipeError> {
        let texts = [
            (File::Manifest, self.manifest.as_deref()),
            (File::Procfile, self.procfile.as_deref()),
            (File::Dotenv, self.dotenv.as_ref().map(Secret::expose)),
            (File::AppJson, self.app_json.as_deref()),
        ];
        texts
            .iter()
            .try_for_each(|&(file, text)| check_size(file, text.map_or(0, str::len)))
    }
}

fn name(manifest: &Manifest, dir_name: &str) -> AppName {
    let said = manifest.name.as_ref().map(|name| name.value.clone());
    said.unwrap_or_else(|| AppName::normalised(dir_name))
}

fn processes(manifest: &Manifest, procfile: &Procfile, report: &mut Report) -> Processes {
    let mut processes: BTreeMap<ProcessName, Process> =
        procfile.entries().map(from_procfile).collect();
    for (name, settings) in &manifest.processes {
        if let Some(process) = with_settings(processes.remove(name), name, &settings.value) {
            processes.insert(name.clone(), process);
        } else {
            report.add(no_command(name, settings.position));
        }
    }
    refuse_equal_images(&processes, report);
    if processes.is_empty() {
        return Processes::Undeclared;
    }
    Processes::Declared(processes)
}

fn from_procfile(entry: &procfile::Entry) -> (ProcessName, Process) {
    let process = Process {
        name: entry.name.clone(),
        command: entry.command.clone(),
        origin: Origin {
            file: File::Procfile,
            line: entry.line,
        },
        replaces: None,
        start: None,
    };
    (entry.name.clone(), process)
}

/// The Procfile's process with what `[process.<name>]` says; `None` where neither has a command.
fn with_settings(
    from_procfile: Option<Process>,
    name: &ProcessName,
    settings: &ProcessSettings,
) -> Option<Process> {
    let start = settings.start.clone();
    match &settings.command {
        None => from_procfile.map(|process| Process { start, ..process }),
        Some(command) => Some(Process {
            name: name.clone(),
            command: command.value.clone(),
            origin: command.origin(),
            replaces: from_procfile.map(|process| process.origin),
            start,
        }),
    }
}

fn no_command(name: &ProcessName, position: Position) -> Diagnostic {
    let message = format!("[process.{name}] has no `command`, and the Procfile has no `{name}`");
    Diagnostic::error(File::Manifest, position, message)
        .help("add one of them, or remove the table")
}

/// Images are named after processes in lower case, so `Web` and `web` cannot stand together.
fn refuse_equal_images(processes: &BTreeMap<ProcessName, Process>, report: &mut Report) {
    let mut parts = BTreeSet::new();
    for process in processes.values() {
        let part = process.name.image_part();
        if parts.insert(part.clone()) {
            continue;
        }
        let message = format!(
            "`{}` and another process would share the image name `{part}`",
            process.name
        );
        let position = Position {
            line: process.origin.line,
            column: 1,
        };
        report.add(
            Diagnostic::error(process.origin.file, position, message).help("rename one of them"),
        );
    }
}
