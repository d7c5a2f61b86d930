//! What dpkg itself brings to maintainer scripts, and the service commands that do nothing in an image.

use std::cmp::Ordering;

use super::{Run, accounts, alternatives, diversions};
use crate::debian::effects::input::PackageInput;
use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::Follow;
use crate::debian::version;

/// Why units, runlevels and services are left alone.
const NO_INIT: &str = "services: an image has no init";

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "dpkg" => dpkg,
        "dpkg-query" => dpkg_query,
        "dpkg-trigger" => trigger,
        "dpkg-divert" => diversions::run,
        "dpkg-statoverride" => statoverride,
        "update-alternatives" => alternatives::run,
        "dpkg-maintscript-helper" => maintscript_helper,
        "deb-systemd-helper" => systemd_helper,
        "deb-systemd-invoke" | "invoke-rc.d" | "update-rc.d" | "service" => |shell, _| {
            shell.machine.omit(NO_INIT);
            Ok(0)
        },
        "ldconfig" => |shell, arguments| {
            match arguments {
                [] => {}
                [flag, root] if flag == "-r" && root == "/" => {}
                _ => return Err(Stop::unknown("a form of ldconfig")),
            }
            // The cache is written once, after everything is in place.
            shell.machine.triggers.insert("ldconfig".to_owned());
            Ok(0)
        },
        "ischroot" => |_, _| Ok(0),
        "getent" => accounts::getent,
        "perl" => |shell, arguments| match arguments {
            [flag, program] if flag == "-e" && program.is_empty() => {
                Ok(if super::find_program(shell, "perl").is_some() {
                    0
                } else {
                    127
                })
            }
            _ => Err(Stop::unknown("a Perl program")),
        },
        _ => return None,
    })
}

fn dpkg(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--compare-versions", left, relation, right] => compare(left, relation, right),
        ["--print-architecture"] => {
            let line = format!("{}\n", shell.machine.options.architecture);
            shell.print(&line)?;
            Ok(0)
        }
        ["--print-foreign-architectures"] => Ok(0),
        ["-L" | "--listfiles", packages @ ..] => list_files(shell, packages),
        _ => Err(Stop::unknown("a form of dpkg")),
    }
}

/// The paths that a package ships, a line each.
fn listed(package: &PackageInput<'_>) -> String {
    let lines = package.files.iter();
    lines
        .flat_map(|path| ["/".to_owned(), path.to_string(), "\n".to_owned()])
        .collect()
}

fn list_files(shell: &mut Shell<'_, '_>, packages: &[&str]) -> Status {
    let mut status = 0;
    for package in packages {
        let Some(found) = shell.machine.find(package) else {
            status = super::failed(shell, 1)?;
            continue;
        };
        let lines = listed(found);
        shell.print(&lines)?;
    }
    Ok(status)
}

/// `lt-nl` and its like count an empty version as later than any other, `lt` as earlier (dpkg(1)).
fn compare(left: &str, relation: &str, right: &str) -> Status {
    let (relation, empty_is_later) = match relation.strip_suffix("-nl") {
        Some(plain) => (plain, true),
        None => (relation, false),
    };
    let order = match (left.is_empty(), right.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if empty_is_later => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) if empty_is_later => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => version::compare(left, right),
    };
    let holds = match relation {
        "lt" | "<<" => order.is_lt(),
        "le" | "<=" => order.is_le(),
        "eq" | "=" => order.is_eq(),
        "ne" => order.is_ne(),
        "ge" | ">=" => order.is_ge(),
        "gt" | ">>" => order.is_gt(),
        _ => return Err(Stop::unknown("a relation of versions")),
    };
    Ok(i32::from(!holds))
}

/// A package's version or files, or that it is not there; what else dpkg's database says is not part of an image.
fn dpkg_query(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let package = arguments.last().map_or("", String::as_str);
    let Some(found) = shell.machine.find(package) else {
        return if package.contains('*') {
            Err(Stop::unknown("a pattern of packages"))
        } else {
            super::failed(shell, 1)
        };
    };
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = match words.as_slice() {
        ["-f", "${Version}", "-W", _] | ["-W", "-f", "${Version}", _] => found.version.to_owned(),
        ["-L" | "--listfiles", _] => listed(found),
        _ => return Err(Stop::unknown("dpkg's database")),
    };
    shell.print(&text)?;
    Ok(0)
}

fn trigger(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    match arguments {
        [name] if !name.starts_with('-') => shell.machine.triggers.insert(name.clone()),
        [flag, name] if flag == "--no-await" || flag == "--await" => {
            shell.machine.triggers.insert(name.clone())
        }
        [flag] if flag == "--check-supported" => return Ok(0),
        _ => return Err(Stop::unknown("a form of dpkg-trigger")),
    };
    Ok(0)
}

/// All its commands repair what an earlier version of the package left; nothing was installed before
/// (dpkg-maintscript-helper(1)).
fn maintscript_helper(_: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    match arguments.first().map(String::as_str) {
        Some("rm_conffile" | "mv_conffile" | "symlink_to_dir" | "dir_to_symlink" | "supports") => {
            Ok(0)
        }
        _ => Err(Stop::unknown("a form of dpkg-maintscript-helper")),
    }
}

fn systemd_helper(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    shell.machine.omit(NO_INIT);
    let action = arguments.iter().find(|argument| !argument.starts_with('-'));
    match action.map(String::as_str) {
        Some("unmask" | "enable" | "update-state" | "was-enabled" | "mask" | "purge") => Ok(0),
        Some("debian-installed") => Ok(1),
        _ => Err(Stop::unknown("a form of deb-systemd-helper")),
    }
}

/// Where dpkg keeps overrides (dpkg-statoverride(1)).
const OVERRIDES: &str = "var/lib/dpkg/statoverride";

fn statoverride(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "--quiet")
        .collect();
    let known = shell
        .machine
        .text_of(Some(OVERRIDES), OVERRIDES)?
        .unwrap_or_default();
    match words.as_slice() {
        ["--list", path] => {
            let line = known
                .lines()
                .find(|line| line.split(' ').nth(3) == Some(*path));
            match line.map(|line| format!("{line}\n")) {
                Some(line) => {
                    shell.print(&line)?;
                    Ok(0)
                }
                None => Ok(1),
            }
        }
        ["--update", "--add", user, group, mode, path]
        | ["--add", "--update", user, group, mode, path] => {
            let (uid, gid) = (accounts::uid(shell, user)?, accounts::gid(shell, group)?);
            let bits = u32::from_str_radix(mode, 8)
                .map_err(|_| Stop::unknown("a mode that is not octal"))?;
            let text = format!(
                "{known}{user} {group} {} {path}\n",
                mode.trim_start_matches('0')
            );
            shell.machine.world.write(OVERRIDES, text.as_bytes(), 0o644);
            if super::stat(shell, path, Follow::Yes).is_some() {
                let resolved = shell.resolve(path).unwrap_or_default();
                shell.machine.world.set_meta(&resolved, |stat| {
                    stat.mode = bits & 0o7777;
                    stat.uid = uid.unwrap_or(stat.uid);
                    stat.gid = gid.unwrap_or(stat.gid);
                });
            }
            Ok(0)
        }
        _ => Err(Stop::unknown("a form of dpkg-statoverride")),
    }
}
