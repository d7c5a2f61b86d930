//! The runner holds what the app needs, says what it holds, and is small.

use std::collections::BTreeMap;

use daruma::lock::Lock;

use crate::bench::{World, skipped};
use crate::debian;
use crate::layers::Contents;

/// The share of a usual small system with the same packages that a runner may weigh, in percent.
const SHARE: u64 = 60;

/// Programs that building needs and running does not.
const UNWANTED: &[&str] = &[
    "apt", "apt-get", "aptitude", "as", "c++", "cc", "cpp", "dpkg", "dpkg-deb", "g++", "gcc", "ld",
    "make", "perl",
];

/// Directories that a runner has nothing in. The last is the app's.
const UNWANTED_BELOW: &[&str] = &[
    "usr/include/",
    "usr/lib/apt/",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/share/man/",
    "usr/share/perl",
    "app/",
];

fn built() -> Option<(World, Contents)> {
    let world = World::warm().map_err(|why| skipped(&why)).ok()?;
    world.run(&["build"]).ok();
    let contents = Contents::of_runner(&world);
    Some((world, contents))
}

#[test]
fn a_runner_holds_no_tools_no_headers_and_no_documentation() {
    let Some((_world, runner)) = built() else {
        return;
    };
    assert_eq!(runner.twice, Vec::<String>::new());
    let unwanted: Vec<&String> = runner
        .files
        .keys()
        .filter(|path| is_unwanted(path))
        .collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
    // The check finds what is there.
    assert!(
        runner.files.contains_key("usr/bin/ruby3.3") && runner.files.contains_key("usr/bin/dash")
    );
    assert!(
        runner
            .files
            .keys()
            .any(|path| path.starts_with("usr/share/doc/") && path.ends_with("/copyright"))
    );
}

fn is_unwanted(path: &str) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let program = ["usr/bin", "usr/sbin", "usr/local/bin"].contains(&dir);
    let tool = program && UNWANTED.iter().any(|tool| is_tool(name, tool));
    let doc = path.starts_with("usr/share/doc/") && path.matches('/').count() > 3;
    let below = UNWANTED_BELOW.iter().any(|dir| path.starts_with(dir));
    let end = name.rsplit_once('.').map(|(_, end)| end);
    let built_with = matches!(end, Some("h" | "a"));
    tool || below || built_with || name.starts_with("libperl") || doc && name != "copyright"
}

/// The tool itself or one of its versions: `gcc`, `gcc-14`, `perl5.40`, `x86_64-linux-gnu-gcc`.
fn is_tool(name: &str, tool: &str) -> bool {
    let name = name.strip_prefix("x86_64-linux-gnu-").unwrap_or(name);
    let version = |rest: &str| {
        rest.chars()
            .all(|c| c.is_ascii_digit() || c == '.' || c == '-')
    };
    name.strip_prefix(tool).is_some_and(version)
}

/// What a scanner takes from `status.d`: package to version, architecture and source.
fn scan(runner: &Contents) -> BTreeMap<String, [String; 3]> {
    let files = runner
        .files
        .keys()
        .filter(|path| path.starts_with("var/lib/dpkg/status.d/"));
    let stanzas = files.filter(|path| !path.ends_with(".md5sums"));
    stanzas
        .map(|path| {
            let text = runner.text(path);
            let field = |name: &str| {
                let line = text
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                line.map(str::to_owned)
            };
            let package = field("Package").expect("a package");
            let source = field("Source").unwrap_or_else(|| package.clone());
            let [version, architecture] =
                ["Version", "Architecture"].map(|name| field(name).expect("a field"));
            (package, [version, architecture, source])
        })
        .collect()
}

#[test]
fn a_scanner_finds_every_package_of_the_lock() {
    let Some((world, runner)) = built() else {
        return;
    };
    let text = std::fs::read_to_string(world.app.join("daruma.lock")).expect("daruma.lock");
    let lock = Lock::parse(&text).expect("a lock");
    let pins = &lock.targets.first().expect("a platform").runner.packages;
    let scanned = scan(&runner);
    assert!(pins.len() > 40);
    assert_eq!(scanned.len(), pins.len());
    for pin in pins {
        let [version, architecture, source] = &scanned[pin.name.as_str()];
        assert_eq!(
            (version, architecture),
            (&pin.version, &pin.arch),
            "{}",
            pin.name
        );
        assert!(
            !source.is_empty()
                && runner
                    .text(&format!("var/lib/dpkg/status.d/{}", pin.name))
                    .ends_with('\n')
        );
    }
    let release = runner.text("usr/lib/os-release");
    assert!(
        release.contains("ID=debian") && release.contains("VERSION_ID=\"13\""),
        "{release}"
    );
    assert!(runner.files.contains_key("etc/os-release"));
}

#[test]
fn a_runner_is_small_beside_a_minimal_system_with_the_same_packages() {
    let Some((_world, runner)) = built() else {
        return;
    };
    let system = match debian::system("ruby puma ruby-sinatra ruby-pg") {
        Ok(root) => debian::size(&root),
        Err(why) => return skipped(&why),
    };
    let share = runner.size * 100 / system;
    assert!(system > 100_000_000, "{system}");
    assert!(
        share <= SHARE,
        "{share} %: {} of {system} bytes",
        runner.size
    );
}
