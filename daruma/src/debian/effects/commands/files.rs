//! Commands that look at the file system.

use std::fmt::Write as _;

use super::{Flags, Run, find_program, stat};
use crate::debian::effects::input::{Kind, Stat};
use crate::debian::effects::shell::{Shell, Status, Stop, matches};
use crate::debian::effects::world::{Follow, child};

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "readlink" => readlink,
        "realpath" => realpath,
        "dpkg-realpath" => dpkg_realpath,
        "stat" => print_stat,
        "find" => find_files,
        "cmp" => cmp,
        "which" => which,
        "ls" => ls,
        "mountpoint" => mountpoint,
        "run-parts" => run_parts,
        // The image is being put together: nothing runs in it, and it is no chroot that scripts should spare.
        "pidof" | "pgrep" => |_, _| Ok(1),
        _ => return None,
    })
}

fn readlink(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "fem", &[])?;
    let [path] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of readlink"));
    };
    if !flags.letters.is_empty() {
        let resolved = shell.resolve(path);
        let exists = stat(shell, path, Follow::Yes).is_some();
        return match resolved.filter(|_| exists || !flags.has('e')) {
            Some(resolved) => {
                shell.print(&format!("/{resolved}\n"))?;
                Ok(0)
            }
            None => super::failed(shell, 1),
        };
    }
    match stat(shell, path, Follow::No).map(|stat| stat.kind) {
        Some(Kind::Symlink(target)) => {
            shell.print(&format!("{}\n", String::from_utf8_lossy(&target)))?;
            Ok(0)
        }
        _ => super::failed(shell, 1),
    }
}

/// `realpath -m -s` only normalises text; without options links are followed.
fn realpath(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "ms", &[])?;
    let [path] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of realpath"));
    };
    if !flags.has('s') {
        return match shell.resolve(path) {
            Some(resolved) => {
                shell.print(&format!("/{resolved}\n"))?;
                Ok(0)
            }
            None => super::failed(shell, 1),
        };
    }
    let text = normalised(shell.cwd(), path);
    shell.print(&format!("/{text}\n"))?;
    Ok(0)
}

/// `path` without `.`, `..` and double slashes, no link followed.
pub(super) fn normalised(cwd: &str, path: &str) -> String {
    let mut parts: Vec<&str> = if path.starts_with('/') {
        Vec::new()
    } else {
        cwd.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn dpkg_realpath(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let path = match arguments {
        [path] => path,
        [flag, root, path] if flag == "--root" && (root.is_empty() || root == "/") => path,
        _ => return Err(Stop::unknown("a form of dpkg-realpath")),
    };
    match shell.resolve(path) {
        Some(resolved) => {
            shell.print(&format!("/{resolved}\n"))?;
            Ok(0)
        }
        None => super::failed(shell, 1),
    }
}

fn print_stat(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (follow, format, path) = match arguments {
        [flag, c, format, path] if flag == "-L" && c == "-c" => (Follow::Yes, format, path),
        [c, format, path] if c == "-c" => (Follow::No, format, path),
        _ => return Err(Stop::unknown("a form of stat")),
    };
    let Some(stat) = stat(shell, path, follow) else {
        return super::failed(shell, 1);
    };
    let text = match format.as_str() {
        "%a" => format!("{:o}", stat.mode),
        "%u" => stat.uid.to_string(),
        "%g" => stat.gid.to_string(),
        _ => return Err(Stop::unknown("a format of stat")),
    };
    shell.print(&format!("{text}\n"))?;
    Ok(0)
}

/// `find [-L] DIR… [-type T] [-name PATTERN] [-print]`.
fn find_files(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (follow, arguments) = match arguments {
        [flag, rest @ ..] if flag == "-L" => (Follow::Yes, rest),
        rest => (Follow::No, rest),
    };
    let at = arguments
        .iter()
        .position(|argument| argument.starts_with(['-', '!']));
    let (roots, tests) = arguments.split_at(at.unwrap_or(arguments.len()));
    let mut wanted: Vec<Test> = Vec::new();
    let mut tests = tests.iter();
    while let Some(test) = tests.next() {
        let test = match test.as_str() {
            "-type" => Test::Type(tests.next().cloned().unwrap_or_default()),
            "-name" => Test::Name(tests.next().cloned().unwrap_or_default()),
            "-print" => continue,
            // update-ca-certificates' own idiom for links that lead nowhere.
            "!" if tests
                .as_slice()
                .starts_with(&["-exec", "test", "-e", "{}", ";"].map(str::to_owned)) =>
            {
                tests.nth(4);
                Test::Orphan
            }
            _ => return Err(Stop::unknown(format!("find {test}"))),
        };
        wanted.push(test);
    }
    let mut out = String::new();
    let mut status = 0;
    for root in roots {
        if stat(shell, root, Follow::No).is_none() {
            status = super::failed(shell, 1)?;
        }
        walk(shell, root, follow, &wanted, &mut out, 0)?;
    }
    shell.print(&out)?;
    Ok(status)
}

enum Test {
    Type(String),
    Name(String),
    Orphan,
}

/// Directories inside one another (paths are at most 4096 bytes).
const MAX_DEPTH: usize = 100;

fn walk(
    shell: &mut Shell<'_, '_>,
    path: &str,
    follow: Follow,
    tests: &[Test],
    out: &mut String,
    depth: usize,
) -> Result<(), Stop> {
    shell.machine.spend()?;
    if depth > MAX_DEPTH {
        return Err(Stop::unknown("directories nested too deeply"));
    }
    let Some(found) = stat(shell, path, follow).or_else(|| stat(shell, path, Follow::No)) else {
        return Ok(());
    };
    if passes(shell, path, &found, tests)? {
        let _ = writeln!(out, "{path}");
    }
    if found.kind == Kind::Dir {
        let dir = shell.resolve(path).unwrap_or_default();
        for name in shell.world().list(&dir) {
            let below = format!("{}/{name}", path.trim_end_matches('/'));
            walk(shell, &below, follow, tests, out, depth + 1)?;
        }
    }
    Ok(())
}

fn passes(shell: &Shell<'_, '_>, path: &str, found: &Stat, tests: &[Test]) -> Result<bool, Stop> {
    for test in tests {
        let holds = match test {
            Test::Name(pattern) => matches(pattern, path.rsplit('/').next().unwrap_or(path)),
            Test::Orphan => stat(shell, path, Follow::Yes).is_none(),
            Test::Type(letter) => match letter.as_str() {
                "f" => found.kind == Kind::File,
                "d" => found.kind == Kind::Dir,
                "l" => matches!(found.kind, Kind::Symlink(_)),
                _ => return Err(Stop::unknown(format!("find -type {letter}"))),
            },
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn cmp(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "s", &["--silent", "--quiet"])?;
    let [left, right] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of cmp"));
    };
    let read = |path: &str| {
        shell
            .resolve(path)
            .and_then(|path| shell.world().read(&path))
    };
    match (read(left), read(right)) {
        (Some(left), Some(right)) => Ok(i32::from(left != right)),
        _ => super::failed(shell, 2),
    }
}

fn which(shell: &mut Shell<'_, '_>, names: &[String]) -> Status {
    let mut status = 0;
    for name in names.iter().filter(|name| !name.starts_with('-')) {
        match find_program(shell, name) {
            Some(path) => shell.print(&format!("/{path}\n"))?,
            None => status = 1,
        }
    }
    Ok(status)
}

/// `ls [-L] FILE` as a test that a file is there.
fn ls(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "L", &[])?;
    let [path] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of ls"));
    };
    match stat(shell, path, Follow::Yes) {
        Some(found) if found.kind != Kind::Dir => {
            shell.print(&format!("{path}\n"))?;
            Ok(0)
        }
        Some(_) => Err(Stop::unknown("ls of a directory")),
        None => super::failed(shell, 2),
    }
}

/// `/proc` is mounted wherever dpkg runs scripts; nothing else is.
fn mountpoint(_: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    match arguments {
        [flag, path] if flag == "-q" && path == "/proc" => Ok(0),
        _ => Err(Stop::unknown("a form of mountpoint")),
    }
}

fn run_parts(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|word| !word.is_empty())
        .collect();
    let (["--test", "--", dir] | ["--test", dir]) = words.as_slice() else {
        return Err(Stop::unknown("a form of run-parts"));
    };
    let Some(resolved) = shell.resolve(dir) else {
        return super::failed(shell, 1);
    };
    for name in shell.world().list(&resolved) {
        let plain = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let path = shell.resolve(&child(&format!("/{resolved}"), &name));
        let program = path.and_then(|path| shell.world().lstat(&path));
        if plain && program.is_some_and(|stat| stat.kind == Kind::File && stat.mode & 0o111 != 0) {
            shell.print(&format!("{dir}/{name}\n"))?;
        }
    }
    Ok(0)
}
