//! Commands that only read and print text.

use std::fmt::Write as _;

use super::{Flags, Run, file_text, sed, words};
use crate::debian::effects::shell::{Shell, Status, Stop};

pub(super) fn find(name: &str) -> Option<Run> {
    Some(match name {
        "echo" => echo,
        "printf" => printf,
        "cat" => cat,
        "sort" => sort,
        "uniq" => uniq,
        "head" => head,
        "cut" => cut,
        "tr" => tr,
        "wc" => wc,
        "md5sum" => md5sum,
        "basename" => basename,
        "dirname" => dirname,
        "seq" => seq,
        "expr" => words::expr,
        "grep" => |shell, arguments| sed::grep(shell, arguments, sed::Dialect::Basic),
        "egrep" => |shell, arguments| sed::grep(shell, arguments, sed::Dialect::Extended),
        "fgrep" => |shell, arguments| sed::grep(shell, arguments, sed::Dialect::Fixed),
        "sed" => sed::sed,
        "date" => words::date,
        "uname" => words::uname,
        "sleep" | "sync" => |_, _| Ok(0),
        _ => return None,
    })
}

/// The text of the operands (`-` and none are standard input), and 1 where one is missing.
pub(super) fn inputs(shell: &Shell<'_, '_>, operands: &[String]) -> Result<(String, i32), Stop> {
    if operands.is_empty() {
        return Ok((shell.input().rest(), 0));
    }
    let mut all = String::new();
    let mut status = 0;
    for operand in operands {
        if operand == "-" {
            all.push_str(&shell.input().rest());
            continue;
        }
        match file_text(shell, operand)? {
            Some(text) => all.push_str(&text),
            None => status = super::failed(shell, 1)?,
        }
    }
    Ok((all, status))
}

fn echo(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (newline, words) = match arguments {
        [flag, rest @ ..] if flag == "-n" => ("", rest),
        other => ("\n", other),
    };
    let text = words.join(" ");
    if text.contains('\\') {
        return Err(Stop::unknown("an escape in echo"));
    }
    shell.print(&format!("{text}{newline}"))?;
    Ok(0)
}

fn printf(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let Some((format, values)) = arguments.split_first() else {
        return Err(Stop::unknown("printf without a format"));
    };
    let mut values = values.iter();
    let mut text = String::new();
    loop {
        let before = values.len();
        format_once(format, &mut values, &mut text)?;
        if values.len() == 0 || values.len() == before {
            break;
        }
    }
    shell.print(&text)?;
    Ok(0)
}

fn format_once(
    format: &str,
    values: &mut std::slice::Iter<'_, String>,
    text: &mut String,
) -> Result<(), Stop> {
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match (
            c,
            if matches!(c, '\\' | '%') {
                chars.next()
            } else {
                None
            },
        ) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some('\\')) => text.push('\\'),
            ('%', Some('%')) => text.push('%'),
            ('%', Some('s' | 'd')) => text.push_str(values.next().map_or("", String::as_str)),
            ('\\' | '%', _) => return Err(Stop::unknown("a format of printf")),
            _ => text.push(c),
        }
    }
    Ok(())
}

fn cat(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "", &[])?;
    let (text, status) = inputs(shell, &flags.operands)?;
    shell.print(&text)?;
    Ok(status)
}

fn print_lines<'t>(
    shell: &mut Shell<'_, '_>,
    lines: impl IntoIterator<Item = &'t str>,
) -> Result<(), Stop> {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    shell.print(&text)
}

fn sort(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "ru", &[])?;
    let (text, status) = inputs(shell, &flags.operands)?;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    if flags.has('u') {
        lines.dedup();
    }
    if flags.has('r') {
        lines.reverse();
    }
    print_lines(shell, lines)?;
    Ok(status)
}

fn uniq(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "c", &[])?;
    let (text, status) = inputs(shell, &flags.operands)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for run in lines.chunk_by(|a, b| a == b) {
        if flags.has('c') {
            let _ = write!(out, "{:7} ", run.len());
        }
        out.push_str(run[0]);
        out.push('\n');
    }
    shell.print(&out)?;
    Ok(status)
}

fn head(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (count, operands) = match arguments {
        [flag, count, rest @ ..] if flag == "-n" => (count.as_str(), rest),
        [count, rest @ ..] if count.starts_with('-') => {
            (count.trim_start_matches("-n").trim_start_matches('-'), rest)
        }
        rest => ("10", rest),
    };
    let count: usize = count
        .parse()
        .map_err(|_| Stop::unknown("an option of head"))?;
    let (text, status) = inputs(shell, operands)?;
    print_lines(shell, text.lines().take(count))?;
    Ok(status)
}

fn cut(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let mut delimiter = '\t';
    let mut field = None;
    let mut operands = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(flag) = argument
            .get(..2)
            .filter(|flag| matches!(*flag, "-d" | "-f"))
        else {
            operands.push(argument.clone());
            continue;
        };
        let value = match &argument[2..] {
            "" => rest.next().map_or("", String::as_str),
            value => value,
        };
        if flag == "-d" {
            delimiter = value.chars().next().unwrap_or('\t');
        } else {
            field = value.parse::<usize>().ok();
        }
    }
    let field = field
        .filter(|field| *field > 0)
        .ok_or_else(|| Stop::unknown("an option of cut"))?;
    let (text, status) = inputs(shell, &operands)?;
    let pick = |line: &'_ str| -> String {
        if !line.contains(delimiter) {
            return line.to_owned();
        }
        line.split(delimiter)
            .nth(field - 1)
            .unwrap_or_default()
            .to_owned()
    };
    let lines: Vec<String> = text.lines().map(pick).collect();
    print_lines(shell, lines.iter().map(String::as_str))?;
    Ok(status)
}

fn tr(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (delete, sets) = match arguments {
        [flag, set] if flag == "-d" => (true, (words::set(set)?, Vec::new())),
        [from, to] if !from.starts_with('-') => (false, (words::set(from)?, words::set(to)?)),
        _ => return Err(Stop::unknown("an option of tr")),
    };
    let (from, to) = sets;
    let translate = |c: char| match from.iter().position(|known| *known == c) {
        None => Some(c),
        Some(_) if delete => None,
        Some(at) => to.get(at).or(to.last()).copied(),
    };
    let text: String = shell.input().rest().chars().filter_map(translate).collect();
    shell.print(&text)?;
    Ok(0)
}

fn wc(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let flags = Flags::read(arguments, "lc", &[])?;
    if !flags.operands.is_empty() || flags.letters.len() != 1 {
        return Err(Stop::unknown("a form of wc"));
    }
    let text = shell.input().rest();
    let count = if flags.has('l') {
        text.matches('\n').count()
    } else {
        text.len()
    };
    shell.print(&format!("{count}\n"))?;
    Ok(0)
}

fn md5sum(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    use md5::{Digest, Md5};
    let flags = Flags::read(arguments, "", &[])?;
    if flags.operands.is_empty() {
        let sum = hex::encode(Md5::digest(shell.input().rest().as_bytes()));
        shell.print(&format!("{sum}  -\n"))?;
        return Ok(0);
    }
    for operand in &flags.operands {
        let data = shell
            .resolve(operand)
            .and_then(|path| shell.world().read(&path));
        let Some(data) = data else {
            return super::failed(shell, 1);
        };
        shell.print(&format!("{}  {operand}\n", hex::encode(Md5::digest(&data))))?;
    }
    Ok(0)
}

fn basename(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (path, suffix) = match arguments {
        [path] => (path, ""),
        [path, suffix] if !path.starts_with('-') => (path, suffix.as_str()),
        _ => return Err(Stop::unknown("a form of basename")),
    };
    let trimmed = path.trim_end_matches('/');
    let name = trimmed.rsplit('/').next().unwrap_or(trimmed);
    let name = name
        .strip_suffix(suffix)
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name);
    shell.print(&format!("{name}\n"))?;
    Ok(0)
}

fn dirname(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let [path] = arguments else {
        return Err(Stop::unknown("a form of dirname"));
    };
    let parent = match path.trim_end_matches('/').rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
    };
    shell.print(&format!("{parent}\n"))?;
    Ok(0)
}

fn seq(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let numbers: Option<Vec<i64>> = arguments.iter().map(|text| text.parse().ok()).collect();
    let (mut at, step, last) = match numbers.as_deref() {
        Some(&[last]) => (1, 1, last),
        Some(&[first, last]) => (first, 1, last),
        Some(&[first, step, last]) if step != 0 => (first, step, last),
        _ => return Err(Stop::unknown("a form of seq")),
    };
    while (step > 0 && at <= last) || (step < 0 && at >= last) {
        shell.machine.spend()?;
        shell.print(&format!("{at}\n"))?;
        at += step;
    }
    Ok(0)
}
