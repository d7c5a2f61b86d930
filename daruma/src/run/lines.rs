//! Bytes in pieces to whole, masked lines, with bounded memory.

use memchr::memchr2;

use super::Mask;

/// A longer line is given in several (16 KiB, as Docker's log drivers do).
const MAX_LINE: usize = 16 << 10;

/// Splits one stream. A line ends with `\n`, `\r\n` or a lone `\r` (a progress bar's), whose empty lines are dropped.
#[derive(Debug)]
pub(super) struct LineSplitter {
    mask: Mask,
    line: Vec<u8>,
    last: Last,
}

/// What the byte before was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// No carriage return.
    Other,
    /// A carriage return that ended a line, so that a line feed after it says nothing new.
    ReturnAfterText,
    /// A carriage return with nothing before it: an empty line if a line feed follows.
    ReturnAlone,
}

impl LineSplitter {
    /// A splitter that has seen nothing.
    pub(super) fn new(mask: Mask) -> Self {
        Self {
            mask,
            line: Vec::new(),
            last: Last::Other,
        }
    }

    /// Takes the next bytes and hands each line that they end to `emit`, without its end.
    pub(super) fn push(&mut self, mut bytes: &[u8], emit: &mut dyn FnMut(&[u8])) {
        while let Some(at) = memchr2(b'\n', b'\r', bytes) {
            self.text(&bytes[..at], emit);
            self.end(bytes[at], emit);
            bytes = &bytes[at + 1..];
        }
        self.text(bytes, emit);
    }

    /// The stream ended: hands over a last line without an end.
    pub(super) fn finish(&mut self, emit: &mut dyn FnMut(&[u8])) {
        if !self.line.is_empty() {
            self.emit_line(emit);
        }
    }

    fn text(&mut self, bytes: &[u8], emit: &mut dyn FnMut(&[u8])) {
        if bytes.is_empty() {
            return;
        }
        self.last = Last::Other;
        for piece in bytes.chunks(MAX_LINE) {
            self.line.extend_from_slice(piece);
            while self.line.len() > MAX_LINE + self.mask.overlap() {
                self.emit_part(emit);
            }
        }
    }

    fn end(&mut self, byte: u8, emit: &mut dyn FnMut(&[u8])) {
        let empty = self.line.is_empty();
        if byte == b'\r' {
            self.last = match (empty, self.last) {
                (true, Last::Other | Last::ReturnAlone) => Last::ReturnAlone,
                (true, Last::ReturnAfterText) | (false, _) => Last::ReturnAfterText,
            };
            if !empty {
                self.emit_line(emit);
            }
            return;
        }
        if !empty || self.last != Last::ReturnAfterText {
            self.emit_line(emit);
        }
        self.last = Last::Other;
    }

    fn emit_line(&mut self, emit: &mut dyn FnMut(&[u8])) {
        emit(&self.mask.apply(&self.line));
        self.line.clear();
    }

    fn emit_part(&mut self, emit: &mut dyn FnMut(&[u8])) {
        let cut = self
            .mask
            .cut(&self.line, character_start(&self.line, MAX_LINE));
        emit(&self.mask.apply(&self.line[..cut]));
        self.line.drain(..cut);
    }
}

/// The start of the UTF-8 character that `at` lies in; `at` itself where that is no UTF-8.
fn character_start(line: &[u8], at: usize) -> usize {
    let is_start = |place: &usize| line.get(*place).is_none_or(|byte| byte & 0xC0 != 0x80);
    (at.saturating_sub(3)..=at)
        .rev()
        .find(is_start)
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_in(chunk: usize, bytes: &[u8], mask: &Mask) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::new(mask.clone());
        for piece in bytes.chunks(chunk) {
            splitter.push(piece, &mut |line| lines.push(line.to_vec()));
        }
        splitter.finish(&mut |line| lines.push(line.to_vec()));
        lines
    }

    #[test]
    fn lines_are_whole_however_the_bytes_come() {
        let cases: &[(&[u8], &[&[u8]])] = &[
            (b"", &[]),
            (b"a\nb\n", &[b"a", b"b"]),
            (b"a\n\nb", &[b"a", b"", b"b"]),
            (b"a\r\nb\r\n\r\nc", &[b"a", b"b", b"", b"c"]),
            (b"10%\r20%\r\r30%\n", &[b"10%", b"20%", b"30%"]),
            (b"\r50%\rdone\r\n", &[b"50%", b"done"]),
            (b"a\r\r\n", &[b"a"]),
            (b"\r", &[]),
            (b"\n", &[b""]),
            (b"\xff\xfe\n\0", &[b"\xff\xfe", b"\0"]),
        ];
        for (bytes, expected) in cases {
            for chunk in 1..=4 {
                assert_eq!(
                    split_in(chunk, bytes, &Mask::default()),
                    *expected,
                    "{bytes:?} by {chunk}"
                );
            }
        }
    }

    #[test]
    fn a_long_line_is_given_in_parts_that_cut_no_character() {
        let text = "だ".repeat(20_000);
        let lines = split_in(7001, text.as_bytes(), &Mask::default());
        assert!(lines.len() >= 3 && lines.iter().all(|line| line.len() <= MAX_LINE));
        assert!(lines.iter().all(|line| std::str::from_utf8(line).is_ok()));
        assert_eq!(lines.concat(), text.as_bytes());
    }

    #[test]
    fn a_long_line_keeps_its_secrets_wherever_the_cut_lies() {
        let mask = Mask::new(["correct-horse-battery"]);
        for before in MAX_LINE - 60..MAX_LINE + 40 {
            let text = format!(
                "{}correct-horse-battery{}",
                "x".repeat(before),
                "y".repeat(500)
            );
            let all = split_in(977, text.as_bytes(), &mask).concat();
            let expected = format!("{}•••{}", "x".repeat(before), "y".repeat(500));
            assert_eq!(String::from_utf8_lossy(&all), expected, "{before}");
        }
    }

    #[test]
    fn bytes_without_any_end_are_kept_in_bounded_memory() {
        let mut splitter = LineSplitter::new(Mask::new(["aaaaaaaa"]));
        for _ in 0..64 {
            splitter.push(&vec![b'a'; MAX_LINE], &mut |_| {});
            assert!(splitter.line.len() <= 2 * MAX_LINE);
        }
    }
}
