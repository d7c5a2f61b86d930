//! All of a user's files together: one name, one set of processes, each decision with its origin.

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
    pub dotenv: Option<super::Secret>,
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
    /// At least one; `web` first and the others by name.
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

    /// Whether `daruma start` without names starts it: as `daruma.toml` says, else unless it is `release`.
    pub fn starts_by_default(&self) -> bool {
        match &self.start {
            Some(said) => said.value == Start::ByDefault,
            None => !self.name.is_release(),
        }
    }
}

impl Processes {
    /// The processes, `web` first; none where none is declared.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        let declared = match self {
            Self::Undeclared => None,
            Self::Declared(processes) => Some(processes),
        };
        declared.into_iter().flat_map(BTreeMap::values)
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
        let processes = match report.has_errors() {
            true => Processes::Undeclared,
            false => processes(&manifest, &procfile, &mut report),
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
            (
                File::Dotenv,
                self.dotenv.as_ref().map(super::Secret::expose),
            ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Checked, Secret};

    fn files(manifest: &str, procfile: &str) -> RecipeFiles {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        RecipeFiles {
            dir_name: "My Shop".to_owned(),
            manifest: text(manifest),
            procfile: text(procfile),
            ..RecipeFiles::default()
        }
    }

    fn recipe(manifest: &str, procfile: &str) -> Recipe {
        Recipe::read(&files(manifest, procfile))
            .expect("accepted")
            .0
    }

    fn refusal(manifest: &str, procfile: &str) -> String {
        Recipe::read(&files(manifest, procfile))
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn the_name_is_the_manifest_s_else_the_directory_s() {
        let named = recipe("# my shop\nname = \"shop\"", "");
        assert_eq!(
            (
                named.name.as_str(),
                named.name_origin.map(|o| o.to_string())
            ),
            ("shop", Some("daruma.toml:2".to_owned()))
        );
        let unnamed = recipe("", "");
        assert_eq!(
            (unnamed.name.as_str(), unnamed.name_origin),
            ("my-shop", None)
        );
    }

    #[test]
    fn without_a_procfile_no_process_is_declared() {
        let recipe = recipe("", "");
        assert_eq!(recipe.processes, Processes::Undeclared);
        assert_eq!(recipe.processes.iter().count(), 0);
    }

    #[test]
    fn daruma_toml_replaces_and_adds_to_the_procfile_and_each_process_knows_its_origin() {
        let manifest = "[process.web]\ncommand = \"puma\"\n[process.cli]\ncommand = \"irb\"\nstart = false\n\
                        [process.jobs]\nstart = false";
        let recipe = recipe(
            manifest,
            "jobs: sidekiq\nrelease: rake db:migrate\nweb: rackup\n",
        );
        let lines: Vec<String> = recipe
            .processes
            .iter()
            .map(|p| {
                let replaces = p.replaces.map(|o| format!(" for {o}")).unwrap_or_default();
                let starts = if p.starts_by_default() {
                    ""
                } else {
                    " (not started)"
                };
                format!(
                    "{}: {} from {}{replaces}{starts}",
                    p.name, p.command, p.origin
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r##"
        web: puma from daruma.toml:2 for Procfile:3
        cli: irb from daruma.toml:4 (not started)
        jobs: sidekiq from Procfile:1 (not started)
        release: rake db:migrate from Procfile:2 (not started)
        "##);
    }

    #[test]
    fn release_starts_by_default_only_where_daruma_toml_says_so() {
        let starts = |manifest: &str| {
            let recipe = recipe(manifest, "release: a");
            recipe.processes.iter().all(Process::starts_by_default)
        };
        assert!(!starts(""));
        assert!(starts("[process.release]\nstart = true"));
    }

    #[test]
    fn a_process_without_a_command_is_refused_unless_something_else_is_wrong_already() {
        insta::assert_snapshot!(refusal("\n[process.web]", "cli: irb"), @r##"
        cannot use the recipe: 1 error
        daruma.toml:2:10: error: [process.web] has no `command`, and the Procfile has no `web`
        help: add one of them, or remove the table
        "##);
        let error = refusal("[process.web]\ncommand = 1", "");
        assert!(
            error.starts_with("cannot use the recipe: 1 error\n"),
            "{error}"
        );
    }

    #[test]
    fn processes_whose_images_would_share_a_name_are_refused() {
        insta::assert_snapshot!(refusal("", "web: a\nWeb: b"), @r##"
        cannot use the recipe: 1 error
        Procfile:2:1: error: `Web` and another process would share the image name `web`
        help: rename one of them
        "##);
    }

    #[test]
    fn all_files_are_read_in_one_run_and_secrets_do_not_show() {
        let files = RecipeFiles {
            dotenv: Some(Secret::new("A=hunter2\nB=hunter2 # c")),
            app_json: Some("{\"stack\": \"heroku-24\"}".to_owned()),
            ..files("", " web: a")
        };
        let (recipe, warnings) = Recipe::read(&files).expect("accepted");
        let shown = format!("{files:?} {recipe:?} {warnings:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let places: Vec<String> = warnings
            .iter()
            .map(|w| format!("{}:{}", w.file, w.position))
            .collect();
        assert_eq!(places, ["Procfile:1:1", ".env:2:11"]);
        let names = recipe
            .dotenv
            .iter()
            .flat_map(Dotenv::names)
            .map(ToString::to_string);
        assert_eq!(names.collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn any_text_is_accepted_or_refused_by_every_parser() {
        let pieces = [
            "web", ":", " ", "=", "\"", "'", "\\", "\n", "\r", "#", "[", "]", "{", "\u{feff}",
            "だ", "$", "\0", ".",
        ];
        let mut seed = 7_u32;
        for _ in 0..5_000 {
            let mut text = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(seed >> 16) as usize % pieces.len()]);
            }
            let lines = text.split('\n').count();
            let within = |found: &[Diagnostic]| {
                found
                    .iter()
                    .all(|d| d.position.line <= lines && d.position.column >= 1)
            };
            for found in [
                findings(Procfile::parse(&text)),
                findings(Dotenv::parse(&text)),
                findings(Manifest::parse(&text)),
                findings(AppJson::parse(&text)),
            ] {
                assert!(within(&found), "{text:?}: {found:?}");
            }
            let _ = CommandLine::parse(&text);
        }
    }

    fn findings<T>(read: Result<Checked<T>, RecipeError>) -> Vec<Diagnostic> {
        match read {
            Ok(checked) => checked.warnings,
            Err(RecipeError::Refused { diagnostics }) => diagnostics,
            Err(other) => panic!("{other}"),
        }
    }
}
