//! `update-alternatives`: links, and the groups in `/var/lib/dpkg/alternatives` in its own format
//! (update-alternatives(1), "FILES" and its source's `alternative_save`).

use std::collections::BTreeMap;

use crate::debian::effects::input::Kind;
use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::Follow;

const GROUPS: &str = "var/lib/dpkg/alternatives";

/// A group: a link, its slaves by name, and what may stand behind them.
#[derive(Default)]
struct Group {
    link: String,
    slaves: BTreeMap<String, String>,
    choices: Vec<Choice>,
}

struct Choice {
    path: String,
    priority: i32,
    slaves: BTreeMap<String, String>,
}

impl Group {
    /// Reads a group that this module wrote; nothing else stands in a fresh image.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != "auto" {
            return None;
        }
        let mut group = Self {
            link: lines.next()?.to_owned(),
            ..Self::default()
        };
        while let Some(name) = lines.next().filter(|name| !name.is_empty()) {
            group
                .slaves
                .insert(name.to_owned(), lines.next()?.to_owned());
        }
        while let Some(path) = lines.next().filter(|path| !path.is_empty()) {
            let priority = lines.next()?.parse().ok()?;
            let mut slaves = BTreeMap::new();
            for name in group.slaves.keys() {
                let slave = lines.next()?;
                if !slave.is_empty() {
                    slaves.insert(name.clone(), slave.to_owned());
                }
            }
            group.choices.push(Choice {
                path: path.to_owned(),
                priority,
                slaves,
            });
        }
        Some(group)
    }

    fn text(&self) -> String {
        let mut lines = vec!["auto", &self.link];
        for (name, link) in &self.slaves {
            lines.extend([name.as_str(), link]);
        }
        lines.push("");
        let mut text = lines.join("\n");
        let mut choices: Vec<&Choice> = self.choices.iter().collect();
        choices.sort_by(|a, b| a.path.cmp(&b.path));
        for choice in choices {
            text.extend(["\n", &choice.path, "\n", &choice.priority.to_string()]);
            for name in self.slaves.keys() {
                text.push('\n');
                text.push_str(choice.slaves.get(name).map_or("", String::as_str));
            }
        }
        text.push_str("\n\n");
        text
    }

    /// The choice with the highest priority, the first of equals.
    fn best(&self) -> Option<&Choice> {
        let mut best: Option<&Choice> = None;
        for choice in &self.choices {
            if best.is_none_or(|best| choice.priority > best.priority) {
                best = Some(choice);
            }
        }
        best
    }
}

/// What `--install` asks for.
struct Install {
    link: String,
    name: String,
    choice: Choice,
    slave_links: BTreeMap<String, String>,
}

pub(super) fn run(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let rest: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "--quiet")
        .collect();
    match rest.as_slice() {
        ["--install", link, name, path, priority, slaves @ ..] => {
            let install = read_install([link, name, path, priority], slaves)?;
            add(shell, install)
        }
        [
            "--auto" | "--list" | "--remove-all" | "--query" | "--display",
            name,
        ] => match load(shell, name)? {
            None => super::failed(shell, 2),
            Some(_) => Err(Stop::unknown("a question about alternatives")),
        },
        ["--remove", name, path] => match load(shell, name)? {
            Some(group) if group.choices.iter().any(|choice| choice.path == *path) => {
                Err(Stop::unknown("an alternative that goes"))
            }
            _ => Ok(0),
        },
        _ => Err(Stop::unknown("a form of update-alternatives")),
    }
}

fn read_install(main: [&str; 4], slaves: &[&str]) -> Result<Install, Stop> {
    let [link, name, path, priority] = main.map(str::to_owned);
    let mut install = Install {
        link,
        name,
        choice: Choice {
            path,
            priority: priority
                .parse()
                .map_err(|_| Stop::unknown("a priority that is no number"))?,
            slaves: BTreeMap::new(),
        },
        slave_links: BTreeMap::new(),
    };
    let chunks = slaves.chunks_exact(4);
    if !chunks.remainder().is_empty() {
        return Err(Stop::unknown("a form of update-alternatives"));
    }
    for slave in chunks {
        let ["--slave", link, name, path] = slave else {
            return Err(Stop::unknown("a form of update-alternatives"));
        };
        install
            .slave_links
            .insert((*name).to_owned(), (*link).to_owned());
        install
            .choice
            .slaves
            .insert((*name).to_owned(), (*path).to_owned());
    }
    Ok(install)
}

fn load(shell: &Shell<'_, '_>, name: &str) -> Result<Option<Group>, Stop> {
    let path = format!("{GROUPS}/{name}");
    match shell.machine.text_of(Some(&path), &path)? {
        None => Ok(None),
        Some(text) => match Group::parse(&text) {
            Some(group) => Ok(Some(group)),
            None => Err(Stop::unknown(format!("the group of alternatives {name}"))),
        },
    }
}

fn add(shell: &mut Shell<'_, '_>, install: Install) -> Status {
    if super::stat(shell, &install.choice.path, Follow::Yes).is_none() {
        return super::failed(shell, 2);
    }
    let mut group = load(shell, &install.name)?.unwrap_or_default();
    if !group.link.is_empty() && group.link != install.link {
        return Err(Stop::unknown("an alternative whose link moves"));
    }
    group.link = install.link;
    for (name, link) in install.slave_links {
        let known = group.slaves.insert(name, link.clone());
        if known.is_some_and(|known| known != link) {
            return Err(Stop::unknown("an alternative whose slave link moves"));
        }
    }
    match group
        .choices
        .iter_mut()
        .find(|choice| choice.path == install.choice.path)
    {
        Some(choice) => *choice = install.choice,
        None => group.choices.push(install.choice),
    }
    let admin = format!("{GROUPS}/{}", install.name);
    shell
        .machine
        .world
        .write(&admin, group.text().as_bytes(), 0o644);
    let Some(best) = group.best() else {
        return Ok(0);
    };
    link(shell, &group.link, &install.name, Some(&best.path))?;
    for (name, slave_link) in &group.slaves {
        let target = best.slaves.get(name).map(String::as_str);
        let target = target.filter(|target| super::stat(shell, target, Follow::Yes).is_some());
        link(shell, slave_link, name, target)?;
    }
    Ok(0)
}

/// `link` → `/etc/alternatives/name` → `target`, or neither.
fn link(
    shell: &mut Shell<'_, '_>,
    link: &str,
    name: &str,
    target: Option<&str>,
) -> Result<(), Stop> {
    let middle = format!("etc/alternatives/{name}");
    let Some(path) = shell.resolve_link(link) else {
        return match target {
            None => Ok(()),
            Some(_) => Err(Stop::unknown(format!("{link}, whose directory is missing"))),
        };
    };
    match (target, shell.world().lstat(&path).map(|stat| stat.kind)) {
        (_, Some(Kind::File | Kind::Dir | Kind::Other)) => {
            return Err(Stop::unknown(format!("{link} is not a link")));
        }
        (Some(target), _) => {
            shell.machine.world.symlink(&middle, target);
            shell.machine.world.symlink(&path, &format!("/{middle}"));
        }
        (None, there) => {
            if there.is_some() {
                shell.machine.world.remove(&path);
            }
            if shell.world().lstat(&middle).is_some() {
                shell.machine.world.remove(&middle);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWK: &str = "auto\n/usr/bin/awk\nawk.1.gz\n/usr/share/man/man1/awk.1.gz\nnawk\n/usr/bin/nawk\n\n\
        /usr/bin/gawk\n10\n/usr/share/man/man1/gawk.1.gz\n\n/usr/bin/mawk\n5\n\n/usr/bin/mawk\n\n";

    #[test]
    fn a_group_is_written_as_it_was_read() {
        let group = Group::parse(AWK).expect("a group");
        assert_eq!(group.text(), AWK);
        assert_eq!(
            group.best().map(|best| best.path.as_str()),
            Some("/usr/bin/gawk")
        );
    }
}
