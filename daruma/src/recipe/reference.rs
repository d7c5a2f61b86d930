//! Rows of the reference pages, as the tests expect them there.

/// The first two columns of the row for `text`.
pub(super) fn row(text: &str, read: &str) -> String {
    format!("| {} | {} | ", code(text), code(read))
}

fn code(text: &str) -> String {
    let shown = text
        .replace('\\', r"\\")
        .replace('\n', r"\n")
        .replace('\r', r"\r")
        .replace('\t', r"\t")
        .replace('\0', r"\0")
        .replace('\u{feff}', r"\u{feff}");
    match shown.as_str() {
        "" => "(nothing)".to_owned(),
        text if text.contains('`') => format!("`` {text} ``"),
        text => format!("`{text}`"),
    }
}
