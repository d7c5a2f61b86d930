//! `grep` and `sed`, with POSIX regular expressions read into the `regex` crate's syntax.

use regex::{Regex, RegexBuilder};

use super::text::inputs;
use crate::debian::effects::shell::{Shell, Status, Stop};

/// How a pattern is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Basic,
    Extended,
    Fixed,
}

/// A POSIX pattern as a `Regex`. Back-references are refused; alternation too, as POSIX takes the longest match.
fn regex(pattern: &str, dialect: Dialect) -> Result<Regex, Stop> {
    let translated = match dialect {
        Dialect::Fixed => regex::escape(pattern),
        _ => translate(pattern, dialect)?,
    };
    RegexBuilder::new(&translated)
        .size_limit(1 << 20)
        .build()
        .map_err(|_| Stop::unknown(format!("the pattern `{pattern}`")))
}

fn translate(pattern: &str, dialect: Dialect) -> Result<String, Stop> {
    let extended = dialect == Dialect::Extended;
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '[' => bracket(&mut chars, &mut out)?,
            '\\' => match chars.next() {
                Some(c @ ('(' | ')' | '{' | '}' | '+' | '?')) if !extended => out.push(c),
                // GNU's classes and word border.
                Some(c @ ('b' | 's' | 'S' | 'w' | 'W')) => out.extend(['\\', c]),
                Some(c) if c.is_ascii_punctuation() => out.push_str(&regex::escape(&c.to_string())),
                _ => return Err(Stop::unknown(format!("the pattern `{pattern}`"))),
            },
            '*' if out.is_empty() || (out == "^" && !extended) => out.push_str(r"\*"),
            '(' | ')' | '{' | '}' | '+' | '?' | '|' if !extended => {
                out.push_str(&regex::escape(&c.to_string()));
            }
            '^' if !out.is_empty() && !out.ends_with('(') && !extended => out.push_str(r"\^"),
            '$' if chars.peek().is_some_and(|next| *next != '\\') && !extended => {
                out.push_str(r"\$");
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

fn bracket(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), Stop> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | ']' | '\\' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        first = false;
    }
    Err(Stop::unknown("a bracket expression that does not end"))
}

/// `grep` with `-q -s -v -x -i -F -E -e`.
pub(super) fn grep(shell: &mut Shell<'_, '_>, arguments: &[String], dialect: Dialect) -> Status {
    let mut dialect = dialect;
    let (mut letters, mut patterns, mut operands) = (String::new(), Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-e" => patterns.extend(rest.next().cloned()),
            "--" => operands.extend(rest.by_ref().cloned()),
            "--quiet" => letters.push('q'),
            "--fixed-strings" => letters.push('F'),
            flag if flag.len() > 1 && flag.starts_with('-') => letters.push_str(&flag[1..]),
            _ => operands.push(argument.clone()),
        }
    }
    if let Some(letter) = letters
        .chars()
        .find(|c| !"qsvxiFEn".contains(*c) || *c == 'n')
    {
        return Err(Stop::unknown(format!("option -{letter}")));
    }
    if letters.contains('F') {
        dialect = Dialect::Fixed;
    } else if letters.contains('E') {
        dialect = Dialect::Extended;
    }
    if patterns.is_empty() {
        if operands.is_empty() {
            return Err(Stop::unknown("grep without a pattern"));
        }
        patterns.push(operands.remove(0));
    }
    let regexes = grep_patterns(&patterns, dialect, &letters)?;
    let many = operands.len() > 1;
    let (text, missing) = inputs(shell, &operands)?;
    if many && !letters.contains('q') {
        return Err(Stop::unknown("grep that prints from several files"));
    }
    let wanted =
        |line: &&str| regexes.iter().any(|regex| regex.is_match(line)) != letters.contains('v');
    let lines: Vec<&str> = text.lines().filter(wanted).collect();
    if !letters.contains('q') {
        let out: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        shell.print(&out)?;
    }
    Ok(match (lines.is_empty(), missing) {
        (false, 0) => 0,
        (false, _) if letters.contains('q') => 0,
        (_, 1) => 2,
        _ => 1,
    })
}

fn grep_patterns(patterns: &[String], dialect: Dialect, letters: &str) -> Result<Vec<Regex>, Stop> {
    let lines = patterns.iter().flat_map(|pattern| pattern.split('\n'));
    lines
        .map(|pattern| {
            let plain = regex(pattern, dialect)?;
            let text = if letters.contains('x') {
                format!("^(?:{plain})$")
            } else {
                plain.to_string()
            };
            RegexBuilder::new(&text)
                .case_insensitive(letters.contains('i'))
                .build()
                .map_err(|_| Stop::unknown(format!("the pattern `{pattern}`")))
        })
        .collect()
}

/// One command of a `sed` script.
struct Edit {
    address: Option<Address>,
    lines: Lines,
    action: Action,
}

/// Which lines a command is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    Addressed,
    /// `!`: the others.
    Others,
}

enum Address {
    Last,
    Match(Regex),
}

enum Action {
    Substitute {
        regex: Regex,
        replacement: String,
        global: Global,
        print: Print,
    },
    Delete,
    Print,
    /// `$a\` without text: only adds the newline that a last line lacks.
    EndLine,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Global {
    First,
    All,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Print {
    No,
    Yes,
}

/// `sed` with `-n -e`, and `s`, `d`, `p`, `$a\`; `-i` on one file.
pub(super) fn sed(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let (mut quiet, mut in_place, mut dialect) = (false, false, Dialect::Basic);
    let (mut scripts, mut operands) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-n" => quiet = true,
            "-i" => in_place = true,
            "-E" | "-r" => dialect = Dialect::Extended,
            "-e" => scripts.extend(rest.next().cloned()),
            "-ne" | "-n -e" => {
                quiet = true;
                scripts.extend(rest.next().cloned());
            }
            flag if flag.starts_with("-e") => scripts.push(flag[2..].to_owned()),
            flag if flag.len() > 1 && flag.starts_with('-') => {
                return Err(Stop::unknown(format!("option {flag}")));
            }
            _ => operands.push(argument.clone()),
        }
    }
    if scripts.is_empty() && !operands.is_empty() {
        scripts.push(operands.remove(0));
    }
    let mut edits = Vec::new();
    for script in &scripts {
        read_script(script, dialect, &mut edits)?;
    }
    if !in_place {
        let (text, status) = inputs(shell, &operands)?;
        let out = edit(&text, &edits, quiet);
        shell.print(&out)?;
        return Ok(status);
    }
    for operand in &operands {
        let (Some(text), Some(path)) = (super::file_text(shell, operand)?, shell.resolve(operand))
        else {
            return super::failed(shell, 2);
        };
        shell
            .machine
            .world
            .write(&path, edit(&text, &edits, quiet).as_bytes(), 0o644);
    }
    Ok(0)
}

fn read_script(script: &str, dialect: Dialect, edits: &mut Vec<Edit>) -> Result<(), Stop> {
    let bad = || Stop::unknown(format!("the sed script `{script}`"));
    let mut rest = script.trim();
    while !rest.is_empty() {
        let (address, after) = read_address(rest, dialect)?;
        let after = after.trim_start();
        let (lines, after) = match after.strip_prefix('!') {
            Some(after) => (Lines::Others, after),
            None => (Lines::Addressed, after),
        };
        let mut chars = after.trim_start().chars();
        let (action, after) = match chars.next() {
            Some('d') => (Action::Delete, chars.as_str()),
            Some('p') => (Action::Print, chars.as_str()),
            Some('a') if chars.as_str() == "\\" => (Action::EndLine, ""),
            Some('s') => read_substitution(chars.as_str(), dialect, script)?,
            _ => return Err(bad()),
        };
        edits.push(Edit {
            address,
            lines,
            action,
        });
        rest = after.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix([';', '\n']).ok_or_else(bad)?.trim_start();
        }
    }
    Ok(())
}

fn read_address(script: &str, dialect: Dialect) -> Result<(Option<Address>, &str), Stop> {
    if let Some(rest) = script.strip_prefix('$') {
        return Ok((Some(Address::Last), rest));
    }
    let Some(rest) = script.strip_prefix('/') else {
        return Ok((None, script));
    };
    let (pattern, rest) =
        delimited(rest, '/').ok_or_else(|| Stop::unknown(format!("the sed script `{script}`")))?;
    Ok((Some(Address::Match(regex(&pattern, dialect)?)), rest))
}

fn read_substitution<'s>(
    text: &'s str,
    dialect: Dialect,
    script: &str,
) -> Result<(Action, &'s str), Stop> {
    let bad = || Stop::unknown(format!("the sed script `{script}`"));
    let delimiter = text.chars().next().ok_or_else(bad)?;
    let (pattern, rest) = delimited(&text[delimiter.len_utf8()..], delimiter).ok_or_else(bad)?;
    let (replacement, rest) = delimited(rest, delimiter).ok_or_else(bad)?;
    if dialect == Dialect::Extended && pattern.contains('|') {
        return Err(bad());
    }
    let (mut global, mut print) = (Global::First, Print::No);
    let mut rest = rest;
    loop {
        if let Some(after) = rest.strip_prefix('g') {
            global = Global::All;
            rest = after;
        } else if let Some(after) = rest.strip_prefix('p') {
            print = Print::Yes;
            rest = after;
        } else {
            break;
        }
    }
    let action = Action::Substitute {
        regex: regex(&pattern, dialect)?,
        replacement: replacement_text(&replacement).ok_or_else(bad)?,
        global,
        print,
    };
    Ok((action, rest))
}

/// The text up to `delimiter`, whose escape is taken away, and what follows.
fn delimited(text: &str, delimiter: char) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut escaped = false;
    let mut bracket = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
            if c != delimiter {
                out.push('\\');
            }
            out.push(c);
        } else if c == '\\' && !bracket {
            escaped = true;
        } else if c == delimiter && !bracket {
            return Some((out, &text[at + c.len_utf8()..]));
        } else {
            bracket = (bracket && c != ']') || (!bracket && c == '[');
            out.push(c);
        }
    }
    None
}

/// A replacement in the syntax of the `regex` crate.
fn replacement_text(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '&' => out.push_str("${0}"),
            '$' => out.push_str("$$"),
            '\\' => match chars.next()? {
                digit @ '0'..='9' => {
                    out.push_str("${");
                    out.push(digit);
                    out.push('}');
                }
                'n' => out.push('\n'),
                c if c.is_ascii_punctuation() || c == ' ' => out.push(c),
                _ => return None,
            },
            _ => out.push(c),
        }
    }
    Some(out)
}

fn edit(text: &str, edits: &[Edit], quiet: bool) -> String {
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    let mut ends_line = text.ends_with('\n');
    while let Some(line) = lines.next() {
        let last = lines.peek().is_none();
        let mut line = line.to_owned();
        let mut deleted = false;
        for edit in edits {
            let addressed = match &edit.address {
                None => true,
                Some(Address::Last) => last,
                Some(Address::Match(regex)) => regex.is_match(&line),
            };
            if addressed == (edit.lines == Lines::Others) {
                continue;
            }
            match &edit.action {
                Action::Delete => {
                    deleted = true;
                    break;
                }
                Action::Print => {
                    out.push_str(&line);
                    out.push('\n');
                }
                Action::EndLine => ends_line = true,
                Action::Substitute {
                    regex,
                    replacement,
                    global,
                    print,
                } => {
                    let matched = regex.is_match(&line);
                    let count = usize::from(*global == Global::First);
                    line = regex
                        .replacen(&line, count, replacement.as_str())
                        .into_owned();
                    if matched && *print == Print::Yes {
                        out.push_str(&line);
                        out.push('\n');
                    }
                }
            }
        }
        if !deleted && !quiet {
            out.push_str(&line);
            if !last || ends_line {
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_edit_lines_as_sed_does() {
        let rows = [
            ("s/^[[:space:]]*//", "  a\n b\n", "a\nb\n"),
            (r"s/^\.\///", "./x\n", "x\n"),
            (r"s/^!\(.*\)/<\1>/", "!a\nb\n", "<a>\nb\n"),
            ("s|a|b|g", "aa\n", "bb\n"),
            ("s/[()]/=/g", "x(1)\n", "x=1=\n"),
            ("/^#/d", "#c\nd\n", "d\n"),
            (r"$a\", "last", "last\n"),
            (r"$a\", "last\n", "last\n"),
            (r"s/^[[:space:]]*1[[:space:]]*/!/", "      1 x\n", "!x\n"),
        ];
        for (script, text, expected) in rows {
            let mut edits = Vec::new();
            read_script(script, Dialect::Basic, &mut edits).expect("a script");
            assert_eq!(edit(text, &edits, false), expected, "{script}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for script in ["y/a/b/", "s/a/b/w file", "1,3d", "s/a", "N"] {
            assert!(
                read_script(script, Dialect::Basic, &mut Vec::new()).is_err(),
                "{script}"
            );
        }
    }
}
