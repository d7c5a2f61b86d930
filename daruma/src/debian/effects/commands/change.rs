//! Commands that change the file system.

use super::{Flags, Run, accounts, stat};
use crate::debian::effects::input::{Kind, Stat};
use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::{Follow, child};

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "ln" => ln,
        "cp" => cp,
        "mv" => mv,
        "rm" => rm,
        "rmdir" => rmdir,
        "mkdir" => mkdir,
        "touch" => touch,
        "chmod" => chmod,
        "chown" => |shell, arguments| owner(shell, arguments, Owner::User),
        "chgrp" => |shell, arguments| owner(shell, arguments, Owner::Group),
        "mktemp" => mktemp,
        "install" => install,
        _ => return None,
    })
}

/// Where `ln`, `cp` and `mv` put something: inside `target` where that is a directory.
fn destination(
    shell: &Shell<'_, '_>,
    source: &str,
    target: &str,
    follow: Follow,
) -> Option<String> {
    let is_dir = stat(shell, target, follow).is_some_and(|stat| stat.kind == Kind::Dir);
    if is_dir {
        let name = source
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or(source);
        return shell.resolve_link(&format!("{target}/{name}"));
    }
    shell.resolve_link(target)
}

fn ln(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "sfnT", &[])?;
    let [target, link] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of ln"));
    };
    if !flags.has('s') {
        return Err(Stop::unknown("a hard link"));
    }
    let follow = if flags.has('n') || flags.has('T') {
        Follow::No
    } else {
        Follow::Yes
    };
    let Some(path) = destination(shell, target, link, follow) else {
        return super::failed(shell, 1);
    };
    match shell.world().lstat(&path) {
        Some(old) if !flags.has('f') || old.kind == Kind::Dir => super::failed(shell, 1),
        _ => {
            shell.machine.world.symlink(&path, target);
            Ok(0)
        }
    }
}

fn cp(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "padfPZ", &[])?;
    let [source, target] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of cp"));
    };
    // No SELinux here, as in any image build: scripts then fall back to a plain copy.
    if flags.has('Z') {
        return super::failed(shell, 1);
    }
    let keep_links = flags.has('d') || flags.has('a') || flags.has('P');
    let from = if keep_links {
        shell.resolve_link(source)
    } else {
        shell.resolve(source)
    };
    let to = destination(shell, source, target, Follow::Yes);
    let found = from.as_ref().and_then(|from| shell.world().lstat(from));
    let (Some(from), Some(to), Some(found)) = (from, to, found) else {
        return super::failed(shell, 1);
    };
    match &found.kind {
        Kind::File => {
            let data = shell.world().read(&from);
            let keep = flags.has('p') || flags.has('a');
            let fresh = Stat {
                kind: Kind::File,
                mode: found.mode & !shell.umask() & 0o777,
                uid: 0,
                gid: 0,
            };
            let stat = if keep {
                found
            } else {
                shell.world().lstat(&to).unwrap_or(fresh)
            };
            shell.machine.world.put(&to, stat, data);
        }
        Kind::Symlink(_) => shell.machine.world.put(&to, found, None),
        Kind::Dir | Kind::Other => return Err(Stop::unknown("cp of a directory or device")),
    }
    Ok(0)
}

fn mv(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "fTZ", &[])?;
    let [source, target] = flags.operands.as_slice() else {
        return Err(Stop::unknown("a form of mv"));
    };
    if flags.has('Z') {
        return super::failed(shell, 1);
    }
    let from = shell.resolve_link(source);
    let found = from.as_ref().and_then(|from| shell.world().lstat(from));
    let follow = if flags.has('T') {
        Follow::No
    } else {
        Follow::Yes
    };
    let to = destination(shell, source, target, follow);
    let (Some(from), Some(found), Some(to)) = (from, found, to) else {
        return super::failed(shell, 1);
    };
    if found.kind == Kind::Dir {
        return Err(Stop::unknown("mv of a directory"));
    }
    shell.machine.world.rename(&from, &to);
    Ok(0)
}

fn rm(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "frRv", &[])?;
    let recursive = flags.has('r') || flags.has('R');
    let mut status = 0;
    for operand in &flags.operands {
        let path = shell.resolve_link(operand);
        let found = path.as_ref().and_then(|path| shell.world().lstat(path));
        match (path, found) {
            (Some(path), Some(found)) if found.kind != Kind::Dir => {
                shell.machine.world.remove(&path);
            }
            (Some(path), Some(_)) if recursive && !path.is_empty() => remove_all(shell, &path)?,
            (Some(_), Some(_)) => status = super::failed(shell, 1)?,
            _ if flags.has('f') => {}
            _ => status = super::failed(shell, 1)?,
        }
    }
    Ok(status)
}

fn remove_all(shell: &mut Shell<'_, '_>, path: &str) -> Result<(), Stop> {
    shell.machine.spend()?;
    if shell
        .world()
        .lstat(path)
        .is_some_and(|stat| stat.kind == Kind::Dir)
    {
        for name in shell.world().list(path) {
            remove_all(shell, &child(path, &name))?;
        }
    }
    shell.machine.world.remove(path);
    Ok(())
}

fn rmdir(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "", &["--ignore-fail-on-non-empty"])?;
    for operand in &flags.operands {
        let Some(path) = shell.resolve_link(operand) else {
            return super::failed(shell, 1);
        };
        let found = shell.world().lstat(&path);
        if found.is_none_or(|stat| stat.kind != Kind::Dir) {
            return super::failed(shell, 1);
        }
        if shell.world().list(&path).is_empty() {
            shell.machine.world.remove(&path);
        } else if !flags.has_long("--ignore-fail-on-non-empty") {
            return super::failed(shell, 1);
        }
    }
    Ok(0)
}

fn mkdir(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (mode, rest) = mode_option(arguments)?;
    let flags = Flags::read(&rest, "pv", &[])?;
    for operand in &flags.operands {
        let status = make_dir(shell, operand, flags.has('p'), mode)?;
        if status != 0 {
            return Ok(status);
        }
    }
    Ok(0)
}

/// Takes `-m MODE` out of the arguments.
fn mode_option(arguments: &[String]) -> Result<(Option<u32>, Vec<String>), Stop> {
    let mut rest = arguments.to_vec();
    let Some(at) = rest.iter().position(|argument| argument == "-m") else {
        return Ok((None, rest));
    };
    rest.remove(at);
    if at >= rest.len() {
        return Err(Stop::unknown("-m without a mode"));
    }
    let mode = u32::from_str_radix(&rest.remove(at), 8)
        .map_err(|_| Stop::unknown("a mode that is not octal"))?;
    Ok((Some(mode & 0o7777), rest))
}

pub(super) fn make_dir(
    shell: &mut Shell<'_, '_>,
    operand: &str,
    parents: bool,
    mode: Option<u32>,
) -> Status {
    if parents {
        let trimmed = operand.trim_end_matches('/');
        if let Some((above, _)) = trimmed
            .rsplit_once('/')
            .filter(|(above, _)| !above.is_empty())
            && stat(shell, above, Follow::Yes).is_none()
        {
            let status = make_dir(shell, above, parents, None)?;
            if status != 0 {
                return Ok(status);
            }
        }
    }
    let existing = stat(shell, operand, Follow::Yes);
    if existing
        .as_ref()
        .is_some_and(|stat| parents && stat.kind == Kind::Dir)
    {
        return Ok(0);
    }
    let path = shell.resolve(operand);
    let Some(path) = path.filter(|_| existing.is_none()) else {
        return super::failed(shell, 1);
    };
    let mode = mode.unwrap_or(0o777 & !shell.umask());
    put_dir(shell, &path, mode);
    Ok(0)
}

fn put_dir(shell: &mut Shell<'_, '_>, path: &str, mode: u32) {
    let stat = Stat {
        kind: Kind::Dir,
        mode,
        uid: 0,
        gid: 0,
    };
    shell.machine.world.put(path, stat, None);
}

fn touch(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    // Times are not kept: `--reference` and `--no-dereference` only set them.
    let flags_end = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--reference="));
    let rest: Vec<String> = flags_end.cloned().collect();
    let flags = Flags::read(&rest, "ch", &["--no-dereference"])?;
    for operand in &flags.operands {
        if stat(shell, operand, Follow::No).is_some() {
            continue;
        }
        let Some(path) = shell.resolve(operand) else {
            return super::failed(shell, 1);
        };
        let mode = 0o666 & !shell.umask();
        shell.machine.world.write(&path, b"", mode);
    }
    Ok(0)
}

/// The mode that `text` makes of `old`: octal, or letters like `u+x,g-w`.
fn new_mode(text: &str, old: u32) -> Option<u32> {
    if text.chars().all(|c| c.is_digit(8)) {
        return u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777);
    }
    let mut mode = old;
    for clause in text.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let (who, rest) = clause.split_at(at);
        let mut who_bits = 0;
        for c in who.chars() {
            who_bits |= match c {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o007,
                'a' => 0o6777,
                _ => return None,
            };
        }
        let who_bits = if who.is_empty() { 0o755 } else { who_bits };
        let mut bits = 0;
        for c in rest[1..].chars() {
            bits |= match c {
                'r' => 0o444,
                'w' => 0o222,
                'x' => 0o111,
                's' => 0o6000,
                _ => return None,
            };
        }
        let bits = bits & who_bits;
        mode = match rest.as_bytes()[0] {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            _ => (mode & !(who_bits & 0o777)) | bits,
        };
    }
    Some(mode)
}

fn chmod(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let quiet = arguments.first().is_some_and(|first| first == "-f");
    let (reference, rest) = reference(shell, &arguments[usize::from(quiet)..])?;
    let (mode, paths) = match (reference, rest) {
        (Some(stat), paths) => (format!("{:o}", stat.mode), paths),
        (None, [mode, paths @ ..]) => (mode.clone(), paths),
        _ => return Err(Stop::unknown("a form of chmod")),
    };
    for operand in paths {
        let Some((path, found)) = existing(shell, operand) else {
            return super::failed(shell, 1);
        };
        let mode = new_mode(&mode, found.mode).ok_or_else(|| Stop::unknown("a mode of chmod"))?;
        shell.machine.world.set_meta(&path, |stat| stat.mode = mode);
    }
    Ok(0)
}

/// What `--reference=FILE` names.
fn reference<'r>(
    shell: &Shell<'_, '_>,
    arguments: &'r [String],
) -> Result<(Option<Stat>, &'r [String]), Stop> {
    match arguments {
        [first, rest @ ..] if first.starts_with("--reference=") => {
            let found = stat(shell, &first["--reference=".len()..], Follow::Yes);
            let found = found.ok_or_else(|| Stop::unknown("a reference that is missing"))?;
            Ok((Some(found), rest))
        }
        [first, ..] if first.starts_with('-') => Err(Stop::unknown(format!("option {first}"))),
        rest => Ok((None, rest)),
    }
}

fn existing(shell: &Shell<'_, '_>, operand: &str) -> Option<(String, Stat)> {
    let path = shell.resolve(operand)?;
    let stat = shell.world().lstat(&path)?;
    Some((path, stat))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    User,
    Group,
}

/// `chown` and `chgrp`. Like the system call, a new owner takes setuid and setgid from a file.
fn owner(shell: &mut Shell<'_, '_>, arguments: &[String], kind: Owner) -> Status {
    let (reference, rest) = reference(shell, arguments)?;
    let (uid, gid, paths) = match (reference, rest) {
        (Some(stat), paths) => (Some(stat.uid), Some(stat.gid), paths),
        (None, [names, paths @ ..]) => {
            let (user, group) = match names.split_once([':', '.']) {
                Some((user, group)) => (user, group),
                None if kind == Owner::Group => ("", names.as_str()),
                None => (names.as_str(), ""),
            };
            (
                accounts::uid(shell, user)?,
                accounts::gid(shell, group)?,
                paths,
            )
        }
        _ => return Err(Stop::unknown("a form of chown")),
    };
    for operand in paths {
        let Some((path, _)) = existing(shell, operand) else {
            return super::failed(shell, 1);
        };
        shell.machine.world.set_meta(&path, |stat| {
            stat.uid = uid.unwrap_or(stat.uid);
            stat.gid = gid.unwrap_or(stat.gid);
            if stat.kind == Kind::File {
                stat.mode &= 0o1777;
            }
        });
    }
    Ok(0)
}

/// A file that its script removes again; should one stay, it is a change that the caller sees.
fn mktemp(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    if arguments.iter().any(|argument| argument == "-d") {
        return Err(Stop::unknown("mktemp -d"));
    }
    let mut number = 0;
    let path = loop {
        let path = format!("tmp/tmp.{number}");
        if shell.world().lstat(&path).is_none() {
            break path;
        }
        number += 1;
    };
    shell.machine.world.write(&path, b"", 0o600);
    shell.print(&format!("/{path}\n"))?;
    Ok(0)
}

/// `install -d [-m MODE] [-o USER] [-g GROUP] DIR…`.
fn install(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (mode, rest) = mode_option(arguments)?;
    let (mut uid, mut gid, mut directories, mut operands) = (None, None, false, Vec::new());
    let mut rest = rest.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().cloned().unwrap_or_default();
        match argument.as_str() {
            "-d" => directories = true,
            "-o" => uid = accounts::uid(shell, &value())?,
            "-g" => gid = accounts::gid(shell, &value())?,
            flag if flag.starts_with('-') => return Err(Stop::unknown(format!("option {flag}"))),
            _ => operands.push(argument.clone()),
        }
    }
    if !directories {
        return Err(Stop::unknown("install of files"));
    }
    for operand in operands {
        let status = make_dir(shell, &operand, true, None)?;
        if status != 0 {
            return Ok(status);
        }
        let Some(path) = shell.resolve(&operand) else {
            return super::failed(shell, 1);
        };
        shell.machine.world.set_meta(&path, |stat| {
            stat.mode = mode.unwrap_or(0o755);
            stat.uid = uid.unwrap_or(stat.uid);
            stat.gid = gid.unwrap_or(stat.gid);
        });
    }
    Ok(0)
}
