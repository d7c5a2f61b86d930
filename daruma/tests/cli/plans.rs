//! The plan, for people and for programs.

use insta::assert_snapshot;

use crate::shop::Shop;

/// A shop that says something in every file.
fn talkative() -> Option<Shop> {
    let shop = Shop::open()?;
    shop.declare(
        "name = \"dolls\"\n\n[runner]\nbase = \"minimal\"\npackages = [\"dash\"]\n\n[env]\nMOOD = \"good\"\n\n\
         [process.release]\ncommand = \"./migrate\"\n\n",
    );
    Some(shop)
}

#[test]
fn a_plan_names_the_file_that_each_decision_came_from() {
    let Some(shop) = talkative() else { return };
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
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is shown is long")]
fn a_plan_for_programs_is_complete_and_stable() {
    let Some(shop) = talkative() else { return };
    shop.run(&["plan"]).success();
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
                "value": "2"
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
