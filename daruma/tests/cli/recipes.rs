//! What the user's own files say, and what daruma says where they are wrong.

use insta::assert_snapshot;
use testkit::world::package;
use testkit::{Bench, Place};

use crate::shop::{DARUMA, Shop};

#[test]
fn a_wrong_manifest_is_told_with_place_and_nearest_key() {
    let bench = Bench::new(DARUMA);
    bench.write("Procfile", "web: ./server\n");
    bench.write(
        "daruma.toml",
        "nmae = \"shop\"\n\n[runner]\npakages = [\"curl\"]\nbase = \"tiny\"\nsuite = 13\n",
    );
    assert_snapshot!(bench.run(&["plan"]), @r#"
    exit code 2
    --- stderr
    error: cannot use the recipe: 4 errors
    daruma.toml:1:1: error: unknown key `nmae`
     1 | nmae = "shop"
       | ^^^^
    help: did you mean `name`?
    daruma.toml:4:1: error: unknown key `runner.pakages`
     4 | pakages = ["curl"]
       | ^^^^^^^
    help: did you mean `packages`?
    daruma.toml:5:8: error: `runner.base` cannot be `tiny`
     5 | base = "tiny"
       |        ^^^^^^
    help: known here: `default`, `minimal`, `none`
    daruma.toml:6:9: error: `runner.suite` must be a text, not a number
     6 | suite = 13
       |         ^^
    help: put it in quotes: `"…"`
    "#);
    bench.write("daruma.toml", "[runner\n");
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot use the recipe: 1 error
    daruma.toml:1:8: error: this is not TOML: unclosed table, expected `]`
     1 | [runner
       |        ^
    ");
    bench.write(
        "daruma.toml",
        "[runner]\nsuite = \"trixie\"\nimage = \"debian\"\n",
    );
    assert_snapshot!(bench.run(&["plan"]), @r#"
    exit code 2
    --- stderr
    error: cannot use the recipe: 1 error
    daruma.toml:3:1: error: `runner.image` cannot stand beside `runner.suite` (daruma.toml:2:1)
     3 | image = "debian"
       | ^^^^^
    help: keep exactly one of `suite`, `image` and `dockerfile`
    "#);
    bench.write("daruma.toml", "[runner]\nimage = \"debian:trixie\"\n");
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot do what [runner] (daruma.toml:2) asks for: this version of daruma compiles nothing and makes its roles from Debian packages, in its own sandbox
    ");
    bench.write("daruma.toml", "[process.cron]\nstart = false\n");
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot use the recipe: 1 error
    daruma.toml:1:10: error: [process.cron] has no `command`, and the Procfile has no `cron`
    help: add one of them, or remove the table
    ");
    bench.write("daruma.toml", b"name = \"\xff\"\n");
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot read daruma.toml: line 1, column 9 is not UTF-8
    ");
    assert!(bench.files("shop").len() == 2, "nothing is written");
}

#[test]
fn a_wrong_procfile_is_told_line_by_line() {
    let bench = Bench::new(DARUMA);
    bench.write(
        "Procfile",
        "web ./server\n: ./nameless\nweb: ./a\nweb: ./b\nempty:\n# fine\nwe b: ./c\n",
    );
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot use the recipe: 4 errors
    Procfile:1:1: error: this is not `name: command`
    help: begin a comment with `#`
    Procfile:2:1: error: `` is not a process name (1 to 63 of A-Z, a-z, 0-9, `_` and `-`, at least one a letter or digit)
    help: a line is `name: command`, a comment begins with `#`
    Procfile:4:1: warning: `web` stands here again: this line counts, line 3 does not
    help: remove one: foreman runs both, honcho and overmind refuse the file, `heroku local` takes the last
    Procfile:5:1: error: `empty` has no command
    help: write `empty: <command>`, or remove the line
    Procfile:7:1: error: `we b` is not a process name (1 to 63 of A-Z, a-z, 0-9, `_` and `-`, at least one a letter or digit)
    help: a line is `name: command`, a comment begins with `#`
    ");
    bench.write("Procfile", "Web: ./a\nweb: ./b\n");
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot use the recipe: 1 error
    Procfile:1:1: error: `Web` and another process would share the image name `web`
    help: rename one of them
    ");
    bench.write("Procfile", "# nothing yet\n");
    assert_snapshot!(bench.run(&["plan"]), @"
    exit code 2
    --- stderr
    error: cannot use the recipe: 1 error
    Procfile:1:1: error: the file names no process
    help: write for example `web: bundle exec puma`, or remove the file
    ");
}

#[test]
fn doubtful_lines_of_dotenv_are_warned_of_without_their_values() {
    let Some(shop) = Shop::open() else { return };
    shop.bench.write(
        ".env",
        "PORT=4000\nTOKEN = spaced-secret\nexport QUOTED=\"a$b-secret\"\nNOVALUE\n",
    );
    let outcome = shop.run(&["plan", "-q"]);
    assert_snapshot!(outcome, @"
    exit code 2
    --- stderr
    error: cannot use the recipe: 1 error
    .env:3:1: warning: `export` was skipped
    help: remove it: foreman and honcho ignore such a line, `heroku local` takes `export` into the name
    .env:3:17: warning: `$` was kept: nothing is expanded or executed
    help: put the value in single quotes: overmind and dotenv for Ruby and Python expand, dotenv for Ruby executes
    .env:4:1: error: this is not `NAME=value`
    help: write `NAME=` for an empty value; begin a comment with `#`; quote a value that spans lines
    ");
    shop.bench.write(".env", "export QUOTED=\"a$b-secret\"\n");
    assert_snapshot!(shop.run(&["why", "1", "-q"]), @"
    exit code 0
    --- stdout
    step 1 (builder image): not needed: nothing in this app is compiled
    --- stderr
    .env:1:1: warning: `export` was skipped
    help: remove it: foreman and honcho ignore such a line, `heroku local` takes `export` into the name
    .env:1:17: warning: `$` was kept: nothing is expanded or executed
    help: put the value in single quotes: overmind and dotenv for Ruby and Python expand, dotenv for Ruby executes
    ");
}

#[test]
fn a_missing_package_is_told_with_its_nearest_names() {
    let Some(mut shop) = Shop::open() else { return };
    shop.world.add(Place::Main, package("libpq5", "17.6-0"));
    shop.world.add(Place::Main, package("libpq-dev", "17.6-0"));
    shop.declare("[runner]\npackages = [\"libpq6\"]\n");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 1
    --- stderr
    error: cannot resolve the runner's packages
      caused by: cannot find the package `libpq6` in trixie, trixie-updates, trixie-security; there is libpq5
    ");
    shop.declare("[runner]\npackages = [\"libpq5 (>= 18)\"]\n");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 1
    --- stderr
    error: cannot resolve the runner's packages
      caused by: cannot find a version for `libpq5 (>= 18)`: there is libpq5 17.6-0 (trixie)
    ");
    shop.declare("[runner]\npackages = [\"libpq5 (>> )\"]\n");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 1
    --- stderr
    error: cannot read the package `libpq5 (>> )`
      caused by: cannot read the relation `libpq5 (>> )` at column 1
      caused by: `` is not a package version: it has no upstream part
    ");
    assert!(!shop.lock().exists());
}

#[test]
fn an_unsatisfiable_set_explains_itself() {
    let Some(mut shop) = Shop::open() else { return };
    let doll = package("doll", "1.0-1").field("Depends", "paint (>= 2), wood");
    shop.world.add(Place::Main, doll);
    shop.world.add(Place::Main, package("paint", "1.5-1"));
    shop.world.add(Place::Main, package("wood", "1-1"));
    shop.world.add(
        Place::Main,
        package("plastic", "1-1").field("Conflicts", "wood"),
    );
    shop.declare("[runner]\npackages = [\"doll\"]\n");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 1
    --- stderr
    error: cannot resolve the runner's packages
      caused by: cannot put these packages together: base-files, base-passwd, ca-certificates, coreutils, dash, libc-bin, tzdata, perl, doll
        └─ doll cannot be installed:
           └─ doll 1.0-1 cannot be used: nothing satisfies `paint (>= 2)`
    ");
    shop.declare("[runner]\npackages = [\"wood\", \"plastic\"]\n");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 1
    --- stderr
    error: cannot resolve the runner's packages
      caused by: cannot put these packages together: base-files, base-passwd, ca-certificates, coreutils, dash, libc-bin, tzdata, perl, wood, plastic
        ├─ wood could be:
        │  └─ wood 1-1
        └─ plastic cannot be installed:
           └─ plastic 1-1 excludes
              └─ wood, which is needed as well (see above)
    ");
    assert!(!shop.lock().exists());
}

#[test]
fn an_unknown_maintainer_script_is_refused_by_name() {
    let Some(mut shop) = Shop::open() else { return };
    let script = "#!/bin/sh\nset -e\nfrobnicate --now /var/lib/doll\n";
    shop.world.add(
        Place::Main,
        package("doll", "1.0-1").script("postinst", script),
    );
    let script = "#!/usr/bin/python3\nprint('hello')\n";
    shop.world.add(
        Place::Main,
        package("snake", "1.0-1").script("postinst", script),
    );
    shop.declare("[runner]\npackages = [\"doll\", \"snake\"]\n");
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 1
    --- stderr
    error: cannot find out what runs scripts that daruma does not know:
      postinst of doll: it ends because there is no `frobnicate`
      postinst of snake: its interpreter is `/usr/bin/python3`
      caused by: cannot resolve the packages that configure the runner; the archive may have moved on from daruma.lock
      caused by: cannot find the package `dpkg` in trixie, trixie-updates, trixie-security
    ");
}

#[test]
fn two_packages_that_ship_one_path_do_not_fit_unless_one_replaces_the_other() {
    let Some(mut shop) = Shop::open() else { return };
    let toy = |name: &str| {
        package(name, "1-1")
            .dir("usr/lib/")
            .file("usr/lib/toy", 0o644, name.as_bytes())
    };
    shop.world.add(Place::Main, toy("doll"));
    shop.world.add(Place::Main, toy("bear"));
    shop.world
        .add(Place::Main, toy("kite").field("Replaces", "doll"));
    shop.declare("[runner]\npackages = [\"doll\", \"bear\"]\n");
    assert_snapshot!(shop.run(&["build", "-q"]), @"
    exit code 1
    --- stderr
    error: step 3 (runner image) failed
      caused by: cannot put the packages together
      caused by: cannot put `bear` and `doll` into one image: both ship /usr/lib/toy
    ");
    shop.declare("[runner]\npackages = [\"doll\", \"kite\"]\n");
    assert_eq!(
        shop.run(&["exec", "-q", "cat", "/usr/lib/toy"])
            .success()
            .stdout,
        "kite"
    );
}

#[test]
fn a_minimal_runner_gets_a_shell_only_where_a_line_needs_one() {
    let Some(shop) = Shop::open() else { return };
    shop.declare("[runner]\nbase = \"minimal\"\n");
    shop.bench.write("Procfile", "web: ./server.pl\n");
    shop.build();
    assert_eq!(shop.run(&["shell"]).failure(1).stdout, "");
    shop.bench
        .write("Procfile", "web: ./server.pl\njob: echo $HOME; id -u\n");
    assert_eq!(
        shop.run(&["start", "-q", "job"]).success().stdout,
        "job | /app\njob | 1000\n"
    );
    shop.bench
        .write("Procfile", "web: ./server.pl\njob: ./script\n");
    shop.bench
        .write_script("script", "#!/bin/sh\necho from a script\n");
    assert_eq!(
        shop.run(&["start", "-q", "job"]).success().stdout,
        "job | from a script\n"
    );
}

#[test]
fn what_the_ignore_file_names_is_not_in_the_image() {
    let Some(shop) = Shop::open() else { return };
    shop.bench.write(".dockerignore", "node_modules\n*.log\n");
    shop.bench.write("node_modules/x", "x");
    shop.bench.write("a.log", "x");
    shop.bench.write("kept", "x");
    shop.bench.write(".git/HEAD", "ref: refs/heads/main\n");
    let listed = shop.run(&["exec", "-q", "ls", "-A", "/app"]).success();
    assert_eq!(listed.stdout, "Procfile\nkept\nserver.pl\n");
}
