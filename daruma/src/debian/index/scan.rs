//! One pass over a `Packages` text: where each stanza's fields are.

use std::ops::Range;

use super::StanzaProblem;

/// A place in a text of at most 1 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

/// The fields that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Package,
    Version,
    Architecture,
    Depends,
    PreDepends,
    Conflicts,
    Breaks,
    Recommends,
    Suggests,
    Replaces,
    Enhances,
    Provides,
    Priority,
    Essential,
    Important,
    Protected,
    MultiArch,
    Filename,
    Sha256,
    Size,
    Source,
    InstalledSize,
}

/// A stanza's place and its fields' values; a missing field is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    pub(super) text: Span,
    pub(super) values: [Span; Field::COUNT],
}

impl Span {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "texts are at most MAX_TEXT long"
    )]
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The place of `part`, which is a slice of `text`.
    pub(super) fn within(text: &str, part: &str) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        Self::new(start, start + part.len())
    }

    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

impl Field {
    pub(super) const COUNT: usize = 22;

    /// The field called `name` in any case, if it is kept.
    fn named(name: &str) -> Option<Self> {
        let candidates: &[(&str, Self)] = match name.len() {
            4 => &[("Size", Self::Size)],
            6 => &[
                ("SHA256", Self::Sha256),
                ("Breaks", Self::Breaks),
                ("Source", Self::Source),
            ],
            7 => &[
                ("Package", Self::Package),
                ("Version", Self::Version),
                ("Depends", Self::Depends),
            ],
            8 => &[
                ("Filename", Self::Filename),
                ("Priority", Self::Priority),
                ("Provides", Self::Provides),
                ("Replaces", Self::Replaces),
                ("Suggests", Self::Suggests),
                ("Enhances", Self::Enhances),
            ],
            9 => &[
                ("Conflicts", Self::Conflicts),
                ("Essential", Self::Essential),
                ("Important", Self::Important),
                ("Protected", Self::Protected),
            ],
            10 => &[
                ("Multi-Arch", Self::MultiArch),
                ("Recommends", Self::Recommends),
            ],
            11 => &[("Pre-Depends", Self::PreDepends)],
            12 => &[("Architecture", Self::Architecture)],
            14 => &[("Installed-Size", Self::InstalledSize)],
            _ => &[],
        };
        let same = |(candidate, _): &&(&str, Self)| candidate.eq_ignore_ascii_case(name);
        candidates.iter().find(same).map(|(_, field)| *field)
    }
}

/// About how long a piece is that one core reads: large enough that what is around it does not show.
const PIECE: usize = 2 << 20;

/// Cuts `text` between stanzas.
pub(super) fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let from = (start + PIECE).min(text.len());
        let gap = memchr::memmem::find(&text.as_bytes()[from..], b"\n\n");
        let end = gap.map_or(text.len(), |at| from + at + 2);
        pieces.push(start..end);
        start = end;
    }
    pieces
}

/// The stanzas of a piece of `text`, or the place of what is wrong.
pub(super) fn stanzas(
    text: &str,
    piece: Range<usize>,
) -> impl Iterator<Item = Result<Fields, (usize, StanzaProblem)>> + '_ {
    let (mut at, end) = (piece.start, piece.end);
    std::iter::from_fn(move || {
        while at < end && text.as_bytes().get(at) == Some(&b'\n') {
            at += 1;
        }
        (at < end).then(|| {
            let read = stanza(text, at);
            at = read.as_ref().map_or(end, |s| s.text.end());
            read
        })
    })
}

/// The stanza that starts at `start`; it ends before an empty line or the end of the text.
fn stanza(text: &str, start: usize) -> Result<Fields, (usize, StanzaProblem)> {
    let bytes = text.as_bytes();
    let mut fields = Fields::default();
    let mut open = None;
    let mut at = start;
    while at < bytes.len() && bytes[at] != b'\n' {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
        let line = &text[at..end];
        if line.starts_with([' ', '\t']) {
            if let Some(field) = open {
                let value: &mut Span = &mut fields.values[field as usize];
                *value = Span::new(value.start(), end);
            }
        } else {
            let colon = memchr::memchr(b':', line.as_bytes());
            let colon = colon.ok_or((at, StanzaProblem::NoColon))?;
            open = Field::named(&line[..colon]);
            if let Some(field) = open {
                let value = Span::within(text, line[colon + 1..].trim_ascii());
                let place = &mut fields.values[field as usize];
                if place.is_empty() {
                    *place = value;
                } else {
                    return Err((at, StanzaProblem::Twice(line[..colon].to_owned())));
                }
            }
        }
        at = (end + 1).min(bytes.len());
    }
    fields.text = Span::new(start, at);
    Ok(fields)
}
