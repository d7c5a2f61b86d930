//! The first minutes: an empty directory, a word too many, help, a first plan.

use insta::assert_snapshot;
use testkit::Bench;

use crate::shop::{DARUMA, Shop};

#[test]
fn in_an_empty_directory_each_command_says_what_it_misses() {
    let bench = Bench::new(DARUMA);
    let missing = bench.run(&["build"]);
    assert_snapshot!(missing, @"
    exit code 2
    --- stderr
    error: cannot find a process to run in [DIR]/shop: there is no Procfile and no [process.*] in daruma.toml
    hint: echo 'web: ./server' > Procfile
    ");
    let others: [&[&str]; 5] = [
        &["plan"],
        &["start"],
        &["exec", "true"],
        &["shell"],
        &["why"],
    ];
    for args in others {
        assert_eq!(bench.run(args).to_string(), missing.to_string(), "{args:?}");
    }
    assert_snapshot!(bench.run(&["ps"]), @"
    exit code 0
    --- stderr
    no app runs
    ");
    assert_snapshot!(bench.run(&["stop"]), @"
    exit code 1
    --- stderr
    error: cannot stop shop-[ID]: it does not run
    ");
    assert_snapshot!(bench.run(&["images"]), @"
    exit code 0
    --- stderr
    no images; `daruma build` makes some
    ");
    assert_snapshot!(bench.run(&["inspect"]), @"
    exit code 1
    --- stderr
    error: cannot find the runner image: the step that makes it was not done yet
    hint: daruma build
    ");
    assert_snapshot!(bench.run(&["gc"]), @"
    exit code 0
    --- stderr
    nothing to remove
    ");
    assert!(
        bench.files("shop").is_empty(),
        "nothing is written into the project"
    );
}

#[test]
fn what_is_no_directory_is_named() {
    let bench = Bench::new(DARUMA);
    assert_snapshot!(bench.run(&["-C", "nowhere", "build"]), @"
    exit code 2
    --- stderr
    error: cannot find the app: nowhere is no directory
    ");
    bench.write("file", "");
    assert_snapshot!(bench.run(&["build", "file"]), @"
    exit code 2
    --- stderr
    error: cannot find the app: file is no directory
    ");
}

#[test]
fn a_wrong_word_is_a_usage_error_with_the_nearest_right_one() {
    let bench = Bench::new(DARUMA);
    assert_snapshot!(bench.run(&["biuld"]), @"
    exit code 2
    --- stderr
    error: unrecognized subcommand 'biuld'

      tip: a similar subcommand exists: 'build'

    Usage: daruma [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["build", "--ofline"]), @"
    exit code 2
    --- stderr
    error: unexpected argument '--ofline' found

      tip: a similar argument exists: '--offline'

    Usage: daruma build --offline [DIR]

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["build", "--step", "5"]), @"
    exit code 2
    --- stderr
    error: invalid value '5' for '--step <N|N-M>': `5` is not a step: they are 1, 2, 3 and 4

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["build", "--step", "4-2"]), @"
    exit code 2
    --- stderr
    error: invalid value '4-2' for '--step <N|N-M>': step 4 comes after step 2

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["build", "--output", "zip:a"]), @"
    exit code 2
    --- stderr
    error: invalid value 'zip:a' for '--output <oci:DIR|tar:FILE>': expected oci:DIR or tar:FILE (tar:- is standard output)

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["why", "9"]), @"
    exit code 2
    --- stderr
    error: invalid value '9' for '[STEP]': 9 is not in 1..=4

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["start", "-p", "web"]), @"
    exit code 2
    --- stderr
    error: invalid value 'web' for '--port <PORT>': cannot read `-p web`: `web` is not a port from 1 to 65535 (expected PORT, HOST:CONTAINER or ADDRESS:HOST:CONTAINER)

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["start", "-p", "0"]), @"
    exit code 2
    --- stderr
    error: invalid value '0' for '--port <PORT>': cannot read `-p 0`: `0` is not a port from 1 to 65535 (expected PORT, HOST:CONTAINER or ADDRESS:HOST:CONTAINER)

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["exec"]), @"
    exit code 2
    --- stderr
    error: the following required arguments were not provided:
      <COMMAND>...

    Usage: daruma exec <COMMAND>...

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["build", "-q", "-v"]), @"
    exit code 2
    --- stderr
    error: the argument '--quiet' cannot be used with '--verbose'

    Usage: daruma build --quiet [DIR]

    For more information, try '--help'.
    ");
    assert_snapshot!(bench.run(&["completions", "tcsh"]), @"
    exit code 2
    --- stderr
    error: invalid value 'tcsh' for '<SHELL>'
      [possible values: bash, elvish, fish, powershell, zsh]

      tip: a similar value exists: 'zsh'

    For more information, try '--help'.
    ");
}

#[test]
fn help_lists_the_commands() {
    let bench = Bench::new(DARUMA);
    assert_snapshot!(bench.run(&["--help"]), @"
    exit code 0
    --- stdout
    From an application's source tree to a fresh, secure, running container image, in four named steps

    Usage: daruma [OPTIONS] <COMMAND>

    Commands:
      plan         Show the four steps, their inputs, and where each decision comes from
      build        Make the images, doing only the steps whose inputs changed
      start        Build and run the app's processes
      exec         Run one command in the app's image
      shell        Open a shell in an image of the app
      ps           List running apps and their processes
      stop         End a running app
      why          Say why a step must be redone, or that it must not
      images       List the images in daruma's store
      inspect      Show an image: its layers, packages, environment and labels
      gc           Remove what no app needs
      completions  Write a completion script for a shell

    Options:
      -C, --directory <DIR>      The app's directory; the current one without this
      -q, --quiet                Say errors and warnings only
      -v, --verbose              Also show what the commands of a build print
          --offline              Use no network: what is not on this machine is an error
          --locked               Fail where daruma.lock would have to change
          --platform <PLATFORM>  The platform to build for, e.g. linux/amd64; daruma.toml's, or this
                                 machine's, without this
          --debian-mirror <URL>  Where Debian's main archive is mirrored; the host's apt sources say it
                                 without this [env: DARUMA_DEBIAN_MIRROR]
          --allow-expired        Accept an index of Debian's that is past its Valid-Until, as mirrors
                                 that lag behind have it
          --allow-rollback       Accept an index of Debian's that is older than one already seen, as a
                                 slower mirror has it
      -h, --help                 Print help
      -V, --version              Print version
    ");
    assert_eq!(bench.run::<&str>(&[]).failure(2).stdout, "");
    assert_snapshot!(bench.run(&["start", "--help"]), @"
    exit code 0
    --- stdout
    Build and run the app's processes

    Usage: daruma start [OPTIONS] [PROCESSES]...

    Arguments:
      [PROCESSES]...  The processes; all but `release` and those with `start = false` without this

    Options:
      -C, --directory <DIR>      The app's directory; the current one without this
      -p, --port <PORT>          PORT of web, or HOST:CONTAINER to listen on HOST at 127.0.0.1 for it
          --grace <SECONDS>      Seconds that processes have to end before they are killed [default: 10]
      -q, --quiet                Say errors and warnings only
      -v, --verbose              Also show what the commands of a build print
          --offline              Use no network: what is not on this machine is an error
          --locked               Fail where daruma.lock would have to change
          --platform <PLATFORM>  The platform to build for, e.g. linux/amd64; daruma.toml's, or this
                                 machine's, without this
          --debian-mirror <URL>  Where Debian's main archive is mirrored; the host's apt sources say it
                                 without this [env: DARUMA_DEBIAN_MIRROR]
          --allow-expired        Accept an index of Debian's that is past its Valid-Until, as mirrors
                                 that lag behind have it
          --allow-rollback       Accept an index of Debian's that is older than one already seen, as a
                                 slower mirror has it
      -h, --help                 Print help
    ");
    let version = format!("daruma {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(bench.run(&["--version"]).success().stdout, version);
}

#[test]
fn completions_name_every_command() {
    let bench = Bench::new(DARUMA);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = bench.run(&["completions", shell]).success().stdout;
        for verb in [
            "plan", "build", "start", "exec", "shell", "stop", "why", "inspect",
        ] {
            assert!(script.contains(verb), "{shell} does not complete {verb}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is shown is long")]
fn a_plan_names_the_file_that_each_decision_came_from() {
    let Some(shop) = Shop::open() else { return };
    shop.declare(
        "name = \"dolls\"\n\n[runner]\nbase = \"minimal\"\npackages = [\"dash\"]\n\n[env]\nMOOD = \"good\"\n\n\
         [process.release]\ncommand = \"./migrate\"\n\n",
    );
    assert_snapshot!(shop.run(&["plan"]), @"
    exit code 0
    --- stdout
    dolls for linux/amd64

      name                       dolls        daruma.toml:1
      suite                      trixie       default
      base                       minimal      daruma.toml:4
      runner package             dash         daruma.toml:5
      process web                ./server.pl  Procfile:1
      program                    perl         server.pl:1
      process cli                sleep 600    Procfile:2
      program                    sleep        Procfile:2
      process release            ./migrate    daruma.toml:11
      program                    migrate      daruma.toml:11
      environment variable MOOD  good         daruma.toml:8

      step 1  builder image  not needed  nothing in this app is compiled
      step 2  compile        to do       takes the source as it is
              not built here before
      step 3  runner image   to do       8 Debian packages from trixie
              not built here before
      step 4  app images     to do       web, cli, release
              not built here before
    --- stderr
    daruma.toml:11: no package is known for `migrate`; it must be in the source or in [runner] packages
    wrote daruma.lock (8 packages)
    ");
    let outcome = shop.run(&["plan", "--json"]).success();
    assert_snapshot!(outcome, @r#"
    exit code 0
    --- stdout
    {
      "version": 1,
      "app": "dolls",
      "platform": "linux/amd64",
      "decisions": [
        {
          "what": "name",
          "value": "dolls",
          "from": "daruma.toml:1"
        },
        {
          "what": "suite",
          "value": "trixie",
          "from": "default"
        },
        {
          "what": "base",
          "value": "minimal",
          "from": "daruma.toml:4"
        },
        {
          "what": "runner package",
          "value": "dash",
          "from": "daruma.toml:5"
        },
        {
          "what": "process web",
          "value": "./server.pl",
          "from": "Procfile:1"
        },
        {
          "what": "program",
          "value": "perl",
          "from": "server.pl:1"
        },
        {
          "what": "process cli",
          "value": "sleep 600",
          "from": "Procfile:2"
        },
        {
          "what": "program",
          "value": "sleep",
          "from": "Procfile:2"
        },
        {
          "what": "process release",
          "value": "./migrate",
          "from": "daruma.toml:11"
        },
        {
          "what": "program",
          "value": "migrate",
          "from": "daruma.toml:11"
        },
        {
          "what": "environment variable MOOD",
          "value": "good",
          "from": "daruma.toml:8"
        }
      ],
      "steps": [
        {
          "number": 1,
          "title": "builder image",
          "input": {
            "known": "[DIGEST]"
          },
          "key": null,
          "summary": "nothing in this app is compiled"
        },
        {
          "number": 2,
          "title": "compile",
          "input": {
            "known": "[DIGEST]"
          },
          "key": {
            "fields": [
              {
                "label": "compile format",
                "value": "1"
              },
              {
                "label": "platform",
                "value": "linux/amd64"
              },
              {
                "label": "source",
                "value": {
                  "digest": "[DIGEST]"
                }
              }
            ]
          },
          "summary": "takes the source as it is"
        },
        {
          "number": 3,
          "title": "runner image",
          "input": {
            "known": "[DIGEST]"
          },
          "key": {
            "fields": [
              {
                "label": "runner format",
                "value": "1"
              },
              {
                "label": "platform",
                "value": "linux/amd64"
              },
              {
                "label": "suite",
                "value": "trixie"
              },
              {
                "label": "runner package",
                "value": {
                  "base-files": "13.8 ([SHORT])",
                  "base-passwd": "3.6.7 ([SHORT])",
                  "coreutils": "9.7-3 ([SHORT])",
                  "dash": "0.5.12-12 ([SHORT])",
                  "libc-bin": "2.41-12 ([SHORT])",
                  "libc6": "2.41-12 ([SHORT])",
                  "perl": "5.40.1-6 ([SHORT])",
                  "perl-base": "5.40.1-6 ([SHORT])"
                }
              },
              {
                "label": "package that configures the runner",
                "value": {}
              }
            ]
          },
          "summary": "8 Debian packages from trixie"
        },
        {
          "number": 4,
          "title": "app images",
          "input": {
            "known": "[DIGEST]"
          },
          "key": {
            "fields": [
              {
                "label": "app image format",
                "value": "1"
              },
              {
                "label": "name",
                "value": "dolls"
              },
              {
                "label": "compiled app",
                "value": {
                  "digest": "[DIGEST]"
                }
              },
              {
                "label": "runner",
                "value": {
                  "digest": "[DIGEST]"
                }
              },
              {
                "label": "process",
                "value": {
                  "cli": "sleep 600",
                  "release": "./migrate",
                  "web": "./server.pl"
                }
              },
              {
                "label": "environment variable",
                "value": {
                  "MOOD": "good"
                }
              },
              {
                "label": "file",
                "value": {
                  "Procfile": "[SHORT]"
                }
              },
              {
                "label": "created",
                "value": "1761991200"
              }
            ]
          },
          "summary": "web, cli, release"
        }
      ],
      "created": 1761991200,
      "processes": [
        {
          "name": "web",
          "entrypoint": [
            "./server.pl"
          ]
        },
        {
          "name": "cli",
          "entrypoint": [
            "sleep",
            "600"
          ]
        },
        {
          "name": "release",
          "entrypoint": [
            "./migrate"
          ]
        }
      ],
      "env": {
        "MOOD": "good"
      }
    }
    --- stderr
    daruma.toml:11: no package is known for `migrate`; it must be in the source or in [runner] packages
    "#);
    let plan: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let decisions = plan["decisions"].as_array().expect("decisions");
    assert!(
        decisions.iter().all(|decision| decision["from"] != ""),
        "{decisions:?}"
    );
    assert_eq!(
        shop.run(&["plan", "--json"]).stdout,
        outcome.stdout,
        "the plan is stable"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is shown is long")]
fn the_whole_first_round() {
    let Some(shop) = Shop::open() else { return };
    assert_snapshot!(shop.run(&["plan"]), @"
    exit code 0
    --- stdout
    shop for linux/amd64

      name         shop         the directory's name
      suite        trixie       default
      base         default      default
      process web  ./server.pl  Procfile:1
      program      perl         server.pl:1
      process cli  sleep 600    Procfile:2
      program      sleep        Procfile:2

      step 1  builder image  not needed  nothing in this app is compiled
      step 2  compile        to do       takes the source as it is
              not built here before
      step 3  runner image   to do       10 Debian packages from trixie
              not built here before
      step 4  app images     to do       web, cli
              not built here before
    --- stderr
    wrote daruma.lock (10 packages)
    ");
    assert_snapshot!(shop.run(&["build"]), @"
    exit code 0
    --- stdout
    shop  [DIGEST] [SIZE]
    shop-cli  [DIGEST] [SIZE]
    --- stderr
    step 2 compile: not built here before
    step 2 compile done in [TIME]
    step 3 runner image: not built here before
           downloading 10 packages
    step 3 runner image done in [TIME]
    step 4 app images: not built here before
    step 4 app images done in [TIME]
    done in [TIME]
    ");
    assert_snapshot!(shop.run(&["images"]), @"
    exit code 0
    --- stdout
    shop-[ID]  linux/amd64  compiled    [SHORT] [SIZE]
    shop-[ID]  linux/amd64  runner      [SHORT] [SIZE]
    shop-[ID]  linux/amd64  app-cli     [SHORT] [SIZE]
    shop-[ID]  linux/amd64  app-web     [SHORT] [SIZE]
    ");
    assert_snapshot!(shop.run(&["inspect"]), @r#"
    exit code 0
    --- stdout
    platform    linux/amd64
    user        1000:1000
    directory   /app
    entrypoint  ./server.pl
    env         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    env         LANG=C.UTF-8
    label       dev.daruma.app=shop
    label       dev.daruma.compiled={"key":"[DIGEST]","layers":["[DIGEST]","[DIGEST]"],"schema":1}
    label       dev.daruma.process=web
    label       dev.daruma.role=app
    label       dev.daruma.runner={"key":"[DIGEST]","layers":["[DIGEST]","[DIGEST]"],"schema":1,"suite":"trixie"}
    label       dev.daruma.target=linux/amd64
    layer       [SHORT] [SIZE]  daruma: Debian packages
    layer       [SHORT] [SIZE]  daruma: configuration of Debian packages
    layer       [SHORT] [SIZE]  daruma: recipe
    layer       [SHORT] [SIZE]  daruma: source
    "#);
    assert_snapshot!(shop.run(&["inspect", "cli"]), @r#"
    exit code 0
    --- stdout
    platform    linux/amd64
    user        1000:1000
    directory   /app
    entrypoint  sleep 600
    env         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    env         LANG=C.UTF-8
    label       dev.daruma.app=shop
    label       dev.daruma.compiled={"key":"[DIGEST]","layers":["[DIGEST]","[DIGEST]"],"schema":1}
    label       dev.daruma.process=cli
    label       dev.daruma.role=app
    label       dev.daruma.runner={"key":"[DIGEST]","layers":["[DIGEST]","[DIGEST]"],"schema":1,"suite":"trixie"}
    label       dev.daruma.target=linux/amd64
    layer       [SHORT] [SIZE]  daruma: Debian packages
    layer       [SHORT] [SIZE]  daruma: configuration of Debian packages
    layer       [SHORT] [SIZE]  daruma: recipe
    layer       [SHORT] [SIZE]  daruma: source
    "#);
    assert_snapshot!(shop.run(&["inspect", "runner"]), @r#"
    exit code 0
    --- stdout
    platform    linux/amd64
    user        0:0
    directory   /
    env         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    env         LANG=C.UTF-8
    label       dev.daruma.role=runner
    label       dev.daruma.runner={"key":"[DIGEST]","layers":["[DIGEST]","[DIGEST]"],"schema":1,"suite":"trixie"}
    label       dev.daruma.target=linux/amd64
    layer       [SHORT] [SIZE]  daruma: Debian packages
    layer       [SHORT] [SIZE]  daruma: configuration of Debian packages
    package     base-files 13.8 (trixie)
    package     base-passwd 3.6.7 (trixie)
    package     ca-certificates 20250419 (trixie)
    package     coreutils 9.7-3 (trixie)
    package     dash 0.5.12-12 (trixie)
    package     libc-bin 2.41-12 (trixie)
    package     libc6 2.41-12 (trixie)
    package     perl 5.40.1-6 (trixie)
    package     perl-base 5.40.1-6 (trixie)
    package     tzdata 2025b-4 (trixie)
    "#);
    assert_snapshot!(shop.run(&["inspect", "dolls"]), @"
    exit code 2
    --- stderr
    error: this app has no image `dolls`; there is runner, compiled, app-web, app-cli
    ");
    assert_snapshot!(shop.run(&["exec", "--", "id"]), @"
    exit code 0
    --- stdout
    uid=1000(app) gid=1000(app) groups=1000(app)
    ");
    assert_snapshot!(shop.run(&["plan"]), @"
    exit code 0
    --- stdout
    shop for linux/amd64

      name         shop         the directory's name
      suite        trixie       default
      base         default      default
      process web  ./server.pl  Procfile:1
      program      perl         server.pl:1
      process cli  sleep 600    Procfile:2
      program      sleep        Procfile:2

      step 1  builder image  not needed  nothing in this app is compiled
      step 2  compile        done        takes the source as it is
      step 3  runner image   done        10 Debian packages from trixie
      step 4  app images     done        web, cli
    ");
    assert_snapshot!(shop.run(&["why"]), @"
    exit code 0
    --- stdout
    step 1 (builder image): not needed: nothing in this app is compiled
    step 2 (compile): nothing to do: its inputs are those that it was done for
    step 3 (runner image): nothing to do: its inputs are those that it was done for
    step 4 (app images): nothing to do: its inputs are those that it was done for
    ");
    assert_snapshot!(shop.run(&["gc"]), @"
    exit code 0
    --- stderr
    nothing to remove
    ");
}
