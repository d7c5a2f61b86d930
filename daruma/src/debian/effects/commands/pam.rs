//! `pam-auth-update` on a fresh image: `/etc/pam.d/common-*` from the profiles that packages bring
//! (pam-auth-update(8), "PROFILE FORMAT" of its PAMConfigFrameworkSpec).

use std::collections::BTreeMap;

use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::child;

const PROFILES: &str = "usr/share/pam-configs";
const SAVED: &str = "var/lib/pam";
/// The files, with the profile's fields for each.
const STACKS: [(&str, &str); 5] = [
    ("auth", "Auth"),
    ("account", "Account"),
    ("password", "Password"),
    ("session", "Session"),
    ("session-noninteractive", "Session-noninteractive"),
];
/// The markers around the two blocks that profiles fill.
const BLOCKS: [(&str, &str, &str); 2] = [
    (
        "Primary",
        "# here are the per-package modules (the \"Primary\" block)",
        "# here's the fallback if no module succeeds",
    ),
    (
        "Additional",
        "# and here are more per-package modules (the \"Additional\" block)",
        "# end of pam-auth-update config",
    ),
];

type Fields = BTreeMap<String, String>;

pub(super) fn update(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--package"]
        | ["--root", "" | "/", "--package"]
        | ["--package", "--force"]
        | ["--root", "" | "/", "--package", "--force"] => {}
        _ => return Err(Stop::unknown("a form of pam-auth-update")),
    }
    let profiles = profiles(shell)?;
    let names: String = profiles
        .iter()
        .flat_map(|(name, _)| {
            [
                name.as_str(),
                "
",
            ]
        })
        .collect();
    let seen = child(SAVED, "seen");
    if let Some(known) = shell.machine.text_of(Some(&seen), &seen)? {
        // Every profile was unpacked before the first run, so a second one finds nothing new.
        return if known == names {
            Ok(0)
        } else {
            Err(Stop::unknown("profiles that changed"))
        };
    }
    shell.machine.world.write(&seen, names.as_bytes(), 0o644);
    let enabled: Vec<&Fields> = profiles
        .iter()
        .map(|(_, fields)| fields)
        .filter(|fields| is_default(fields))
        .collect();
    if enabled
        .iter()
        .any(|fields| fields.contains_key("Conflicts"))
    {
        return Err(Stop::unknown("profiles that conflict"));
    }
    for (stack, field) in STACKS {
        write_stack(shell, &enabled, stack, field)?;
    }
    Ok(0)
}

fn is_default(fields: &Fields) -> bool {
    fields.get("Default").is_some_and(|value| value == "yes")
}

/// All profiles, the highest priority first.
fn profiles(shell: &Shell<'_, '_>) -> Result<Vec<(String, Fields)>, Stop> {
    let mut all = Vec::new();
    for name in shell.world().list(PROFILES) {
        let path = child(PROFILES, &name);
        let text = shell
            .machine
            .text_of(Some(&path), &path)?
            .unwrap_or_default();
        let mut fields = parse(&text);
        fields.insert("profile".to_owned(), name.clone());
        all.push((name, fields));
    }
    let priority = |fields: &Fields| {
        fields
            .get("Priority")
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(0)
    };
    all.sort_by(|(a, left), (b, right)| {
        priority(right).cmp(&priority(left)).then_with(|| b.cmp(a))
    });
    Ok(all)
}

fn parse(text: &str) -> Fields {
    let mut fields = Fields::new();
    let mut last = String::new();
    for line in text.lines() {
        let field = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace));
        if let Some((name, value)) = field {
            name.trim_end_matches("-Final").clone_into(&mut last);
            fields.insert(last.clone(), value.trim().to_owned());
        } else if !line.trim().is_empty() {
            let value = fields.entry(last.clone()).or_default();
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(line.trim());
        }
    }
    if fields
        .get("Session-Interactive-Only")
        .is_none_or(|only| only != "yes")
    {
        for suffix in ["-Type", "", "-Initial"] {
            if let Some(value) = fields.get(&format!("Session{suffix}")).cloned() {
                fields.insert(format!("Session-noninteractive{suffix}"), value);
            }
        }
    }
    fields
}

/// The lines of one block with the profile that each group comes from; the first in its block has lines of its own.
fn block<'f>(enabled: &[&'f Fields], field: &str, kind: &str) -> Vec<(&'f str, Vec<&'f str>)> {
    let mut groups = Vec::new();
    for fields in enabled {
        if fields
            .get(&format!("{field}-Type"))
            .is_none_or(|other| other != kind)
        {
            continue;
        }
        let initial = fields
            .get(&format!("{field}-Initial"))
            .filter(|text| groups.is_empty() && !text.is_empty());
        let text = initial
            .or_else(|| fields.get(field))
            .map_or("", String::as_str);
        let name = fields.get("profile").map_or("", String::as_str);
        groups.push((name, text.lines().collect()));
    }
    groups
}

fn write_stack(
    shell: &mut Shell<'_, '_>,
    enabled: &[&Fields],
    stack: &str,
    field: &str,
) -> Result<(), Stop> {
    let template = format!("usr/share/pam/common-{stack}");
    let text = shell.machine.text_of(Some(&template), &template)?;
    let text = text.ok_or_else(|| Stop::unknown(format!("/{template} is missing")))?;
    let (mut out, mut saved) = (text, String::new());
    for (kind, begin, end) in BLOCKS {
        let groups = block(enabled, field, kind);
        for (name, lines) in &groups {
            saved.extend(["Module: ", name, "\n", &lines.join("\n"), "\n"]);
        }
        if kind == "Primary" && groups.is_empty() {
            saved.push_str("Module: null\n[default=1]\t\t\tpam_permit.so\n");
        }
        let filled = fill(stack.trim_end_matches("-noninteractive"), kind, &groups);
        out = replace_block(&out, begin, end, &filled)
            .ok_or_else(|| Stop::unknown(format!("/{template}'s markers")))?;
    }
    shell
        .machine
        .world
        .write(&format!("etc/pam.d/common-{stack}"), out.as_bytes(), 0o644);
    shell
        .machine
        .world
        .write(&child(SAVED, stack), saved.as_bytes(), 0o644);
    Ok(())
}

/// The block's lines, with `end` as the number of lines that a success jumps over.
fn fill(stack: &str, kind: &str, groups: &[(&str, Vec<&str>)]) -> String {
    let lines: Vec<&str> = groups
        .iter()
        .flat_map(|(_, lines)| lines.iter().copied())
        .collect();
    if kind == "Primary" && lines.is_empty() {
        return format!("{stack}\t[default=1]\t\t\tpam_permit.so\n");
    }
    let mut left = lines.len() - usize::from(kind == "Additional" && !lines.is_empty());
    let mut out = String::new();
    for line in lines {
        let (control, module, options) = split(line);
        let control = control.replace("end", &left.to_string());
        out.extend([stack, "\t", &control, module, " ", &options, "\n"]);
        left = left.saturating_sub(1);
    }
    out
}

/// A line's control, its module with the blanks before, and its options with single blanks.
fn split(line: &str) -> (&str, &str, String) {
    let control = if line.starts_with('[') {
        line.find(']').map_or(0, |at| at + 1)
    } else {
        line.find(char::is_whitespace).unwrap_or(line.len())
    };
    let (control, rest) = line.split_at(control);
    let start = rest.len() - rest.trim_start().len();
    let length = rest[start..]
        .find(char::is_whitespace)
        .unwrap_or(rest.len() - start);
    let (module, options) = rest.split_at(start + length);
    (
        control,
        module,
        options.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}

fn replace_block(text: &str, begin: &str, end: &str, filled: &str) -> Option<String> {
    let start = text.find(begin)?;
    let body = start + text[start..].find('\n')? + 1;
    let stop = body + text[body..].find(end)?;
    Some(format!("{}{filled}{}", &text[..body], &text[stop..]))
}
