use super::*;
use crate::recipe::Checked;

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
        "web", ":", " ", "=", "\"", "'", "\\", "\n", "\r", "#", "[", "]", "{", "\u{feff}", "だ",
        "$", "\0", ".",
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

#[test]
fn processes_keep_the_order_of_their_declaration() {
    let manifest = "[process.cron]\ncommand = \"./cron\"\n[process.job]\ncommand = \"./job --now\"\n[process.all]\ncommand = \"./all\"\n";
    let recipe = recipe(manifest, "worker: ./work\njob: ./job\nweb: ./serve\n");
    let names: Vec<&str> = recipe
        .processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    assert_eq!(names, ["worker", "job", "web", "cron", "all"]);
}
