//! The last lines of a process, for the message that says why it failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many lines are kept.
const LINES: usize = 10;

/// How much of each line is kept, in bytes.
const BYTES: usize = 1 << 10;

/// The last lines of both streams of one process, in the order they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Adds a line, and forgets the oldest where there are too many.
    pub(super) fn push(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(&line[..line.len().min(BYTES)]).into_owned();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// What is kept, oldest first.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_lines_are_kept_and_long_ones_cut() {
        let tail = Tail::default();
        for n in 0..12 {
            tail.push(format!("line {n}").as_bytes());
        }
        tail.push(&[b'x'; 5000]);
        let lines = tail.lines();
        assert_eq!(
            (lines.len(), lines[0].as_str(), lines[9].len()),
            (10, "line 3", 1024)
        );
    }
}
