//! Lines of a Procfile, those that end in `\` joined with the next as a shell joins them.

use std::iter::Peekable;

use crate::recipe::text::Source;

/// One line, or several that were joined.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogicalLine {
    /// The number of the first line.
    pub(super) number: usize,
    /// The text, without line ends and joining backslashes.
    pub(super) text: String,
    /// How it came to be.
    pub(super) shape: Shape,
}

/// How a logical line came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One line.
    Single,
    /// Several lines, or one that ends in `\` at the end of the file.
    Joined,
}

/// The logical lines that are neither blank nor a comment. A comment never continues.
pub(super) fn logical_lines(source: &Source<'_>) -> Vec<LogicalLine> {
    let mut lines = source.lines().peekable();
    let mut found = Vec::new();
    while let Some((number, first)) = lines.next() {
        if !is_blank_or_comment(first) {
            found.push(join(number, first, &mut lines));
        }
    }
    found
}

fn is_blank_or_comment(line: &str) -> bool {
    let text = line.trim_start_matches([' ', '\t']);
    text.is_empty() || text.starts_with('#')
}

fn join<'t>(
    number: usize,
    first: &'t str,
    lines: &mut Peekable<impl Iterator<Item = (usize, &'t str)>>,
) -> LogicalLine {
    let (mut text, mut line, mut shape) = (String::new(), first, Shape::Single);
    while let Some(head) = line.strip_suffix('\\') {
        text.push_str(head);
        line = lines.next().map_or("", |(_, next)| next);
        shape = Shape::Joined;
    }
    text.push_str(line);
    LogicalLine {
        number,
        text,
        shape,
    }
}
