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
            Ok(status) => self.machine.ending(status),
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::debian::effects::{Action, Kind, MultiArch, Stat};
    use crate::debian::{ControlFile, ControlFiles};
    use crate::tree::TreePath;

    /// Files by path; every directory above one is there too.
    struct Memory(BTreeMap<&'static str, &'static str>);

    impl Files for Memory {
        fn read(&self, path: &TreePath) -> Option<Cow<'_, [u8]>> {
            let text = self.0.get(path.to_string().as_str())?;
            Some(Cow::Borrowed(text.as_bytes()))
        }

        fn stat(&self, path: &TreePath) -> Option<Stat> {
            let (dir, path) = (format!("{path}/"), path.to_string());
            let kind = if self.0.contains_key(path.as_str()) {
                Kind::File
            } else if self.0.keys().any(|file| file.starts_with(&dir)) {
                Kind::Dir
            } else {
                return None;
            };
            Some(Stat {
                kind,
                mode: 0o755,
                uid: 0,
                gid: 0,
            })
        }

        fn list(&self, dir: Option<&TreePath>) -> Vec<Vec<u8>> {
            let prefix = dir.map_or(String::new(), |dir| format!("{dir}/"));
            let below = self.0.keys().filter_map(|file| file.strip_prefix(&prefix));
            below
                .filter_map(|rest| rest.split('/').next())
                .map(|name| name.as_bytes().to_vec())
                .collect()
        }
    }

    fn run(postinst: &str) -> Outcome {
        let script = ControlFile {
            mode: 0o755,
            data: format!("#!/bin/sh\nset -e\n{postinst}").into_bytes(),
        };
        let control: ControlFiles = [("postinst".to_owned(), script)].into_iter().collect();
        let package = PackageInput {
            name: "shop",
            version: "1",
            architecture: "all",
            multi_arch: MultiArch::Other,
            control: &control,
            files: &[],
        };
        let files = Memory(BTreeMap::from([
            ("etc/shop.conf", "port=80\n# old\n"),
            ("usr/bin/strange", "\u{7f}ELF"),
            ("usr/bin/plain", "#!/bin/sh\necho from $1 > /etc/plain\n"),
        ]));
        let options = Options {
            architecture: "amd64".to_owned(),
            shadow_day: 1,
        };
        configure(&[package], &files, &options).expect("a configuration")
    }

    #[test]
    fn what_scripts_write_is_what_sh_would_write() {
        let rows = [
            ("echo a > /etc/x", "a\n"),
            (
                "if [ \"$1\" = configure ] && [ -z \"$2\" ]; then echo first; fi > /etc/x",
                "first\n",
            ),
            (
                "f() { local v=$1; echo \"${v%.conf}\"; }; f shop.conf > /etc/x",
                "shop\n",
            ),
            (
                "for i in 1 2 3; do [ $i = 2 ] && continue; printf '%s,' $i; done > /etc/x",
                "1,3,",
            ),
            (
                "sed -e 's/80/81/' -e '/^#/d' /etc/shop.conf | cat > /etc/x",
                "port=81\n",
            ),
            (
                "sed -e '/^port\\S80/!d;s/\\w\\+=/is /' /etc/shop.conf > /etc/x",
                "is 80\n",
            ),
            (
                "cat > /etc/x <<-EOF\n\t$((1 + 2)) `echo b`\n\tEOF\n",
                "3 b\n",
            ),
            (
                "case $1 in a|conf*) echo ok;; *) echo no;; esac > /etc/x",
                "ok\n",
            ),
            (
                "while read a b; do echo \"$b$a\"; done < /etc/shop.conf > /etc/x",
                "port=80\nold#\n",
            ),
            (
                "set -- 'a b' c; for w; do echo \"$w\"; done > /etc/x",
                "a b\nc\n",
            ),
            (
                "dpkg --compare-versions \"$2\" lt-nl 2 || echo new > /etc/x",
                "new\n",
            ),
            ("plain me; mv /etc/plain /etc/x", "from me\n"),
            ("x=$(false; echo no) || x=yes; echo $x > /etc/x", "yes\n"),
            ("false || x=$?; y=$(exit 3) || echo $x$? > /etc/x", "13\n"),
            ("missing-program || echo $? > /etc/x", "127\n"),
        ];
        for (script, expected) in rows {
            let outcome = run(script);
            assert_eq!(outcome.unknown, [], "{script}");
            let written = outcome
                .changes
                .iter()
                .find(|change| change.path.to_string() == "etc/x");
            let Some(Action::Write { data, .. }) = written.map(|change| &change.action) else {
                panic!("{script}: {:?}", outcome.changes);
            };
            assert_eq!(String::from_utf8_lossy(data), expected, "{script}");
        }
    }

    #[test]
    fn what_is_not_known_to_the_end_is_named_and_does_nothing() {
        let rows = [
            (
                "echo a > /etc/x\nstrange --now",
                "line 4: `strange --now`: a program that is not known",
            ),
            (
                "touch /etc/x; ln /etc/x /etc/y",
                "line 3: `ln /etc/x /etc/y`: a hard link",
            ),
            ("touch /etc/x; false", "it ends with status 1"),
            (
                "date > /etc/x",
                "line 3: `date`: a file that holds the time of day",
            ),
            ("sleep 1 &", "line 3: a background job"),
            ("while true; do :; done", "it does not end"),
            ("f() { f; }; f", "line 3: `f`: calls nested too deeply"),
            (
                "if true; then",
                "line 3: a compound command that does not end",
            ),
            (
                "chown nobody-at-all /etc/shop.conf",
                "line 3: `chown nobody-at-all /etc/shop.conf`: the owner nobody-at-all, which is not there",
            ),
        ];
        for (script, reason) in rows {
            let outcome = run(script);
            let found: Vec<&str> = outcome
                .unknown
                .iter()
                .map(|unknown| unknown.reason.as_str())
                .collect();
            assert_eq!(found, [reason], "{script}");
            assert_eq!(outcome.changes, [], "{script}");
        }
    }
}
