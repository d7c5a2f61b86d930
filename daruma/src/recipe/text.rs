//! From bytes to text, and from byte offsets to positions.

use super::error::RecipeError;
use super::position::{File, Position};

/// The longest file that is read, in bytes. Real ones have a few kilobytes; the bound keeps a file that is not what
/// its name says (a dump called `.env`) from being parsed at all.
pub const MAX_SIZE: usize = 1 << 20;

/// The text of `file`, or where its first byte that is not UTF-8 stands.
pub fn decode(file: File, bytes: &[u8]) -> Result<&str, RecipeError> {
    check_size(file, bytes.len())?;
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes[..error.valid_up_to()].utf8_chunks().next();
        let before = valid.map_or("", |chunk| chunk.valid());
        RecipeError::NotUtf8 {
            file,
            position: Source::new(file, before).position(before.len()),
        }
    })
}

/// Refuses what is longer than [`MAX_SIZE`].
pub(super) fn check_size(file: File, size: usize) -> Result<(), RecipeError> {
    if size > MAX_SIZE {
        return Err(RecipeError::TooLong { file, size });
    }
    Ok(())
}

/// A file's text without its byte order mark, and where its lines begin.
pub(super) struct Source<'t> {
    pub(super) file: File,
    pub(super) text: &'t str,
    pub(super) mark: ByteOrderMark,
    line_starts: Vec<usize>,
    /// Characters before each [`STEP`] bytes, so that a position in a line of a mebibyte costs no more than in a short one.
    checkpoints: Vec<usize>,
}

/// Bytes between two checkpoints.
const STEP: usize = 1024;

/// Whether a file began with U+FEFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrderMark {
    Absent,
    Present,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: File, text: &'t str) -> Self {
        let (text, mark) = match text.strip_prefix('\u{feff}') {
            Some(rest) => (rest, ByteOrderMark::Present),
            None => (text, ByteOrderMark::Absent),
        };
        let after_newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file,
            text,
            mark,
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            checkpoints: checkpoints(text),
        }
    }

    /// The position of a byte offset into `text`; an offset past the end is the end.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let before_line = self.characters_before(self.start(line));
        Position {
            line,
            column: self.characters_before(offset) - before_line + 1,
        }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let step = offset / STEP;
        let rest = self
            .text
            .as_bytes()
            .get(step * STEP..offset)
            .unwrap_or_default();
        self.checkpoints.get(step).copied().unwrap_or(0) + characters(rest)
    }

    /// The line with this number (from 1), without its end.
    pub(super) fn line(&self, number: usize) -> &'t str {
        let line = self
            .text
            .get(self.start(number)..self.start(number + 1))
            .unwrap_or("");
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// All lines with their numbers, without their ends (`\n` or `\r\n`).
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &'t str)> {
        self.text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    fn start(&self, line: usize) -> usize {
        let index = line.saturating_sub(1);
        self.line_starts
            .get(index)
            .copied()
            .unwrap_or(self.text.len())
    }
}

fn checkpoints(text: &str) -> Vec<usize> {
    let counts = text.as_bytes().chunks(STEP).scan(0, |sum, chunk| {
        *sum += characters(chunk);
        Some(*sum)
    });
    std::iter::once(0).chain(counts).collect()
}

/// How many characters begin in these bytes of a text: all bytes of UTF-8 but the continuing ones begin one.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_is_not_utf_8_is_named_by_line_and_column() {
        let error = decode(File::Procfile, "web: é\nlog: é".as_bytes()).map_err(|e| e.to_string());
        assert_eq!(error, Ok("web: é\nlog: é"));
        let error =
            decode(File::Procfile, b"web: \xc3\xa9\nl\xc3\xa9 \xff\nx").map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("cannot read Procfile: line 2, column 4 is not UTF-8".to_owned())
        );
    }

    #[test]
    fn a_file_longer_than_a_mebibyte_is_refused_before_it_is_looked_at() {
        let dump = vec![0xff; MAX_SIZE + 1];
        let error = decode(File::Dotenv, &dump).map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("cannot read .env: it has 1048577 bytes, and at most 1048576 are read".to_owned())
        );
    }

    #[test]
    fn columns_count_characters_and_lines_end_with_either_newline() {
        let source = Source::new(File::Manifest, "\u{feff}a = 1\r\nだるま = 2");
        assert_eq!(source.mark, ByteOrderMark::Present);
        assert_eq!(source.position(0), Position::START);
        let offset = source.text.find('2').expect("found");
        assert_eq!(source.position(offset), Position { line: 2, column: 7 });
        assert_eq!(source.position(usize::MAX), Position { line: 2, column: 8 });
        assert_eq!(source.line(1), "a = 1");
        assert_eq!(source.line(2), "だるま = 2");
        assert_eq!(source.line(3), "");
    }

    #[test]
    fn a_column_in_a_long_line_is_the_one_that_counting_gives() {
        let text = format!("x\n{}", "aだ".repeat(2_000));
        let source = Source::new(File::Manifest, &text);
        for (offset, _) in text.char_indices().skip(2) {
            let column = text[2..offset].chars().count() + 1;
            assert_eq!(source.position(offset), Position { line: 2, column });
        }
    }
}
