//! Each row of the table in `docs/reference/dotenv.md`.

use super::*;
use crate::recipe::diagnostic::Diagnostic;
use crate::recipe::reference::row;

fn findings(report: Report) -> Vec<Diagnostic> {
    match report.finish(()) {
        Ok(checked) => checked.warnings,
        Err(RecipeError::Refused { diagnostics }) => diagnostics,
        Err(other) => panic!("{other}"),
    }
}

/// `NAME=value` of each variable, and the severities found with their positions.
fn reading(text: &str) -> String {
    let mut report = Report::default();
    let dotenv = read(text, &mut report);
    let variables = dotenv
        .iter()
        .map(|(name, v)| format!("{name}={}", v.value.expose()));
    let found = findings(report).into_iter();
    let found = found.map(|d| format!("{}@{}", d.severity, d.position));
    variables.chain(found).collect::<Vec<_>>().join(" · ")
}

#[test]
fn every_case_of_a_dotenv_is_read_as_the_reference_says() {
    let page = include_str!("../../../../docs/reference/dotenv.md");
    let rows = [
        (" A=1", "A=1"),
        ("A = 1", "A=1"),
        ("A=1  ", "A=1 · warning@1:3"),
        ("export A=1", "A=1 · warning@1:1"),
        ("exportA=1", "exportA=1"),
        ("A", "error@1:1"),
        ("export A", "error@1:1"),
        ("A=", "A= · warning@1:3"),
        ("=x", "error@1:1"),
        ("A=a b c", "A=a b c"),
        ("A=\"a b\"", "A=a b"),
        ("A='a b'", "A=a b"),
        ("A=`a b`", "A=`a b` · warning@1:3"),
        (r#"A="a\nb""#, "A=a\nb · warning@1:5"),
        (r"A='a\nb'", r"A=a\nb"),
        (r"A=a\nb", r"A=a\nb · warning@1:4"),
        (r#"A="a\tb""#, "A=a\tb · warning@1:5"),
        (r#"A="a\"b""#, "A=a\"b · warning@1:5"),
        (r#"A="a\\n\$B\q""#, r"A=a\n$B\q · warning@1:5"),
        ("A=\"a\nb\"\nB=1", "A=a\nb · B=1 · warning@1:5"),
        ("A='a\r\nb'\r\nB=1", "A=a\nb · B=1 · warning@1:5"),
        ("A=\"x", "error@1:3"),
        ("B=1\nA='x\nC=1", "B=1 · error@2:3"),
        ("A=it's", "A=it's"),
        ("# c\n  # c\nA=1", "A=1"),
        ("A=1 # c", "A=1 · warning@1:5"),
        ("A= # c", "A= · warning@1:4"),
        ("A=1#c", "A=1#c · warning@1:4"),
        ("A=#c", "A=#c · warning@1:3"),
        ("A=\"x\" # c", "A=x · warning@1:7"),
        ("A=\"x # y\"", "A=x # y"),
        ("A=$B", "A=$B · warning@1:3"),
        ("A=${B}", "A=${B} · warning@1:3"),
        ("A=\"p-$B\"", "A=p-$B · warning@1:6"),
        ("A='$B'", "A=$B"),
        (r"A=\$B", r"A=\$B · warning@1:3 · warning@1:4"),
        ("A=${N:-d}", "A=${N:-d} · warning@1:3"),
        ("A=$(cmd)", "A=$(cmd) · warning@1:3"),
        ("A=5$", "A=5$"),
        ("A: 1", "error@1:1"),
        ("a-b=1", "a-b=1 · warning@1:1"),
        ("a.b=1", "a.b=1 · warning@1:1"),
        ("1A=1", "1A=1 · warning@1:1"),
        ("A=1\r\nB=2\r\n", "A=1 · B=2"),
        ("A=1\rB=2", "error@1:4"),
        ("A=日本", "A=日本"),
        ("キー=1", "error@1:1"),
        ("\u{feff}A=1", "A=1 · warning@1:1"),
        ("A=1\nA=2", "A=2 · warning@2:1"),
        ("A=a\\\nb", "A=a\\ · warning@1:4 · error@2:1"),
        ("A=\"1\"x", "error@1:6"),
        (r#"A={"k": "v"}"#, r#"A={"k": "v"}"#),
        ("A=a\0", "error@1:4"),
        ("", ""),
    ];
    for (text, expected) in rows {
        assert_eq!(reading(text), expected, "{text:?}");
        let row = row(text, expected);
        assert!(page.contains(&row), "not in the reference: {row}");
    }
}

#[test]
fn no_finding_and_no_debug_form_shows_a_text_of_the_file() {
    let text = "\u{feff}hunter2\nhunter2: x\nA=\"hunter2\" hunter2\nB=`hunter2 $hunter2 \\ # hunter2\nexport hunter2=\n\
                hunter2=a\nC=hunter2\rhunter2\nhunter2 hunter2=1\nD=\"hunter2\nhunter2";
    let mut report = Report::default();
    let dotenv = read(text, &mut report);
    let found = findings(report);
    assert!(found.len() > 8, "{found:?}");
    for diagnostic in found {
        assert!(
            !format!("{diagnostic} {diagnostic:?}").contains("hunter2"),
            "{diagnostic}"
        );
    }
    let value = dotenv.get("B").map(|b| format!("{b:?}"));
    assert_eq!(
        value.as_deref(),
        Some("Variable { value: Secret(…), line: 4 }")
    );
}

#[test]
fn messages_say_where_and_who_differs() {
    let mut report = Report::default();
    read("A=1 # c\nB=$A\nsecret\nA='x", &mut report);
    let text: Vec<String> = findings(report).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"), @r##"
    .env:1:5: warning: a comment after the value was dropped
    help: move it to its own line: foreman and docker take it into the value
    .env:2:3: warning: `$` was kept: nothing is expanded or executed
    help: put the value in single quotes: overmind and dotenv for Ruby and Python expand, dotenv for Ruby executes
    .env:3:1: error: this is not `NAME=value`
    help: write `NAME=` for an empty value; begin a comment with `#`; quote a value that spans lines
    .env:4:3: error: this quote is never closed
    help: close it, or put the other kind of quote around the value
    "##);
}
