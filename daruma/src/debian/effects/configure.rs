//! The run: preinst of all, postinst of all, triggers, the loader's cache.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{EffectsError, Files, Handled, Options, Outcome, PackageInput, Script, Unknown};
use super::machine::Machine;
use super::shell::{Shell, Stop};
use super::world::World;
use super::{ldconfig, order};

/// Rounds of triggers; each handles what the one before activated.
const MAX_ROUNDS: usize = 5;

/// Computes what `dpkg --configure --pending` would do to unpacked packages.
///
/// Scripts are evaluated against `files`, in dependency order. A script that is not understood to its end has no effect at
/// all and is named in [`Outcome::unknown`]; the packages after it are configured as if it had done nothing.
pub fn configure(
    packages: &[PackageInput<'_>],
    files: &dyn Files,
    options: &Options,
) -> Result<Outcome, EffectsError> {
    let mut names = BTreeSet::new();
    for package in packages {
        if !names.insert((package.name, package.architecture)) {
            return Err(EffectsError::Duplicate(package.name.to_owned()));
        }
    }
    let mut run = Run {
        machine: Machine::new(World::new(files), packages, options),
        outcome: Outcome::default(),
        configured: BTreeSet::new(),
    };
    let order = order::order(packages);
    for script in [Script::Preinst, Script::Postinst] {
        for &package in &order {
            run.script(package, script, &[]);
        }
    }
    run.triggers(&order);
    run.loader_cache();
    run.outcome.changes = run.machine.world.changes()?;
    Ok(run.outcome)
}

struct Run<'a> {
    machine: Machine<'a>,
    outcome: Outcome,
    /// Packages whose postinst is known; only these handle triggers.
    configured: BTreeSet<usize>,
}

impl Run<'_> {
    fn script(&mut self, package: usize, script: Script, triggers: &[String]) {
        let input = &self.machine.packages[package];
        let member = match script {
            Script::Preinst => "preinst",
            Script::Postinst | Script::Triggered => "postinst",
        };
        let Some(file) = input.control.get(member) else {
            if script == Script::Postinst {
                self.configured.insert(package);
            }
            return;
        };
        let result = match std::str::from_utf8(&file.data) {
            Ok(text) => self.evaluate(package, script, text, triggers),
            Err(_) => Err("it is not text".to_owned()),
        };
        let name = self.machine.packages[package].name.to_owned();
        match result {
            Ok(omitted) => {
                if script == Script::Postinst {
                    self.configured.insert(package);
                }
                self.outcome.handled.push(Handled {
                    package: name,
                    script,
                    omitted,
                });
            }
            Err(reason) => self.outcome.unknown.push(Unknown {
                package: name,
                script,
                reason,
            }),
        }
    }

    /// Evaluates one script; on any doubt the file system is as before.
    fn evaluate(
        &mut self,
        package: usize,
        script: Script,
        text: &str,
        triggers: &[String],
    ) -> Result<Vec<String>, String> {
        let shebang = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("#!")
            .trim();
        let interpreter = shebang.split_whitespace().next().unwrap_or_default();
        if !matches!(
            interpreter,
            "/bin/sh"
                | "/bin/dash"
                | "/bin/bash"
                | "/usr/bin/sh"
                | "/usr/bin/dash"
                | "/usr/bin/bash"
        ) {
            return Err(format!("its interpreter is `{interpreter}`"));
        }
        self.machine.begin(package, script);
        let before = self.machine.world.snapshot();
        let pending = self.machine.triggers.clone();
        let debconf = self.machine.debconf.clone();
        let arguments: Vec<String> = match script {
            Script::Preinst => vec!["install".to_owned()],
            Script::Postinst => vec!["configure".to_owned(), String::new()],
            Script::Triggered => vec!["triggered".to_owned(), triggers.join(" ")],
        };
        let environment = self.machine.environment();
        let ended = Shell::new(&mut self.machine, "maintainer-script", environment)
            .script(text, &arguments);
        let reason = match ended {
            Ok(0) => return Ok(self.machine.omissions()),
            Ok(status) => format!("it ends with status {status}"),
            Err(Stop::Unknown(reason)) => reason,
            Err(_) => "a `break` or `continue` outside a loop".to_owned(),
        };
        self.machine.world.restore(before);
        self.machine.triggers = pending;
        self.machine.debconf = debconf;
        Err(reason)
    }

    /// Runs `postinst triggered` for what scripts activated. File triggers need no second run: every interested
    /// package's `configure` ran when all files were there, and dpkg's own run then finds nothing new.
    fn triggers(&mut self, order: &[usize]) {
        let mut interests: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &package in order {
            let text = self.machine.packages[package]
                .control
                .text("triggers")
                .unwrap_or_default();
            for line in text.lines() {
                let mut words = line.split_whitespace();
                if words
                    .next()
                    .is_some_and(|word| word.starts_with("interest"))
                {
                    let name = words.next().unwrap_or_default().to_owned();
                    interests.entry(name).or_default().push(package);
                }
            }
        }
        for _ in 0..MAX_ROUNDS {
            let mut due: BTreeMap<usize, Vec<String>> = BTreeMap::new();
            for name in std::mem::take(&mut self.machine.triggers) {
                if name == "ldconfig" {
                    continue;
                }
                for &package in interests.get(&name).into_iter().flatten() {
                    due.entry(package).or_default().push(name.clone());
                }
            }
            if due.is_empty() {
                return;
            }
            for (package, names) in due {
                if self.configured.contains(&package) {
                    self.script(package, Script::Triggered, &names);
                }
            }
        }
    }

    /// What `ldconfig` leaves, where libc-bin is there to run it.
    fn loader_cache(&mut self) {
        if self.machine.find("libc-bin").is_none() {
            return;
        }
        let before = self.machine.world.snapshot();
        if let Err(problem) = ldconfig::run(&mut self.machine.world) {
            self.machine.world.restore(before);
            self.outcome.unknown.push(Unknown {
                package: "libc-bin".to_owned(),
                script: Script::Triggered,
                reason: format!("ldconfig: {problem}"),
            });
        }
    }
}
