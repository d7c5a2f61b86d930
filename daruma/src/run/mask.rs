//! Values that must not be seen in a log.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;

/// What stands for a masked value.
const MASKED: &str = "•••";

/// Values with fewer bytes are not masked: `true`, `3000` or `dev` would make every log unreadable and are no secrets.
pub const MIN_SECRET: usize = 6;

/// Replaces given values by `•••`. The value with several lines is masked line by line.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    finders: Vec<Finder<'static>>,
}

impl Mask {
    /// A mask for these values; those under [`MIN_SECRET`] bytes are left alone.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let lines = values.into_iter().flat_map(str::lines).map(str::trim);
        let mut secrets: Vec<&str> = lines.filter(|line| line.len() >= MIN_SECRET).collect();
        secrets.sort_unstable();
        secrets.dedup();
        let finders = secrets
            .iter()
            .map(|secret| Finder::new(secret).into_owned());
        Self {
            finders: finders.collect(),
        }
    }

    /// The line with every value in it replaced.
    pub fn apply<'a>(&self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let spans = self.spans(line);
        if spans.is_empty() {
            return Cow::Borrowed(line);
        }
        let mut masked = Vec::with_capacity(line.len());
        let mut done = 0;
        for span in spans {
            masked.extend_from_slice(&line[done..span.start]);
            masked.extend_from_slice(MASKED.as_bytes());
            done = span.end;
        }
        masked.extend_from_slice(&line[done..]);
        Cow::Owned(masked)
    }

    /// How many bytes after a place must be known to tell whether a value covers that place.
    pub(super) fn overlap(&self) -> usize {
        let longest = self
            .finders
            .iter()
            .map(|finder| finder.needle().len())
            .max();
        longest.map_or(0, |longest| longest - 1)
    }

    /// A place at or before `want` where `line` can be cut without cutting a value, if there is one after 0.
    pub(super) fn cut(&self, line: &[u8], want: usize) -> usize {
        let covers = |span: &Range<usize>| span.start < want && want < span.end;
        match self.spans(line).into_iter().find(covers) {
            None => want,
            Some(span) if span.start > 0 => span.start,
            Some(span) => span.end,
        }
    }

    /// Where values stand, ordered, those that overlap as one.
    fn spans(&self, line: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> =
            self.finders.iter().flat_map(|f| every(f, line)).collect();
        found.sort_unstable_by_key(|span| (span.start, span.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for span in found {
            match merged.last_mut() {
                Some(last) if span.start < last.end => last.end = last.end.max(span.end),
                _ => merged.push(span),
            }
        }
        merged
    }
}

/// Every place of a value, those that overlap with itself included.
fn every<'a>(
    finder: &'a Finder<'static>,
    line: &'a [u8],
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + finder.find(line.get(from..)?)?;
        from = start + 1;
        Some(start..start + finder.needle().len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_and_short_ones_left_alone() {
        let mask = Mask::new([
            "hunter22",
            "hunter22-long",
            "dev",
            "",
            "first line\nsecond line\r\n",
        ]);
        let cases = [
            ("password hunter22.", "password •••."),
            ("hunter22-long", "•••"),
            ("hunter2", "hunter2"),
            ("dev", "dev"),
            ("first line", "•••"),
            ("the second line!", "the •••!"),
            ("hunter22hunter22", "••••••"),
        ];
        for (line, expected) in cases {
            assert_eq!(mask.apply(line.as_bytes()), expected.as_bytes(), "{line}");
        }
    }

    #[test]
    fn values_that_overlap_are_masked_as_one() {
        let mask = Mask::new(["abcdef", "efghij", "aaaaaa"]);
        assert_eq!(mask.apply(b"-abcdefghij-"), "-•••-".as_bytes());
        assert_eq!(mask.apply(b"aaaaaaaaa!"), "•••!".as_bytes());
    }
}
