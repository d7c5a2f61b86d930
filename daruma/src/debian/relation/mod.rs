//! Relationship fields: `Depends: a (>= 1) | b, c:any` (deb-control(5), Debian policy 7.1).

mod parse;
mod raw;

use std::cmp::Ordering;
use std::fmt;

pub use parse::{ParseRelationError, RelationProblem};
pub(super) use raw::{Raw, first_word_groups};

use super::{Architecture, PackageName, Version};

/// How a relation compares versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// What stands after the colon of a package name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Qualifier {
    /// `:any`: a package of any architecture that says `Multi-Arch: allowed`.
    Any,
    /// `:native`: the architecture that is built on, which is the only one here.
    Native,
    /// A named architecture.
    Exact(Architecture),
}

/// One package that would do: a name, and what its version must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The package, real or virtual.
    pub name: PackageName,
    /// The architecture asked for.
    pub qualifier: Option<Qualifier>,
    /// The versions that would do; all of them without it.
    pub version: Option<(Operator, Version)>,
}

/// Relations of which one suffices, the preferred one first; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyOf(Vec<Relation>);

/// A relationship field: groups that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations(Vec<AnyOf>);

impl Operator {
    /// Whether `have` stands in this order to `want`.
    pub fn holds(self, have: &Version, want: &Version) -> bool {
        self.accepts(have.cmp(want))
    }

    pub(super) fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }

    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

impl Relation {
    /// Any version of `name`.
    pub fn any_version(name: PackageName) -> Self {
        Self {
            name,
            qualifier: None,
            version: None,
        }
    }

    /// Exactly `version` of `name`.
    pub fn exactly(name: PackageName, version: Version) -> Self {
        Self {
            version: Some((Operator::Equal, version)),
            ..Self::any_version(name)
        }
    }
}

impl AnyOf {
    /// The relations, the preferred one first.
    pub fn alternatives(&self) -> &[Relation] {
        &self.0
    }
}

impl From<Relation> for AnyOf {
    fn from(relation: Relation) -> Self {
        Self(vec![relation])
    }
}

impl Relations {
    /// The groups, in their order.
    pub fn groups(&self) -> &[AnyOf] {
        &self.0
    }
}

impl IntoIterator for Relations {
    type Item = AnyOf;
    type IntoIter = std::vec::IntoIter<AnyOf>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match &self.qualifier {
            None => {}
            Some(Qualifier::Any) => f.write_str(":any")?,
            Some(Qualifier::Native) => f.write_str(":native")?,
            Some(Qualifier::Exact(arch)) => write!(f, ":{arch}")?,
        }
        match &self.version {
            None => Ok(()),
            Some((operator, version)) => write!(f, " ({} {version})", operator.as_str()),
        }
    }
}

impl fmt::Display for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.0, " | ")
    }
}

impl fmt::Display for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, &self.0, ", ")
    }
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, parts: &[T], by: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(by)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}
