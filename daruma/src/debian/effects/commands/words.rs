//! Small commands on words: character sets, expressions, dates.

use crate::debian::effects::shell::{Shell, Status, Stop};

/// Stands for the time of day, which no file may hold.
const DATE: &str = "\u{E000}";

/// The characters of a set as `tr` writes it.
pub(super) fn set(text: &str) -> Result<Vec<char>, Stop> {
    match text {
        "[:upper:]" => return Ok(('A'..='Z').collect()),
        "[:lower:]" => return Ok(('a'..='z').collect()),
        "\\n" => return Ok(vec!['\n']),
        _ if text.contains(['[', '\\']) => return Err(Stop::unknown("a set of tr")),
        _ => {}
    }
    let chars: Vec<char> = text.chars().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        if let (Some('-'), Some(end)) = (chars.get(at + 1), chars.get(at + 2)) {
            all.extend(chars[at]..=*end);
            at += 3;
        } else {
            all.push(chars[at]);
            at += 1;
        }
    }
    Ok(all)
}

/// `expr A OP B` on integers.
pub(super) fn expr(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    if arguments.len() != 3 {
        return Err(Stop::unknown("a form of expr"));
    }
    let value = crate::debian::effects::arithmetic::evaluate(&arguments.join(" "), |_| None)
        .map_err(Stop::unknown)?;
    shell.print(&format!("{value}\n"))?;
    Ok(i32::from(value == 0))
}

/// The time of day: only for messages, and always the same.
pub(super) fn date(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    if arguments.iter().any(|argument| argument.starts_with('+')) {
        return Err(Stop::unknown("the time of day"));
    }
    shell.print(DATE)?;
    Ok(0)
}

/// The kernel: scripts that ask more than its name would depend on the machine that builds.
pub(super) fn uname(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    match arguments {
        [flag] if flag == "-s" => shell.print("Linux\n")?,
        // libc6's preinst refuses kernels older than its own minimum; the machine that runs the image decides that.
        [flag] if flag == "-r" => shell.print("6.12.0\n")?,
        _ => return Err(Stop::unknown("a form of uname")),
    }
    Ok(0)
}
