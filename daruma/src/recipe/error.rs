//! Why a user's files cannot be used.

use super::diagnostic::{Diagnostic, Severity};
use super::position::{File, Position};
use super::text::MAX_SIZE;

/// The user's files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// A file is longer than [`MAX_SIZE`].
    #[error("cannot read {file}: it has {size} bytes, and at most {MAX_SIZE} are read")]
    TooLong {
        /// The file.
        file: File,
        /// Its length in bytes.
        size: usize,
    },
    /// A file is not UTF-8.
    #[error("cannot read {file}: line {}, column {} is not UTF-8", position.line, position.column)]
    NotUtf8 {
        /// The file.
        file: File,
        /// Where its first invalid byte stands.
        position: Position,
    },
    /// Something in the files is wrong; each error has a position.
    #[error(
        "cannot use the recipe: {}\n{}",
        errors(diagnostics),
        listed(diagnostics)
    )]
    Refused {
        /// Errors, at least one, and the warnings that were found beside them; sorted by file and position.
        diagnostics: Vec<Diagnostic>,
    },
}

fn errors(diagnostics: &[Diagnostic]) -> String {
    let is_error = |d: &&Diagnostic| d.severity == Severity::Error;
    match diagnostics.iter().filter(is_error).count() {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    }
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
