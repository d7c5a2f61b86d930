//! Each row of the table in `docs/reference/procfile.md`.

use super::*;
use crate::recipe::reference::row;

/// `name=command` of each process and the severities found, with their positions.
fn reading(text: &str) -> String {
    let mut report = Report::default();
    let procfile = read(text, &mut report);
    let entries = procfile
        .entries()
        .map(|e| format!("{}={}", e.name, e.command));
    let diagnostics = match report.finish(()) {
        Ok(checked) => checked.warnings,
        Err(RecipeError::Refused { diagnostics }) => diagnostics,
        Err(other) => panic!("{other}"),
    };
    let found = diagnostics
        .iter()
        .map(|d| format!("{}@{}", d.severity, d.position));
    entries.chain(found).collect::<Vec<_>>().join(" · ")
}

#[test]
fn every_form_of_a_procfile_is_read_as_the_reference_says() {
    let page = include_str!("../../../../docs/reference/procfile.md");
    let rows = [
        ("web: cmd", "web=cmd"),
        ("web:cmd", "web=cmd"),
        ("web : cmd", "web=cmd · warning@1:4"),
        ("  web: a", "web=a · warning@1:1"),
        ("web: a # b", "web=a # b · warning@1:8"),
        ("web: a#b", "web=a#b"),
        ("web: \"a b\"", "web=\"a b\" · warning@1:6"),
        ("web: 'a b'", "web='a b' · warning@1:6"),
        ("web: \"a\" b", "web=\"a\" b"),
        ("web: \"a\" \"b\"", "web=\"a\" \"b\""),
        ("web: [a, b]", "web=[a, b]"),
        ("web: {a: b}", "web={a: b}"),
        ("web: 123", "web=123"),
        ("web: true", "web=true"),
        ("web: *x", "web=*x"),
        ("web: &x y", "web=&x y"),
        ("web: !x y", "web=!x y"),
        ("web:", "error@1:1"),
        ("web:   ", "error@1:1"),
        ("web: a\nlog: c\nweb: b", "web=b · log=c · warning@3:1"),
        ("my-web: a", "my-web=a"),
        ("my_web: a\nWeb: b", "Web=b · my_web=a"),
        ("a.b: x", "error@1:1"),
        ("ウェブ: a", "error@1:1"),
        ("# c\nweb: a\n  # d", "web=a"),
        ("web: a  \t", "web=a"),
        ("web: a \\\n  b\nlog: c", "web=a   b · log=c · warning@1:1"),
        ("web: a \\", "web=a · warning@1:1"),
        ("web: a\r\n\r\nlog: b\r\n", "web=a · log=b"),
        ("\u{feff}web: a", "web=a · warning@1:1"),
        ("web: a\nfree text", "web=a · error@2:1"),
        ("", "error@1:1"),
        ("\n# only a comment\n", "error@1:1"),
        ("web: a\rlog: b", "error@1:1"),
        ("web: a\0", "error@1:1"),
    ];
    for (text, expected) in rows {
        assert_eq!(reading(text), expected, "{text:?}");
        let row = row(text, expected);
        assert!(page.contains(&row), "not in the reference: {row}");
    }
}

#[test]
fn a_name_of_more_than_63_characters_is_refused() {
    assert_eq!(reading(&format!("{}: a", "x".repeat(64))), "error@1:1");
}

#[test]
fn an_error_says_where_why_and_what_to_do() {
    let error = Procfile::parse("web: a\n  rails server\nworker:\na.b: x\nweb : b").map(|_| ());
    insta::assert_snapshot!(error.map_err(|e| e.to_string()).expect_err("refused"), @r##"
    cannot use the recipe: 3 errors
    Procfile:2:3: error: this is not `name: command`
    help: begin a comment with `#`
    Procfile:3:1: error: `worker` has no command
    help: write `worker: <command>`, or remove the line
    Procfile:4:1: error: `a.b` is not a process name (1 to 63 of A-Z, a-z, 0-9, `_` and `-`, at least one a letter or digit)
    help: a line is `name: command`, a comment begins with `#`
    Procfile:5:1: warning: `web` stands here again: this line counts, line 1 does not
    help: remove one: foreman runs both, honcho and overmind refuse the file, `heroku local` takes the last
    Procfile:5:4: warning: blanks before the `:` were skipped
    help: remove them: foreman, honcho and overmind ignore such a line, `heroku local` refuses it
    "##);
}

#[test]
fn warnings_name_the_tools_that_differ() {
    let read = Procfile::parse("web: a # b\n log : \"c d\"\nweb: e \\\nf").expect("accepted");
    let text: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"), @r##"
    Procfile:1:8: warning: this `#` was kept: a Procfile has comments on lines of their own only
    help: move the comment to its own line: the `heroku docker:start` plugin cut the command here, and a shell does
    Procfile:2:1: warning: blanks before the name were skipped
    help: remove them: foreman, honcho and overmind ignore such a line
    Procfile:2:5: warning: blanks before the `:` were skipped
    help: remove them: foreman, honcho and overmind ignore such a line, `heroku local` refuses it
    Procfile:2:8: warning: the quotes around the command were kept: all of it is the name of one program
    help: remove the quotes: only readers of YAML, such as the `heroku docker:start` plugin, strip them
    Procfile:3:1: warning: lines that end in `\` were joined
    help: put the command on one line: other readers take the first line alone or refuse the file
    Procfile:3:1: warning: `web` stands here again: this line counts, line 1 does not
    help: remove one: foreman runs both, honcho and overmind refuse the file, `heroku local` takes the last
    "##);
}

#[test]
fn a_text_longer_than_the_bound_is_refused() {
    let text = "#".repeat(crate::recipe::MAX_SIZE + 1);
    assert!(matches!(
        Procfile::parse(&text),
        Err(RecipeError::TooLong { .. })
    ));
}
