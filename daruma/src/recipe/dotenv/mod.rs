//! `.env`: variables of the running processes, in a dialect that is written down.
//!
//! ```text
//! # a comment
//! NAME=value            # a comment after a blank
//! export NAME = value   # `export` and blanks around `=` are taken
//! NAME='literal: $HOME \n'
//! NAME="first line\nsecond line, \"quoted\", a \$"
//! ```
//! Nothing is expanded and nothing is executed: `$NAME`, `${NAME}` and `$(command)` stay as they are, which is what six
//! of nine readers do. Quoted values may span lines. Where two or more living readers would give a process another
//! value, there is a warning; `docs/reference/dotenv.md` has every case. No finding ever repeats a text of the file.

mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use super::diagnostic::{Checked, Report};
use super::env_name::EnvName;
use super::error::RecipeError;
use super::position::{File, Origin};
use super::secret::Secret;
use super::text::check_size;

/// The variables of a `.env`, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dotenv {
    variables: BTreeMap<EnvName, Variable>,
}

/// One variable of a `.env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: Secret,
    /// The line that its name stands in.
    pub line: usize,
}

impl Dotenv {
    /// Reads the text of a `.env`.
    pub fn parse(text: &str) -> Result<Checked<Self>, RecipeError> {
        check_size(File::Dotenv, text.len())?;
        let mut report = Report::default();
        let dotenv = read(text, &mut report);
        report.finish(dotenv)
    }

    /// The variable called `name`.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.get(&name.parse().ok()?)
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&EnvName, &Variable)> {
        self.variables.iter()
    }

    /// All names, which may be shown.
    pub fn names(&self) -> impl Iterator<Item = &EnvName> {
        self.variables.keys()
    }
}

impl Variable {
    /// Where it was set.
    pub fn origin(&self) -> Origin {
        Origin {
            file: File::Dotenv,
            line: self.line,
        }
    }
}

pub(super) fn read(text: &str, report: &mut Report) -> Dotenv {
    Dotenv {
        variables: scan::variables(text, report),
    }
}
