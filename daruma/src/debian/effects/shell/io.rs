//! Where a command reads and writes.

use std::cell::RefCell;
use std::rc::Rc;

/// What a descriptor is open to for writing.
#[derive(Clone, Debug)]
pub(in super::super) enum Sink {
    /// The log, which no image keeps.
    Discard,
    /// A pipe or a substitution.
    Buffer(Rc<RefCell<String>>),
    /// A file, by its resolved path.
    File(String),
}

impl Sink {
    pub(in super::super) fn buffer() -> (Self, Rc<RefCell<String>>) {
        let text = Rc::new(RefCell::new(String::new()));
        (Self::Buffer(text.clone()), text)
    }
}

/// What a command reads: shared, as the commands of a loop read on where the one before stopped.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Input(Rc<RefCell<(String, usize)>>);

impl Input {
    pub(in super::super) fn new(text: String) -> Self {
        Self(Rc::new(RefCell::new((text, 0))))
    }

    /// The next line without its newline, and whether it had one.
    pub(super) fn line(&self) -> Option<(String, bool)> {
        let (text, at) = &mut *self.0.borrow_mut();
        let rest = text.get(*at..).filter(|rest| !rest.is_empty())?;
        let (line, ended) = match rest.split_once('\n') {
            Some((line, _)) => (line, true),
            None => (rest, false),
        };
        *at += line.len() + usize::from(ended);
        Some((line.to_owned(), ended))
    }

    /// Everything that is left.
    pub(in super::super) fn rest(&self) -> String {
        let (text, at) = &mut *self.0.borrow_mut();
        let rest = text.get(*at..).unwrap_or_default().to_owned();
        *at = text.len();
        rest
    }
}
