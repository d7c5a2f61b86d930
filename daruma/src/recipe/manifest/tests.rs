use super::*;
use crate::recipe::position::Position;

/// A document that has every key, as the reference page shows it.
const FULL: &str = r#"
name = "shop"
platforms = ["linux/amd64", "linux/arm64"]

[debian]
mirror = "http://ftp.debian.org/debian"
security = "http://security-cdn.debian.org/debian-security"
keyring = "keys/our.gpg"
snapshot = "http://snapshot.example/archive"
expired = "accept"

[builder]
dockerfile = "dockerscripts/Dockerfile.builder"
target = "dev"
args = { RUBY_VERSION = "3.3" }
packages = ["libpq-dev"]

[runner]
suite = "trixie"
packages = ["ruby", "libpq5 (>= 15)"]
base = "minimal"
runtime = "app"

[compile]
run = ["bin/rails assets:precompile", "npm run build"]
workdir = "frontend"

[build]
credentials = ["npm"]
network = "deps"

[env]
LANG = "C.UTF-8"
EMPTY = ""

[versions]
ruby = "3.3"

[process.web]
command = "bundle exec puma"
[process.cli]
start = false

[engine]
default = "podman"
"#;

fn parse(text: &str) -> Manifest {
    Manifest::parse(text).expect("accepted").value
}

fn refusal(text: &str) -> String {
    Manifest::parse(text).expect_err("refused").to_string()
}

fn texts(list: &[At<String>]) -> Vec<&str> {
    list.iter().map(|text| text.value.as_str()).collect()
}

#[test]
fn an_empty_document_says_nothing() {
    for text in ["", "# nothing\n", "[builder]\n[process]\n[env]", "\u{feff}"] {
        assert_eq!(parse(text), Manifest::default(), "{text:?}");
    }
}

#[test]
fn every_key_of_a_full_document_arrives() {
    let manifest = parse(FULL);
    assert_eq!(
        manifest.name.map(|n| n.value.to_string()).as_deref(),
        Some("shop")
    );
    assert_eq!(texts(&manifest.platforms), ["linux/amd64", "linux/arm64"]);
    assert_eq!(
        manifest.debian.expired.map(|e| e.value),
        Some(Expired::Accept)
    );
    assert_eq!(
        manifest.debian.keyring.map(|k| k.value).as_deref(),
        Some("keys/our.gpg")
    );
    let RoleSource::Dockerfile { path, target, args } = manifest.builder.source else {
        panic!("a Dockerfile");
    };
    assert_eq!(path.value, "dockerscripts/Dockerfile.builder");
    assert_eq!(target.map(|t| t.value).as_deref(), Some("dev"));
    assert_eq!(args["RUBY_VERSION"].value, "3.3");
    assert_eq!(texts(&manifest.runner.packages), ["ruby", "libpq5 (>= 15)"]);
    assert_eq!(manifest.runner.base.map(|b| b.value), Some(Base::Minimal));
    assert_eq!(
        manifest.runner.runtime.map(|r| r.value),
        Some(RuntimePlace::App)
    );
    assert_eq!(
        manifest
            .compile
            .run
            .as_deref()
            .map(texts)
            .map(|run| run.len()),
        Some(2)
    );
    assert_eq!(manifest.build.network.map(|n| n.value), Some(Network::Deps));
    assert_eq!(
        manifest
            .env
            .values()
            .map(|v| v.value.as_str())
            .collect::<Vec<_>>(),
        ["", "C.UTF-8"]
    );
    assert_eq!(manifest.versions["ruby"].value, "3.3");
    let starts: Vec<_> = manifest
        .processes
        .values()
        .map(|p| p.value.start.as_ref().map(|s| s.value))
        .collect();
    assert_eq!(starts, [None, Some(Start::OnRequest)]);
    assert_eq!(manifest.engine.map(|e| e.value), Some(EngineChoice::Podman));
}

#[test]
fn values_know_their_line_and_column() {
    let manifest = parse("[runner]\npackages = [\n  \"ruby\",\n  \"libpq5 (>= 15)\",\n]");
    let positions: Vec<Position> = manifest
        .runner
        .packages
        .iter()
        .map(|p| p.position)
        .collect();
    assert_eq!(
        positions,
        [
            Position { line: 3, column: 3 },
            Position { line: 4, column: 3 }
        ]
    );
}

#[test]
fn one_command_and_a_list_of_one_are_the_same_and_an_empty_list_is_not_nothing() {
    let run = |text: &str| parse(text).compile.run.map(|run| texts(&run).join("|"));
    assert_eq!(run("[compile]\nrun = \"make\""), Some("make".to_owned()));
    assert_eq!(run("[compile]\nrun = [\"make\"]"), Some("make".to_owned()));
    assert_eq!(run("[compile]\nrun = []"), Some(String::new()));
    assert_eq!(run("[compile]"), None);
}

/// A key that is listed and not read fails here; one that is read and not listed is unknown to the test above.
#[test]
fn each_listed_key_is_read_and_refuses_a_value_of_another_kind() {
    for key in KEYS {
        let path = key.path.replace('*', "web");
        let beside = match path.rsplit_once('.') {
            Some((role, "target" | "args")) => format!("{role}.dockerfile = \"x\"\n"),
            _ if path.contains(".args.") => format!(
                "{}.dockerfile = \"x\"\n",
                path.split('.').next().unwrap_or("")
            ),
            _ => String::new(),
        };
        let error = refusal(&format!("{beside}{path} = 1979-05-27"));
        let expected = format!("error: `{path}` must be ");
        assert!(
            error.contains(&expected) && error.contains("1 error"),
            "{path}: {error}"
        );
    }
}

#[test]
fn the_reference_page_has_each_key_with_its_values() {
    let page = include_str!("../../../../docs/reference/daruma-toml.md");
    for key in KEYS {
        let row = format!(
            "| `{}` | {} | {} |",
            key.path.replace('*', "<name>"),
            key.form,
            key.about
        );
        assert!(page.contains(&row), "missing: {row}");
    }
    for line in FULL.trim().lines() {
        assert!(page.contains(line), "missing: {line}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_key_that_was_probably_meant() {
    insta::assert_snapshot!(refusal("plattforms = []\nsuite = \"trixie\"\n[runner]\nbas = \"none\"\nunheard-of = 1"), @r##"
    cannot use the recipe: 4 errors
    daruma.toml:1:1: error: unknown key `plattforms`
     1 | plattforms = []
       | ^^^^^^^^^^
    help: did you mean `platforms`?
    daruma.toml:2:1: error: unknown key `suite`
     2 | suite = "trixie"
       | ^^^^^
    help: this key belongs in [builder] or [runner]
    daruma.toml:4:1: error: unknown key `runner.bas`
     4 | bas = "none"
       | ^^^
    help: did you mean `base`?
    daruma.toml:5:1: error: unknown key `runner.unheard-of`
     5 | unheard-of = 1
       | ^^^^^^^^^^
    help: known here: `suite`, `image`, `dockerfile`, `target`, `args`, `packages`, `base`, `runtime`
    "##);
}

#[test]
fn two_sources_of_one_role_are_refused_with_both_places() {
    insta::assert_snapshot!(refusal("[builder]\nsuite = \"trixie\"\n\n  image = \"ruby:3.3\"\ntarget = \"dev\""), @r##"
    cannot use the recipe: 2 errors
    daruma.toml:4:3: error: `builder.image` cannot stand beside `builder.suite` (daruma.toml:2:1)
     4 |   image = "ruby:3.3"
       |   ^^^^^
    help: keep exactly one of `suite`, `image` and `dockerfile`
    daruma.toml:5:1: error: `builder.target` is a stage of `dockerfile`, which is missing
     5 | target = "dev"
       | ^^^^^^
    help: name the Dockerfile, or remove it
    "##);
}

#[test]
fn what_a_runner_of_packages_alone_has_is_refused_beside_an_image() {
    insta::assert_snapshot!(refusal("[runner]\nimage = \"ruby:3.3\"\nbase = \"none\""), @r##"
    cannot use the recipe: 1 error
    daruma.toml:3:1: error: `runner.base` is for a runner of Debian packages, not for `image` or `dockerfile`
     3 | base = "none"
       | ^^^^
    help: remove it
    "##);
}

#[test]
fn wrong_values_are_refused_with_what_they_should_be() {
    insta::assert_snapshot!(refusal(
        "name = \"My Shop\"\nplatforms = \"linux/amd64\"\n[versions]\nruby = 3.3\n[engine]\ndefault = \"sandbx\"\n\
         [process.\"a.b\"]\nstart = \"no\"\n[compile]\nworkdir = \"../x\"\n[env]\n\"A B\" = \"\"\n[runner]\npackages = [\"\"]"
    ), @r##"
    cannot use the recipe: 9 errors
    daruma.toml:1:8: error: `My Shop` is not a name for images (lower-case letters and digits, with `.`, `_` or `-` between, at most 100)
     1 | name = "My Shop"
       |        ^^^^^^^^^
    help: did you mean `my-shop`?
    daruma.toml:2:13: error: `platforms` must be a list of texts, not a text
     2 | platforms = "linux/amd64"
       |             ^^^^^^^^^^^^^
    help: put it in brackets: `["…", "…"]`
    daruma.toml:4:8: error: `versions.ruby` must be a text, not a number
     4 | ruby = 3.3
       |        ^^^
    help: put it in quotes: `"…"`
    daruma.toml:6:11: error: `engine.default` cannot be `sandbx`
     6 | default = "sandbx"
       |           ^^^^^^^^
    help: did you mean `sandbox`?
    daruma.toml:7:10: error: `process.a.b`: `a.b` is not a process name (1 to 63 of A-Z, a-z, 0-9, `_` and `-`, at least one a letter or digit)
     7 | [process."a.b"]
       |          ^^^^^
    help: choose another name
    daruma.toml:8:9: error: `process.a.b.start` must be `true` or `false`, not a text
     8 | start = "no"
       |         ^^^^
    help: write the word without quotes
    daruma.toml:10:11: error: `compile.workdir` leads out of the application
     10 | workdir = "../x"
        |           ^^^^^^
    help: write a path relative to the application's directory
    daruma.toml:12:1: error: `env.A B`: not a variable name (one or more of A-Z, a-z, 0-9, `_`, `.` and `-`)
     12 | "A B" = ""
        | ^^^^^
    help: choose another name
    daruma.toml:14:13: error: `runner.packages` has an empty text
     14 | packages = [""]
        |             ^^
    help: remove it
    "##);
}

#[test]
fn broken_toml_is_refused_with_the_line() {
    insta::assert_snapshot!(refusal("name = \"shop\"\nplatforms = [\"linux/amd64\""), @r##"
    cannot use the recipe: 1 error
    daruma.toml:2:27: error: this is not TOML: unclosed array, expected `]`
     2 | platforms = ["linux/amd64"
       |                           ^
    "##);
    insta::assert_snapshot!(refusal("name = \"a\"\nname = \"b\""), @r##"
    cannot use the recipe: 1 error
    daruma.toml:2:1: error: this is not TOML: duplicate key
     2 | name = "b"
       | ^^^^
    "##);
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    assert!(Manifest::parse(&format!("name = {}", "[".repeat(100_000))).is_err());
    assert!(Manifest::parse(&format!("{}a = 1", "a.".repeat(100_000))).is_err());
}
