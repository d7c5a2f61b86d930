//! Whether a process's line can be executed as it stands or needs a shell.

/// How a line is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// An argument vector, at least the program; signals reach the program directly.
    Exec(Vec<String>),
    /// The text for `sh -c`.
    Shell(String),
}

impl CommandLine {
    /// Splits `text` where words, quotes and backslashes are all that it has (POSIX, XCU 2.2 and 2.3); a line with
    /// anything else that a shell would act on, or that cannot be split, stays whole for the shell.
    pub fn parse(text: &str) -> Self {
        let shell = || Self::Shell(text.to_owned());
        if has_shell_syntax(text) {
            return shell();
        }
        match shlex::split(text) {
            Some(words) if words.first().is_some_and(|word| is_program(word)) => Self::Exec(words),
            _ => shell(),
        }
    }
}

impl CommandLine {
    /// What an image runs. A shell that has only one program to start becomes that program, so that signals reach it.
    pub fn argv(self) -> Vec<String> {
        match self {
            Self::Exec(argv) => argv,
            Self::Shell(line) => {
                let exec = if is_simple_command(&line) {
                    "exec "
                } else {
                    ""
                };
                vec![
                    "/bin/sh".to_owned(),
                    "-c".to_owned(),
                    format!("{exec}{line}"),
                ]
            }
        }
    }
}

/// Whether `line` is one simple command (XCU 2.9.1) that begins with the name of a program. Where quotes hide what
/// would join commands, the answer is no, which costs no more than the shell that stays.
fn is_simple_command(line: &str) -> bool {
    let joins = |c: char| matches!(c, '|' | '&' | ';' | '(' | '\n');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    let first = line.split_whitespace().next().unwrap_or_default();
    let copied_streams = line.replace(">&", "");
    is_program(first) && first.chars().all(plain) && !copied_streams.contains(joins)
}

/// Which quotes a character stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

fn has_shell_syntax(text: &str) -> bool {
    let mut quote = Quote::None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::None | Quote::Double, '\\') => drop(chars.next()),
            (Quote::Double, '$' | '`') => return true,
            (Quote::None, c) if is_active(c) => return true,
            _ => {}
        }
    }
    false
}

/// Characters that a shell (`sh` or `bash`) acts on outside quotes.
fn is_active(c: char) -> bool {
    matches!(
        c,
        '$' | '`'
            | '|'
            | '&'
            | ';'
            | '<'
            | '>'
            | '('
            | ')'
            | '{'
            | '}'
            | '*'
            | '?'
            | '['
            | ']'
            | '~'
            | '#'
            | '!'
            | '\n'
    )
}

fn is_program(word: &str) -> bool {
    !word.is_empty() && !is_assignment(word) && !SHELL_WORDS.contains(&word)
}

fn is_assignment(word: &str) -> bool {
    let name_byte = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    word.split_once('=').is_some_and(|(name, _)| {
        name.bytes().all(name_byte) && !name.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Reserved words (XCU 2.4) and utilities that exist only inside a shell, or that differ there from the program of
/// the same name.
const SHELL_WORDS: &[&str] = &[
    ".", ":", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "declare",
    "do", "done", "elif", "else", "esac", "eval", "exec", "exit", "export", "fc", "fg", "fi",
    "for", "function", "getopts", "hash", "if", "in", "jobs", "kill", "let", "local", "popd",
    "pushd", "read", "readonly", "return", "select", "set", "shift", "shopt", "source", "then",
    "time", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until",
    "wait", "while",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quotes_need_no_shell() {
        let rows: [(&str, &[&str]); 9] = [
            ("bundle exec puma", &["bundle", "exec", "puma"]),
            ("  ruby\tapp.rb  ", &["ruby", "app.rb"]),
            ("ruby -e 'puts 1; exit'", &["ruby", "-e", "puts 1; exit"]),
            (r#"echo "a b" 'c $d'"#, &["echo", "a b", "c $d"]),
            (r#"echo "say \"hi\"" a\ b"#, &["echo", "say \"hi\"", "a b"]),
            (r"echo \$HOME", &["echo", "$HOME"]),
            ("node --name=a=b", &["node", "--name=a=b"]),
            ("echo ''", &["echo", ""]),
            ("日本 語", &["日本", "語"]),
        ];
        for (line, argv) in rows {
            let argv = argv.iter().map(ToString::to_string).collect();
            assert_eq!(CommandLine::parse(line), CommandLine::Exec(argv), "{line}");
        }
    }

    #[test]
    fn what_a_shell_would_act_on_goes_to_a_shell_whole() {
        for line in [
            "rails s -p $PORT",
            "rails s -p ${PORT:-3000}",
            r#"echo "on $PORT""#,
            "echo `date`",
            "echo \"`date`\"",
            "a | b",
            "a && b",
            "a; b",
            "a > log",
            "a < in",
            "(a)",
            "ls *.rb",
            "ls a?",
            "ls [ab]",
            "ls {a,b}",
            "ls ~",
            "a # b",
            "! a",
            "RAILS_ENV=production rails s",
            "cd app",
            "exec puma",
            "source .profile",
            ". ./.profile",
            "if true",
            "echo 'open",
            "echo \"open",
            "''",
            "",
            "a \\",
        ] {
            assert_eq!(
                CommandLine::parse(line),
                CommandLine::Shell(line.to_owned()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_shell_becomes_its_only_program() {
        let rows = [
            ("rails s -p $PORT", "exec rails s -p $PORT"),
            (
                "./server ${PORT:-3000} 2>&1 >log",
                "exec ./server ${PORT:-3000} 2>&1 >log",
            ),
            ("echo \"on $PORT\" # why", "exec echo \"on $PORT\" # why"),
            ("ls `pwd`", "exec ls `pwd`"),
            ("a && b", "a && b"),
            ("a $X; b", "a $X; b"),
            ("a $X &", "a $X &"),
            ("a() { b; }", "a() { b; }"),
            ("(a)", "(a)"),
            ("{ a; }", "{ a; }"),
            ("! a", "! a"),
            ("$A b", "$A b"),
            ("A=$B c", "A=$B c"),
            ("cd $A", "cd $A"),
            ("exec a $B", "exec a $B"),
            ("", ""),
        ];
        for (line, expected) in rows {
            let argv = ["/bin/sh", "-c", expected].map(str::to_owned);
            assert_eq!(CommandLine::parse(line).argv(), argv, "{line}");
        }
    }
}
