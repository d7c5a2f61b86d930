//! Users and groups: `adduser`, `addgroup`, `useradd`, `groupadd` for system accounts, and the shadow files.

use std::collections::BTreeSet;

use super::{Run, change, stat, sysusers};
use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::Follow;

pub(super) const PASSWD: &str = "etc/passwd";
pub(super) const GROUP: &str = "etc/group";
pub(super) const SHADOW: &str = "etc/shadow";
pub(super) const GSHADOW: &str = "etc/gshadow";
/// System ids (Debian policy 9.2.2).
pub(super) const SYSTEM_IDS: std::ops::RangeInclusive<u64> = 100..=999;
/// The group of users without one of their own.
const NOGROUP: u64 = 65534;

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "adduser" => adduser,
        "addgroup" => addgroup,
        "groupadd" => groupadd,
        "systemd-sysusers" => sysusers::run,
        "pwck" | "grpck" => |_, _| Ok(0),
        "pwconv" => pwconv,
        "grpconv" => grpconv,
        _ => return None,
    })
}

/// A database of lines of fields between colons.
pub(super) fn lines(shell: &Shell<'_, '_>, file: &str) -> Result<Vec<Vec<String>>, Stop> {
    let text = shell.machine.text_of(Some(file), file)?.unwrap_or_default();
    Ok(text
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect())
}

fn find_line(shell: &Shell<'_, '_>, file: &str, name: &str) -> Result<Option<Vec<String>>, Stop> {
    let mut all = lines(shell, file)?.into_iter();
    Ok(all.find(|fields| fields.first().is_some_and(|first| first == name)))
}

/// Adds a line; nothing where the file is missing and `must` does not say that it is made.
pub(super) fn append(shell: &mut Shell<'_, '_>, file: &str, line: &str) -> Result<(), Stop> {
    if shell.world().lstat(file).is_none() {
        return Ok(());
    }
    let text = shell.machine.text_of(Some(file), file)?.unwrap_or_default();
    shell
        .machine
        .world
        .write(file, format!("{text}{line}\n").as_bytes(), 0o644);
    Ok(())
}

fn id_of(shell: &Shell<'_, '_>, file: &str, name: &str) -> Result<Option<u64>, Stop> {
    if name.is_empty() {
        return Ok(None);
    }
    if let Ok(id) = name.parse() {
        return Ok(Some(id));
    }
    let line = find_line(shell, file, name)?;
    let id = line.as_ref().and_then(|fields| fields.get(2)?.parse().ok());
    // Before base-passwd's preinst has run there are no names, but root is root.
    match id {
        Some(id) => Ok(Some(id)),
        None if name == "root" => Ok(Some(0)),
        None => Err(Stop::unknown(format!(
            "the owner {name}, which is not there"
        ))),
    }
}

/// The user that a name or number means; `None` for no name.
pub(super) fn uid(shell: &Shell<'_, '_>, name: &str) -> Result<Option<u64>, Stop> {
    id_of(shell, PASSWD, name)
}

/// The group that a name or number means; `None` for no name.
pub(super) fn gid(shell: &Shell<'_, '_>, name: &str) -> Result<Option<u64>, Stop> {
    id_of(shell, GROUP, name)
}

/// Whether an account of that name is there.
pub(super) fn exists(shell: &Shell<'_, '_>, file: &str, name: &str) -> Result<bool, Stop> {
    find_line(shell, file, name).map(|line| line.is_some())
}

/// The ids that are taken.
pub(super) fn taken(shell: &Shell<'_, '_>, file: &str) -> Result<BTreeSet<u64>, Stop> {
    let all = lines(shell, file)?;
    Ok(all
        .iter()
        .filter_map(|fields| fields.get(2)?.parse().ok())
        .collect())
}

pub(super) fn getent(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let [database, name] = arguments else {
        return Err(Stop::unknown("a form of getent"));
    };
    let file = match database.as_str() {
        "passwd" => PASSWD,
        "group" => GROUP,
        _ => return Err(Stop::unknown("a database of getent")),
    };
    match find_line(shell, file, name)? {
        Some(fields) => {
            shell.print(&format!("{}\n", fields.join(":")))?;
            Ok(0)
        }
        None => Ok(2),
    }
}

/// Writes a group; its password field says whether there are shadow files.
pub(super) fn add_group(
    shell: &mut Shell<'_, '_>,
    name: &str,
    gid: u64,
    locked: &str,
) -> Result<(), Stop> {
    append(shell, GROUP, &format!("{name}:x:{gid}:"))?;
    append(shell, GSHADOW, &format!("{name}:{locked}::"))
}

struct Account {
    name: Option<String>,
    home: Option<String>,
    shell: String,
    gecos: String,
    group: OwnGroup,
    in_group: Option<String>,
    make_home: bool,
    system: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnGroup {
    No,
    Yes,
}

fn account(arguments: &[String]) -> Result<Account, Stop> {
    let mut account = Account {
        name: None,
        home: None,
        shell: "/usr/sbin/nologin".to_owned(),
        gecos: String::new(),
        group: OwnGroup::No,
        in_group: None,
        make_home: true,
        system: false,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let mut value = || {
            inline
                .clone()
                .or_else(|| rest.next().cloned())
                .unwrap_or_default()
        };
        match flag {
            "--system" => account.system = true,
            "--quiet"
            | "-q"
            | "--disabled-password"
            | "--disabled-login"
            | "--force-badname"
            | "--allow-badname"
            | "--allow-bad-names"
            | "--allow-all-names" => {}
            "--group" => account.group = OwnGroup::Yes,
            "--no-create-home" => account.make_home = false,
            "--home" => account.home = Some(value()),
            "--shell" => account.shell = value(),
            "--gecos" | "--comment" => account.gecos = value(),
            "--ingroup" => account.in_group = Some(value()),
            flag if flag.starts_with('-') => return Err(Stop::unknown(format!("option {flag}"))),
            _ if account.name.is_none() => account.name = Some(argument.clone()),
            _ => return Err(Stop::unknown("a form of adduser")),
        }
    }
    Ok(account)
}

/// The first system id that is free in `file`, as adduser counts: upwards, users and groups apart.
fn first_free(shell: &Shell<'_, '_>, file: &str) -> Result<u64, Stop> {
    let all = taken(shell, file)?;
    let mut ids = SYSTEM_IDS;
    ids.find(|id| !all.contains(id))
        .ok_or_else(|| Stop::unknown("no system id is free"))
}

fn adduser(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let account = account(arguments)?;
    let Some(name) = account.name.clone().filter(|_| account.system) else {
        return Err(Stop::unknown("a user who is no system user"));
    };
    if exists(shell, PASSWD, &name)? {
        return Ok(0);
    }
    let (uid, gid) = match (&account.in_group, account.group) {
        (Some(group), _) => (
            first_free(shell, PASSWD)?,
            gid(shell, group)?.unwrap_or(NOGROUP),
        ),
        (None, OwnGroup::No) => (first_free(shell, PASSWD)?, NOGROUP),
        (None, OwnGroup::Yes) if exists(shell, GROUP, &name)? => (
            first_free(shell, PASSWD)?,
            gid(shell, &name)?.unwrap_or(NOGROUP),
        ),
        (None, OwnGroup::Yes) => {
            let ids = (first_free(shell, PASSWD)?, first_free(shell, GROUP)?);
            add_group(shell, &name, ids.1, "!")?;
            ids
        }
    };
    let home = account
        .home
        .clone()
        .unwrap_or_else(|| "/nonexistent".to_owned());
    let line = format!(
        "{name}:x:{uid}:{gid}:{}:{home}:{}",
        account.gecos, account.shell
    );
    append(shell, PASSWD, &line)?;
    let day = shell.machine.options.shadow_day;
    append(shell, SHADOW, &format!("{name}:!:{day}::::::"))?;
    if account.make_home && home != "/nonexistent" && stat(shell, &home, Follow::Yes).is_none() {
        return make_home(shell, &home, uid, gid);
    }
    Ok(0)
}

fn make_home(shell: &mut Shell<'_, '_>, home: &str, uid: u64, gid: u64) -> Status {
    let status = change::make_dir(shell, home, true, Some(0o755))?;
    if let Some(path) = shell.resolve(home) {
        shell.machine.world.set_meta(&path, |stat| {
            stat.uid = uid;
            stat.gid = gid;
        });
    }
    Ok(status)
}

fn addgroup(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let account = account(arguments)?;
    let Some(name) = account.name.filter(|_| account.system) else {
        return Err(Stop::unknown("a group that is no system group"));
    };
    if exists(shell, GROUP, &name)? {
        return Ok(0);
    }
    let gid = first_free(shell, GROUP)?;
    add_group(shell, &name, gid, "!")?;
    Ok(0)
}

/// `groupadd -g ID NAME`, and `groupadd -r NAME`, which counts downwards.
fn groupadd(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, id) = match words.as_slice() {
        ["-g", id, name] => (
            name,
            id.parse()
                .map_err(|_| Stop::unknown("an id that is no number"))?,
        ),
        ["-r" | "--system", name] => {
            let all = taken(shell, GROUP)?;
            let free = SYSTEM_IDS.rev().find(|id| !all.contains(id));
            (
                name,
                free.ok_or_else(|| Stop::unknown("no system id is free"))?,
            )
        }
        _ => return Err(Stop::unknown("a form of groupadd")),
    };
    if exists(shell, GROUP, name)? {
        return super::failed(shell, 9);
    }
    add_group(shell, name, id, "!")?;
    Ok(0)
}

/// Moves the passwords to `/etc/shadow` with the limits that Debian's `login.defs` has.
fn pwconv(shell: &mut Shell<'_, '_>, _: &[String]) -> Status {
    let day = shell.machine.options.shadow_day;
    convert(shell, PASSWD, SHADOW, |fields| {
        format!("{}:{}:{day}:0:99999:7:::", fields[0], fields[1])
    })
}

fn grpconv(shell: &mut Shell<'_, '_>, _: &[String]) -> Status {
    convert(shell, GROUP, GSHADOW, |fields| {
        let members = fields.get(3).map_or("", String::as_str);
        format!("{}:{}::{members}", fields[0], fields[1])
    })
}

fn convert(
    shell: &mut Shell<'_, '_>,
    from: &str,
    to: &str,
    line: impl Fn(&[String]) -> String,
) -> Status {
    let known = lines(shell, to)?;
    let mut public = String::new();
    let mut secret = String::new();
    for mut fields in lines(shell, from)? {
        if fields.len() < 4 {
            return Err(Stop::unknown(format!("a line of {from}")));
        }
        match known.iter().find(|known| known[0] == fields[0]) {
            Some(known) => secret.push_str(&known.join(":")),
            None => secret.push_str(&line(&fields)),
        }
        secret.push('\n');
        "x".clone_into(&mut fields[1]);
        public.push_str(&fields.join(":"));
        public.push('\n');
    }
    shell.machine.world.write(from, public.as_bytes(), 0o644);
    shell.machine.world.write(to, secret.as_bytes(), 0o600);
    Ok(0)
}
