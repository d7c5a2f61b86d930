//! The programs that a process starts: its first word, and the interpreter of a script of the app's own.

use std::collections::BTreeSet;

/// A program that must be in the runner's `PATH`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Its name, without directories.
    pub program: String,
    /// Where it is asked for, e.g. `Procfile:1` or `server.sh:1`.
    pub from: String,
}

/// Longest `#!` line that Linux reads, in bytes (`BINPRM_BUF_SIZE`).
const SHEBANG_MAX: usize = 256;

/// Interpreters of scripts that scripts start are followed this far (execve(2) gives up after four).
const DEPTH: usize = 4;

/// The programs that `line`, a command as the Procfile has it, needs. `origin` is where it stands; `head` gives the first
/// bytes of a file of the app's by its path, and `None` where there is no such file.
pub fn programs(line: &str, origin: &str, head: &dyn Fn(&str) -> Option<Vec<u8>>) -> Vec<Need> {
    let mut needs = BTreeSet::new();
    for command in simple_commands(line) {
        follow(&command, origin, head, DEPTH, &mut needs);
    }
    needs.into_iter().collect()
}

fn follow(
    word: &str,
    origin: &str,
    head: &dyn Fn(&str) -> Option<Vec<u8>>,
    depth: usize,
    needs: &mut BTreeSet<Need>,
) {
    let own = word
        .strip_prefix("/app/")
        .unwrap_or(word)
        .trim_start_matches("./");
    let in_path = !word.contains('/');
    if let Some(bytes) = head(own).filter(|_| !in_path) {
        if let Some(next) = interpreter(&bytes).filter(|_| depth > 0) {
            follow(&next, &format!("{own}:1"), head, depth - 1, needs);
        }
        return;
    }
    let name = word.rsplit('/').next().unwrap_or(word);
    if !name.is_empty() && !name.contains('$') {
        needs.insert(Need {
            program: name.to_owned(),
            from: origin.to_owned(),
        });
    }
}

/// The program of a `#!` line; behind `env`, the one that `env` starts.
fn interpreter(bytes: &[u8]) -> Option<String> {
    let line = bytes.strip_prefix(b"#!")?;
    let line = &line[..line.len().min(SHEBANG_MAX)];
    let line = line.split(|&b| b == b'\n').next()?;
    let text = std::str::from_utf8(line).ok()?;
    let mut words = text.split_whitespace();
    let first = words.next()?;
    if !first.ends_with("/env") {
        return Some(first.to_owned());
    }
    words
        .find(|word| !word.starts_with('-') && !word.contains('='))
        .map(ToOwned::to_owned)
}

/// The first word of each simple command of a shell line, as far as it can be told without running it.
fn simple_commands(line: &str) -> Vec<String> {
    let mut commands = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, ';' | '|' | '&' | '\n') => {
                commands.push(String::new());
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        if let Some(last) = commands.last_mut() {
            last.push(c);
        }
    }
    commands
        .iter()
        .filter_map(|command| first_word(command))
        .collect()
}

fn first_word(command: &str) -> Option<String> {
    let words = shlex::split(command)?;
    let is_assignment = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        })
    };
    words
        .into_iter()
        .find(|word| !is_assignment(word) && !PREFIXES.contains(&word.as_str()))
        .filter(|word| !BUILTINS.contains(&word.as_str()))
}

/// Words of the shell's own that stand before a command.
const PREFIXES: &[&str] = &[
    "exec", "command", "time", "if", "then", "else", "do", "while", "!", "{", "(",
];

/// Commands that the shell does itself.
const BUILTINS: &[&str] = &[
    ".", ":", "[", "break", "cd", "done", "echo", "eval", "exit", "export", "false", "fi", "for",
    "printf", "read", "return", "set", "shift", "source", "test", "trap", "true", "ulimit",
    "umask", "unset", "wait", "}",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        let head = |path: &str| match path {
            "server.sh" => Some(b"#!/bin/busybox sh\n".to_vec()),
            "bin/web" => Some(b"#!/usr/bin/env -S ruby -w\n".to_vec()),
            "loop" => Some(b"#!./loop\n".to_vec()),
            "binary" => Some(b"\x7fELF".to_vec()),
            _ => None,
        };
        let needs = programs(line, "Procfile:1", &head);
        needs
            .iter()
            .map(|need| format!("{} ← {}", need.program, need.from))
            .collect()
    }

    #[test]
    fn programs_are_found_by_first_word_and_by_interpreter() {
        let rows: &[(&str, &[&str])] = &[
            ("puma -p $PORT", &["puma ← Procfile:1"]),
            ("./server.sh", &["busybox ← server.sh:1"]),
            ("bin/web", &["ruby ← bin/web:1"]),
            ("/app/bin/web", &["ruby ← bin/web:1"]),
            ("./binary --serve", &[]),
            ("./loop", &[]),
            ("RACK_ENV=production exec puma", &["puma ← Procfile:1"]),
            (
                "cd web && exec node server.js | tee log",
                &["node ← Procfile:1", "tee ← Procfile:1"],
            ),
            ("/usr/sbin/nginx -g 'daemon off;'", &["nginx ← Procfile:1"]),
            ("$RUNNER web", &[]),
            ("", &[]),
        ];
        for (line, expected) in rows {
            assert_eq!(found(line), *expected, "{line}");
        }
    }
}
