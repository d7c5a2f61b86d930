//! The packages of an archive: `Packages` files of several pockets, read once and looked up by name.
//!
//! Nothing is copied out of the texts: a stanza is a handful of places in them (one pass over 57 MB, 69,000 stanzas).

mod lookup;
mod mentions;
mod package;
mod scan;
mod stanza;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use mentions::Mention;
pub use package::{Package, Provided};
use scan::Span;
use stanza::Record;
pub use stanza::{MultiArch, Priority, Standing, StanzaProblem};

use super::Architecture;

/// One `Packages` file: the text and the name of where it is from.
#[derive(Clone, Debug)]
pub struct Pocket {
    name: Arc<str>,
    text: Arc<str>,
}

/// A package of an [`Index`]; meaningful for that index only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(u32);

/// All packages of one architecture (and `all`) in some pockets of equal rank.
#[derive(Debug)]
pub struct Index {
    architecture: Architecture,
    pockets: Vec<Pocket>,
    records: Vec<Record>,
    /// Ids by name, the newest version first, then by place.
    by_name: Vec<PackageId>,
    /// Where each name's packages stand in `by_name`.
    names: Vec<Range<usize>>,
    /// Each package's place in `names`.
    numbers: Vec<usize>,
    /// What packages provide, by name, then by place.
    provides: Vec<Provide>,
    /// Where names are first mentioned, by their number, as far as somebody asked; see [`mentions`].
    mentions: Mutex<HashMap<usize, Mention>>,
}

#[derive(Clone, Copy, Debug)]
struct Provide {
    name: Span,
    version: Option<Span>,
    by: PackageId,
}

/// `Packages` files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A stanza is wrong.
    #[error("cannot read the package index of {pocket}, line {line}")]
    Stanza {
        /// The pocket's name.
        pocket: String,
        /// The first line of the stanza, or the line itself, from 1.
        line: usize,
        /// What is wrong.
        #[source]
        problem: StanzaProblem,
    },
    /// A text is too long for its places to be 32 bits.
    #[error("cannot read the package index of {pocket}: it is longer than 1 GiB")]
    TooLong {
        /// The pocket's name.
        pocket: String,
    },
    /// The bytes of an index are not text.
    #[error("cannot read the package index of {pocket}, line {line}: it is not UTF-8")]
    Text {
        /// The pocket's name.
        pocket: String,
        /// The first line that is not text, from 1.
        line: usize,
    },
}

/// Longest `Packages` text, in bytes: Debian 13's largest has 57 MB.
const MAX_TEXT: usize = 1 << 30;

impl Pocket {
    /// The pocket called `name` (such as `trixie-security`) with the text of its `Packages`.
    pub fn new(name: &str, text: Arc<str>) -> Self {
        Self {
            name: name.into(),
            text,
        }
    }

    /// A pocket from bytes that came from elsewhere.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, IndexError> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            IndexError::Text {
                pocket: name.to_owned(),
                line: 1 + memchr::memchr_iter(b'\n', before).count(),
            }
        })?;
        Ok(Self::new(name, text.into()))
    }

    /// The pocket's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Index {
    /// Reads all `pockets`. Packages of other architectures are left out; of two packages with the same name, version
    /// and digest, the one in the earlier pocket stays.
    pub fn new(pockets: Vec<Pocket>, architecture: &Architecture) -> Result<Self, IndexError> {
        let mut index = Self {
            architecture: architecture.clone(),
            pockets,
            records: Vec::new(),
            by_name: Vec::new(),
            names: Vec::new(),
            numbers: Vec::new(),
            provides: Vec::new(),
            mentions: Mutex::default(),
        };
        for number in 0..index.pockets.len() {
            index.read_pocket(number)?;
        }
        index.sort_names();
        index.collect_provides()?;
        Ok(index)
    }

    fn read_pocket(&mut self, number: usize) -> Result<(), IndexError> {
        let pocket = &self.pockets[number];
        if pocket.text.len() > MAX_TEXT {
            return Err(IndexError::TooLong {
                pocket: pocket.name.to_string(),
            });
        }
        let pieces = scan::pieces(&pocket.text);
        let read: Vec<Result<Vec<Record>, IndexError>> = pieces
            .into_par_iter()
            .map(|piece| self.read_piece(number, piece))
            .collect();
        for records in read {
            self.records.extend(records?);
        }
        Ok(())
    }

    fn read_piece(&self, number: usize, piece: Range<usize>) -> Result<Vec<Record>, IndexError> {
        let pocket = &self.pockets[number];
        let mut records = Vec::new();
        for stanza in scan::stanzas(&pocket.text, piece) {
            let read = stanza.and_then(|fields| {
                let start = fields.text.start();
                Record::new(number, fields, &pocket.text).map_err(|p| (start, p))
            });
            let record = read.map_err(|(at, problem)| pocket.error(at, problem))?;
            let architecture = record.field(scan::Field::Architecture).of(&pocket.text);
            if architecture == Architecture::ALL || architecture == self.architecture.as_str() {
                records.push(record);
            }
        }
        Ok(records)
    }
}

impl Pocket {
    fn error(&self, at: usize, problem: StanzaProblem) -> IndexError {
        IndexError::Stanza {
            pocket: self.name.to_string(),
            line: 1 + memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at]).count(),
            problem,
        }
    }
}

#[cfg(test)]
mod tests;
