//! What a stanza must have to be a package, checked when it is read.

use super::scan::{Field, Fields, Span};
use crate::debian::{Architecture, PackageName, RelationProblem, version};

/// A package's stanza: places in its pocket's text, and the values that are not text.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) pocket: usize,
    pub(super) priority: Priority,
    pub(super) standing: Standing,
    pub(super) multi_arch: MultiArch,
    pub(super) size: u64,
    pub(super) installed_size: u64,
    fields: Fields,
}

/// How important a package is to a system (policy 2.5), most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// `required`
    Required,
    /// `important`
    Important,
    /// `standard`
    Standard,
    /// `optional`
    Optional,
    /// `extra`, and whatever else is written.
    Extra,
}

/// Whether a system may be without a package (deb-control(5), "Essential", "Protected"), strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// `Essential: yes`
    Essential,
    /// `Protected: yes`, or `Important: yes` as it was called before.
    Protected,
    /// It may.
    Dispensable,
}

/// Whether a package can stand beside itself for other architectures, or serve them (deb-control(5), "Multi-Arch").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MultiArch {
    /// Neither.
    No,
    /// `same`: once per architecture.
    Same,
    /// `foreign`: serves every architecture.
    Foreign,
    /// `allowed`: serves every architecture where `:any` asks for it.
    Allowed,
}

/// What can be wrong with a stanza of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StanzaProblem {
    /// A line has no colon.
    #[error("the line has no colon")]
    NoColon,
    /// A field stands twice.
    #[error("the field `{0}` stands twice")]
    Twice(String),
    /// A field is missing.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// A field's value is not what it must be.
    #[error("the field `{field}` is not {expected}: `{value}`")]
    Value {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
    /// A relation of `Provides` is wrong.
    #[error("the field `Provides` is wrong")]
    Provides(#[source] RelationProblem),
}

impl Record {
    /// Checks a stanza of `text`, the pocket's.
    pub(super) fn new(pocket: usize, fields: Fields, text: &str) -> Result<Self, StanzaProblem> {
        let value = |field: Field| fields.values[field as usize].of(text);
        check_names(&value)?;
        check_file(&value)?;
        Ok(Self {
            pocket,
            priority: Priority::named(value(Field::Priority)),
            standing: Standing::of(&value),
            multi_arch: MultiArch::named(value(Field::MultiArch)),
            size: number("Size", value(Field::Size))?,
            installed_size: match value(Field::InstalledSize) {
                "" => 0,
                size => number("Installed-Size", size)?,
            },
            fields,
        })
    }

    /// Where the field's value is.
    pub(super) fn field(&self, field: Field) -> Span {
        self.fields.values[field as usize]
    }

    /// Where the whole stanza is.
    pub(super) fn text(&self) -> Span {
        self.fields.text
    }
}

fn check_names<'a>(value: &impl Fn(Field) -> &'a str) -> Result<(), StanzaProblem> {
    let name = required("Package", value(Field::Package))?;
    if !PackageName::is_valid(name) {
        return Err(wrong("Package", "a package name", name));
    }
    let text = required("Version", value(Field::Version))?;
    if version::problem(text).is_some() {
        return Err(wrong("Version", "a package version", text));
    }
    let architecture = required("Architecture", value(Field::Architecture))?;
    if Architecture::is_valid(architecture) {
        Ok(())
    } else {
        Err(wrong("Architecture", "an architecture", architecture))
    }
}

fn check_file<'a>(value: &impl Fn(Field) -> &'a str) -> Result<(), StanzaProblem> {
    let filename = required("Filename", value(Field::Filename))?;
    if !is_pool_path(filename) {
        let expected = "a relative path below the archive's root";
        return Err(wrong("Filename", expected, filename));
    }
    let sha256 = required("SHA256", value(Field::Sha256))?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if sha256.len() != 64 || !sha256.bytes().all(hex) {
        return Err(wrong("SHA256", "64 lower-case hex digits", sha256));
    }
    required("Size", value(Field::Size)).map(|_| ())
}

/// A path that can be put behind a mirror's address and names nothing else there.
fn is_pool_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'\\' | b'?' | b'#' | b'"');
    let path = path.strip_prefix("./").unwrap_or(path);
    path.len() <= 1024
        && path.bytes().all(plain)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn required<'a>(field: &'static str, value: &'a str) -> Result<&'a str, StanzaProblem> {
    match value {
        "" => Err(StanzaProblem::Missing(field)),
        value => Ok(value),
    }
}

fn number(field: &'static str, value: &str) -> Result<u64, StanzaProblem> {
    match value.parse() {
        Ok(number) if value.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        _ => Err(wrong(field, "a number", value)),
    }
}

fn wrong(field: &'static str, expected: &'static str, value: &str) -> StanzaProblem {
    StanzaProblem::Value {
        field,
        expected,
        value: value.chars().take(200).collect(),
    }
}

impl Standing {
    fn of<'a>(value: &impl Fn(Field) -> &'a str) -> Self {
        let says = |field| value(field) == "yes";
        if says(Field::Essential) {
            Self::Essential
        } else if says(Field::Protected) || says(Field::Important) {
            Self::Protected
        } else {
            Self::Dispensable
        }
    }
}

impl Priority {
    fn named(text: &str) -> Self {
        match text {
            "required" => Self::Required,
            "important" => Self::Important,
            "standard" => Self::Standard,
            "optional" => Self::Optional,
            _ => Self::Extra,
        }
    }
}

impl MultiArch {
    fn named(text: &str) -> Self {
        match text {
            "same" => Self::Same,
            "foreign" => Self::Foreign,
            "allowed" => Self::Allowed,
            _ => Self::No,
        }
    }
}
