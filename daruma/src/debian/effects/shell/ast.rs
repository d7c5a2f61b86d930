//! What a script means, as data (POSIX.1-2017, Shell Command Language, 2.10).

use std::rc::Rc;

/// A command of any kind.
#[derive(Clone, Debug)]
pub(in super::super) enum Command {
    Simple(Simple),
    Pipe(Vec<Command>),
    Not(Box<Command>),
    And(Box<Command>, Box<Command>),
    Or(Box<Command>, Box<Command>),
    Sequence(Vec<Command>),
    If {
        arms: Vec<(Command, Command)>,
        otherwise: Option<Box<Command>>,
    },
    For {
        name: String,
        /// `None` stands for `"$@"`.
        words: Option<Vec<Word>>,
        body: Box<Command>,
    },
    Loop {
        until: Until,
        condition: Box<Command>,
        body: Box<Command>,
    },
    Case {
        subject: Word,
        arms: Vec<(Vec<Word>, Command)>,
    },
    Subshell(Box<Command>),
    Function {
        name: String,
        body: Rc<Command>,
    },
    Redirected(Box<Command>, Vec<Redirect>),
}

/// What ends a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Until {
    /// `while`.
    Fails,
    /// `until`.
    Succeeds,
}

/// Assignments, words and redirections.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Simple {
    pub(super) assignments: Vec<(String, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
    /// For messages.
    pub(super) line: usize,
}

/// One redirection of a descriptor.
#[derive(Clone, Debug)]
pub(in super::super) struct Redirect {
    pub(super) fd: u32,
    pub(super) kind: RedirectKind,
}

/// Where a descriptor goes.
#[derive(Clone, Debug)]
pub(in super::super) enum RedirectKind {
    Write(Word),
    Append(Word),
    Read(Word),
    Here(Word),
    Duplicate(Word),
}

/// A word: parts that are joined.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Word(pub(super) Vec<Part>);

/// One part of a word.
#[derive(Clone, Debug)]
pub(in super::super) enum Part {
    /// Text outside quotes.
    Bare(String),
    /// Text inside quotes, or after a backslash.
    Quoted(String),
    /// `$name`, `${name…}`.
    Parameter {
        name: String,
        operation: Operation,
        quoting: Quoting,
    },
    /// `$(…)` and backquotes.
    Substitution {
        command: Rc<Command>,
        quoting: Quoting,
    },
    /// `$((…))`.
    Arithmetic { expression: Word, quoting: Quoting },
}

/// Whether a part stands in double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Quoting {
    None,
    Double,
}

/// What is done with a parameter's value.
#[derive(Clone, Debug)]
pub(in super::super) enum Operation {
    Plain,
    Length,
    /// `-`, `=`, `+`, `?`, with the word and whether an empty value counts as unset (`:`).
    Conditional(char, Empty, Word),
    /// `#`, `##`, `%`, `%%`.
    Trim(Trim, Word),
}

/// How an empty value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Empty {
    IsUnset,
    IsSet,
}

/// Which end is trimmed, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Trim {
    ShortPrefix,
    LongPrefix,
    ShortSuffix,
    LongSuffix,
}
