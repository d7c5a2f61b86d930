//! Finding packages by name, by what they provide, and names by what someone meant.

use std::ops::Range;

use super::scan::{Field, Span};
use super::{Index, IndexError, Package, PackageId, Pocket, Provide, Provided, StanzaProblem};
use crate::debian::relation::first_word_groups;
use crate::debian::version::compare;
use crate::debian::{Architecture, Version};

/// How alike a name must be to be offered instead of one that is not there (Jaro-Winkler similarity).
const ALIKE: f64 = 0.88;

/// How many names are offered.
const OFFERED: usize = 3;

impl Index {
    /// The architecture whose packages these are, besides `all`.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no package.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The names of the pockets, as they were given.
    pub fn pocket_names(&self) -> impl Iterator<Item = &str> {
        self.pockets.iter().map(Pocket::name)
    }

    /// The package with an id of this index.
    pub fn get(&self, id: PackageId) -> Package<'_> {
        Package { index: self, id }
    }

    /// All packages by name, the newest version first.
    pub fn iter(&self) -> impl Iterator<Item = Package<'_>> {
        self.by_name.iter().map(|&id| self.get(id))
    }

    /// The packages called `name`, the newest version first.
    pub fn named(&self, name: &str) -> impl DoubleEndedIterator<Item = Package<'_>> {
        let ids = self.number_of(name).map_or(&[][..], |n| self.numbered(n));
        ids.iter().map(|&id| self.get(id))
    }

    /// The package called `name` with this version.
    pub fn find(&self, name: &str, version: &Version) -> Option<Package<'_>> {
        self.named(name)
            .find(|package| compare(package.version(), version.as_str()).is_eq())
    }

    /// The packages that provide `name`, in the order of the index; a package's own name is not among them.
    pub fn providers(&self, name: &str) -> impl Iterator<Item = Provided<'_>> {
        let start = self.provides.partition_point(|p| self.provided(p) < name);
        self.provides[start..]
            .iter()
            .take_while(move |provide| self.provided(provide) == name)
            .map(|provide| Provided {
                package: self.get(provide.by),
                version: provide.version.map(|v| v.of(self.text_of(provide.by))),
            })
    }

    /// The names that are most like `name`, the most alike first; for messages.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let mut alike: Vec<(f64, &str)> = self
            .names
            .iter()
            .map(|range| self.get(self.by_name[range.start]).name())
            .map(|other| (strsim::jaro_winkler(name, other), other))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        alike.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        alike
            .into_iter()
            .take(OFFERED)
            .map(|(_, name)| name)
            .collect()
    }

    /// How many different names there are; they are numbered from 0.
    pub(in crate::debian) fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The number of a package's name.
    pub(in crate::debian) fn number_of_package(&self, id: PackageId) -> usize {
        self.numbers[id.place()]
    }

    /// The number of a name that a package has.
    pub(in crate::debian) fn number_of(&self, name: &str) -> Option<usize> {
        self.names
            .binary_search_by(|range| self.get(self.by_name[range.start]).name().cmp(name))
            .ok()
    }

    /// The packages whose name has this number, the newest first.
    pub(in crate::debian) fn numbered(&self, number: usize) -> &[PackageId] {
        self.names
            .get(number)
            .map_or(&[], |range| &self.by_name[range.clone()])
    }

    pub(super) fn text_of(&self, id: PackageId) -> &str {
        let pocket = self.records[id.0 as usize].pocket;
        &self.pockets[pocket].text
    }

    fn provided(&self, provide: &Provide) -> &str {
        provide.name.of(self.text_of(provide.by))
    }

    pub(super) fn sort_names(&mut self) {
        // Keys beside the ids: looking texts up while sorting takes three times as long.
        let mut packages: Vec<(&str, &str, PackageId)> = (0..self.records.len())
            .map(PackageId::from_place)
            .map(|id| (self.get(id).name(), self.get(id).version(), id))
            .collect();
        packages.sort_unstable_by(|a, b| {
            let by_name = a.0.cmp(b.0);
            by_name.then_with(|| compare(b.1, a.1)).then(a.2.cmp(&b.2))
        });
        packages.dedup_by(|later, earlier| {
            let digest = |id| self.get(id).sha256();
            (later.0, later.1) == (earlier.0, earlier.1) && digest(later.2) == digest(earlier.2)
        });
        let mut names: Vec<Range<usize>> = Vec::new();
        let mut numbers = vec![0; self.records.len()];
        for (place, (name, _, id)) in packages.iter().enumerate() {
            match names.last_mut() {
                Some(range) if packages[range.start].0 == *name => range.end = place + 1,
                _ => names.push(place..place + 1),
            }
            numbers[id.place()] = names.len() - 1;
        }
        self.by_name = packages.into_iter().map(|(_, _, id)| id).collect();
        self.names = names;
        self.numbers = numbers;
    }

    pub(super) fn collect_provides(&mut self) -> Result<(), IndexError> {
        let mut provides: Vec<(&str, Provide)> = Vec::new();
        for &id in &self.by_name {
            let text = self.text_of(id);
            let record = &self.records[id.place()];
            for raw in first_word_groups(record.field(Field::Provides).of(text)) {
                let raw = raw.map_err(|problem| {
                    let pocket = &self.pockets[record.pocket];
                    pocket.error(record.text().start(), StanzaProblem::Provides(problem))
                })?;
                let provide = Provide {
                    name: Span::within(text, raw.name),
                    version: raw.version.map(|(_, version)| Span::within(text, version)),
                    by: id,
                };
                provides.push((raw.name, provide));
            }
        }
        provides.sort_unstable_by(|a, b| a.0.cmp(b.0).then(a.1.by.cmp(&b.1.by)));
        self.provides = provides.into_iter().map(|(_, provide)| provide).collect();
        Ok(())
    }
}

impl PackageId {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a text of MAX_TEXT bytes has fewer stanzas than 2^32"
    )]
    pub(in crate::debian) fn from_place(place: usize) -> Self {
        Self(place as u32)
    }

    pub(in crate::debian) fn place(self) -> usize {
        self.0 as usize
    }
}
