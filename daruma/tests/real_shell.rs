//! Command lines that run without a shell, held against the shells of this machine.

use std::process::Command;

use daruma::recipe::CommandLine;

/// The arguments that `shell` makes of `line`; `None` where it finds an error.
fn words(shell: &str, line: &str) -> Option<Vec<String>> {
    let script = format!("set -- {line}\nprintf '%s\\0' \"$@\"");
    let output = Command::new(shell)
        .args(["-c", &script])
        .current_dir("/")
        .output()
        .expect("ran");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let words = text.split_terminator('\0').map(ToOwned::to_owned).collect();
    output.status.success().then_some(words)
}

fn is_present(shell: &str) -> bool {
    Command::new(shell).args(["-c", ":"]).status().is_ok()
}

/// Lines of up to ten pieces, from a generator with a fixed seed.
fn lines(count: usize) -> Vec<String> {
    const PIECES: [&str; 28] = [
        "a", "b=c", " ", " ", "\t", "'", "\"", "\\", "#", "$", "~", "*", "!", "=", "-", "%", "^",
        ",", ":", "@", "+", "/", "だ", "{", "}", "[", "]", "`",
    ];
    let mut seed = 11_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize
    };
    (0..count)
        .map(|_| {
            (0..=next() % 10)
                .map(|_| PIECES[next() % PIECES.len()])
                .collect()
        })
        .collect()
}

#[test]
fn a_line_that_runs_without_a_shell_has_the_words_that_a_shell_would_make() {
    for shell in ["sh", "bash"] {
        if !is_present(shell) {
            println!("skipped: no {shell} here");
            continue;
        }
        let mut compared = 0;
        for line in lines(4_000) {
            if let CommandLine::Exec(argv) = CommandLine::parse(&line) {
                assert_eq!(words(shell, &line), Some(argv), "{shell}: {line:?}");
                compared += 1;
            }
        }
        assert!(
            compared > 100,
            "{shell}: only {compared} lines ran without a shell"
        );
    }
}
