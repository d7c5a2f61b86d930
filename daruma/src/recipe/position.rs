//! Where in a user's file something stands.

use std::fmt;

/// A file that daruma reads a user's wishes from. It stands in the application's directory under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// `daruma.toml`
    Manifest,
    /// `Procfile`
    Procfile,
    /// `.env`
    Dotenv,
    /// `app.json`
    AppJson,
}

impl File {
    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Manifest => "daruma.toml",
            Self::Procfile => "Procfile",
            Self::Dotenv => ".env",
            Self::AppJson => "app.json",
        }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A line and a column, both counted from 1; columns are characters, and a byte order mark is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

impl Position {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The file and line that a decision came from, written `Procfile:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file.
    pub file: File,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A value and where it stands in `daruma.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it begins.
    pub position: Position,
}

impl<T> At<T> {
    /// The same place with another value.
    pub fn with<U>(&self, value: U) -> At<U> {
        At {
            value,
            position: self.position,
        }
    }

    /// The place as a decision's origin.
    pub fn origin(&self) -> Origin {
        Origin {
            file: File::Manifest,
            line: self.position.line,
        }
    }
}
