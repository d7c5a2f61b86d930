//! One package of an index, seen through it.

use super::scan::Field;
use super::stanza::Record;
use super::{Index, MultiArch, PackageId, Priority, Standing};
use crate::debian::{Architecture, PackageName, ParseRelationError, Relations, Version};

/// A package of an index.
#[derive(Clone, Copy, Debug)]
pub struct Package<'i> {
    pub(super) index: &'i Index,
    pub(super) id: PackageId,
}

/// A package that provides a name, and the version that it provides.
#[derive(Clone, Copy, Debug)]
pub struct Provided<'i> {
    /// The package.
    pub package: Package<'i>,
    /// The version in `Provides: name (= version)`; without it, no versioned relation is satisfied (policy 7.5).
    pub version: Option<&'i str>,
}

impl<'i> Package<'i> {
    fn record(self) -> &'i Record {
        &self.index.records[self.id.0 as usize]
    }

    fn field(self, field: Field) -> &'i str {
        self.record().field(field).of(self.index.text_of(self.id))
    }

    /// Its id in the index.
    pub fn id(self) -> PackageId {
        self.id
    }

    /// Its name.
    pub fn name(self) -> &'i str {
        self.field(Field::Package)
    }

    /// Its name as a value of its own.
    pub fn package_name(self) -> PackageName {
        PackageName::trusted(self.name())
    }

    /// Its version.
    pub fn version(self) -> &'i str {
        self.field(Field::Version)
    }

    /// Its version as a value of its own.
    pub fn package_version(self) -> Version {
        Version::trusted(self.version())
    }

    /// The index's architecture, or `all`.
    pub fn architecture(self) -> &'i str {
        self.field(Field::Architecture)
    }

    /// The architecture that it would be installed for.
    pub(in crate::debian) fn index_architecture(self) -> &'i Architecture {
        &self.index.architecture
    }

    /// The source package's name and version, which are the binary package's where nothing else is said.
    pub fn source(self) -> (&'i str, &'i str) {
        match self.field(Field::Source).split_once(" (") {
            Some((name, version)) => (name, version.trim_end_matches(')')),
            None if self.field(Field::Source).is_empty() => (self.name(), self.version()),
            None => (self.field(Field::Source), self.version()),
        }
    }

    /// The name of the pocket that it stands in.
    pub fn pocket(self) -> &'i str {
        self.index.pockets[self.record().pocket].name()
    }

    /// The `.deb`'s path below the archive's root.
    pub fn filename(self) -> &'i str {
        self.field(Field::Filename)
    }

    /// The `.deb`'s digest, 64 lower-case hex digits.
    pub fn sha256(self) -> &'i str {
        self.field(Field::Sha256)
    }

    /// The `.deb`'s size in bytes.
    pub fn size(self) -> u64 {
        self.record().size
    }

    /// The estimated size when installed, in KiB; 0 where it is not said.
    pub fn installed_size(self) -> u64 {
        self.record().installed_size
    }

    /// How important it is.
    pub fn priority(self) -> Priority {
        self.record().priority
    }

    /// Whether a system may be without it.
    pub fn standing(self) -> Standing {
        self.record().standing
    }

    /// Whether every system has it (`Essential: yes`).
    pub fn is_essential(self) -> bool {
        self.standing() == Standing::Essential
    }

    /// What its `Multi-Arch` says.
    pub fn multi_arch(self) -> MultiArch {
        self.record().multi_arch
    }

    /// The whole stanza, with a line feed at its end.
    pub fn stanza(self) -> &'i str {
        self.record().text().of(self.index.text_of(self.id))
    }

    /// `Pre-Depends`.
    pub fn pre_depends(self) -> Result<Relations, ParseRelationError> {
        self.relations(Field::PreDepends)
    }

    /// `Depends`.
    pub fn depends(self) -> Result<Relations, ParseRelationError> {
        self.relations(Field::Depends)
    }

    /// `Conflicts`.
    pub fn conflicts(self) -> Result<Relations, ParseRelationError> {
        self.relations(Field::Conflicts)
    }

    /// `Breaks`.
    pub fn breaks(self) -> Result<Relations, ParseRelationError> {
        self.relations(Field::Breaks)
    }

    /// `Provides`.
    pub fn provides(self) -> Result<Relations, ParseRelationError> {
        self.relations(Field::Provides)
    }

    /// `Replaces`.
    pub fn replaces(self) -> Result<Relations, ParseRelationError> {
        self.relations(Field::Replaces)
    }

    fn relations(self, field: Field) -> Result<Relations, ParseRelationError> {
        Relations::parse(self.field(field), &self.index.architecture)
    }
}
