//! `systemd-sysusers CONFIG…`: users and groups as declared (sysusers.d(5)).

use std::collections::BTreeSet;

use super::accounts::{
    GROUP, PASSWD, SHADOW, SYSTEM_IDS, add_group, append, exists, gid, lines, taken,
};
use crate::debian::effects::shell::{Shell, Status, Stop};

pub(super) fn run(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    if arguments.is_empty() {
        return Err(Stop::unknown("systemd-sysusers without files"));
    }
    for argument in arguments {
        if argument.starts_with('-') || argument.contains('/') {
            return Err(Stop::unknown(format!("option {argument}")));
        }
        let path = format!("/usr/lib/sysusers.d/{argument}");
        let Some(text) = super::file_text(shell, &path)? else {
            return super::failed(shell, 1);
        };
        // Groups first, users then, members last, as systemd-sysusers does.
        let mut declared = Vec::new();
        for line in text.lines().map(str::trim) {
            if !line.is_empty() && !line.starts_with('#') {
                declared.push(words(line)?);
            }
        }
        for kind in ["g", "u", "m"] {
            for line in declared
                .iter()
                .filter(|line| line[0].trim_end_matches('!') == kind)
            {
                declare(shell, line)?;
            }
        }
        if let Some(other) = declared
            .iter()
            .find(|line| !matches!(line[0].as_str(), "g" | "u" | "u!" | "m"))
        {
            return Err(Stop::unknown(format!("a line `{}` in {path}", other[0])));
        }
    }
    Ok(0)
}

fn words(line: &str) -> Result<Vec<String>, Stop> {
    let words = shlex::split(line).filter(|words| words.len() >= 2);
    words.ok_or_else(|| Stop::unknown(format!("the line `{line}`")))
}

fn declare(shell: &mut Shell<'_, '_>, line: &[String]) -> Result<(), Stop> {
    let field = |at: usize| line.get(at).map(String::as_str).filter(|text| *text != "-");
    let name = &line[1];
    match line[0].as_str() {
        "g" => {
            if !exists(shell, GROUP, name)? {
                let id = identity(shell, field(2), &[GROUP])?;
                add_group(shell, name, id, "!*")?;
            }
            Ok(())
        }
        "m" => member(shell, name, field(2).unwrap_or_default()),
        _ => {
            if exists(shell, PASSWD, name)? {
                return Ok(());
            }
            let (uid, group) = user_ids(shell, name, field(2))?;
            let gecos = field(3).unwrap_or_default();
            let home = field(4).unwrap_or("/");
            let login = field(5).unwrap_or("/usr/sbin/nologin");
            append(
                shell,
                PASSWD,
                &format!("{name}:x:{uid}:{group}:{gecos}:{home}:{login}"),
            )?;
            let day = shell.machine.options.shadow_day;
            let expiry = if line[0] == "u!" { "1" } else { "" };
            append(shell, SHADOW, &format!("{name}:!*:{day}:::::{expiry}:"))
        }
    }
}

/// A user's id and group: as declared (`ID`, `ID:GROUP`), that of the group of the same name, or a free one for both.
fn user_ids(
    shell: &mut Shell<'_, '_>,
    name: &str,
    declared: Option<&str>,
) -> Result<(u64, u64), Stop> {
    if let Some((id, group)) = declared.and_then(|text| text.split_once(':')) {
        let id = identity(shell, Some(id).filter(|id| *id != "-"), &[PASSWD])?;
        return Ok((id, gid(shell, group)?.unwrap_or(id)));
    }
    if exists(shell, GROUP, name)? {
        let group = gid(shell, name)?.unwrap_or_default();
        let id = if taken(shell, PASSWD)?.contains(&group) {
            identity(shell, declared, &[PASSWD])?
        } else {
            group
        };
        return Ok((id, group));
    }
    let id = identity(shell, declared, &[PASSWD, GROUP])?;
    add_group(shell, name, id, "!*")?;
    Ok((id, id))
}

/// The declared id, or the highest system id that is free.
fn identity(shell: &Shell<'_, '_>, declared: Option<&str>, files: &[&str]) -> Result<u64, Stop> {
    let mut all = BTreeSet::new();
    for file in files {
        all.extend(taken(shell, file)?);
    }
    let wanted = declared.map(|text| {
        text.parse::<u64>()
            .map_err(|_| Stop::unknown("an id that is no number"))
    });
    if let Some(id) = wanted.transpose()?.filter(|id| !all.contains(id)) {
        return Ok(id);
    }
    let mut ids = SYSTEM_IDS.rev();
    ids.find(|id| !all.contains(id))
        .ok_or_else(|| Stop::unknown("no system id is free"))
}

fn member(shell: &mut Shell<'_, '_>, user: &str, group: &str) -> Result<(), Stop> {
    let mut text = String::new();
    for mut fields in lines(shell, GROUP)? {
        if fields[0] == group && fields.len() == 4 && !fields[3].split(',').any(|name| name == user)
        {
            if !fields[3].is_empty() {
                fields[3].push(',');
            }
            fields[3].push_str(user);
        }
        text.push_str(&fields.join(":"));
        text.push('\n');
    }
    shell.machine.world.write(GROUP, text.as_bytes(), 0o644);
    Ok(())
}
