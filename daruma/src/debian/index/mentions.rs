//! Where a name is first mentioned in the indexes, as a package or in a relation.
//!
//! Nothing but apt's order of choice needs it: of providers that are alike in all else, apt takes the one whose name got
//! the highest number when it read the indexes, and it numbers names as they come along.

use std::sync::PoisonError;

use super::Index;
use super::scan::Field;
use super::stanza::Record;

/// The fields that mention names, in the order in which apt reads them.
const MENTIONING: [Field; 10] = [
    Field::Package,
    Field::PreDepends,
    Field::Depends,
    Field::Conflicts,
    Field::Breaks,
    Field::Recommends,
    Field::Suggests,
    Field::Replaces,
    Field::Enhances,
    Field::Provides,
];

/// A place in the order in which apt reads: the record, the field of [`MENTIONING`], the name in the field.
pub(in crate::debian) type Mention = (usize, usize, usize);

impl Index {
    /// Where a name, by its number, is mentioned first. Few names are ever asked for, and most are found near the start of
    /// a text: searching for each is quicker than ordering all.
    pub(in crate::debian) fn first_mention(&self, number: usize) -> Mention {
        let mut known = self.mentions.lock().unwrap_or_else(PoisonError::into_inner);
        let find = || {
            let id = self.numbered(number).first();
            id.and_then(|&id| self.find_mention(self.get(id).name()))
        };
        let nowhere = (usize::MAX, 0, 0);
        *known
            .entry(number)
            .or_insert_with(|| find().unwrap_or(nowhere))
    }

    fn find_mention(&self, name: &str) -> Option<Mention> {
        let finder = memchr::memmem::Finder::new(name);
        (0..self.pockets.len()).find_map(|pocket| {
            let text = self.pockets[pocket].text.as_bytes();
            let mut at = 0;
            while let Some(found) = finder.find(text.get(at..)?) {
                let hit = at + found;
                at = hit + 1;
                let Some(record) = self.record_at(pocket, hit) else {
                    continue;
                };
                if let Some((field, place)) = self.mention_in(record, name) {
                    return Some((record, field, place));
                }
                at = self.records[record].text().end().max(at);
            }
            None
        })
    }

    /// The record whose stanza holds a place in a pocket's text.
    fn record_at(&self, pocket: usize, place: usize) -> Option<usize> {
        let begun = |record: &Record| (record.pocket, record.text().start()) <= (pocket, place);
        let number = self.records.partition_point(begun).checked_sub(1)?;
        let record = &self.records[number];
        (record.pocket == pocket && place < record.text().end()).then_some(number)
    }

    fn mention_in(&self, record: usize, name: &str) -> Option<(usize, usize)> {
        let record = &self.records[record];
        let text = &self.pockets[record.pocket].text;
        MENTIONING.iter().enumerate().find_map(|(number, field)| {
            let place = names_in(record.field(*field).of(text)).position(|other| other == name)?;
            Some((number, place))
        })
    }
}

/// The names in a relationship field; those with an architecture are other names to apt.
fn names_in(field: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr2_iter(b',', b'|', field.as_bytes()).chain([field.len()]);
    let mut start = 0;
    ends.map(move |end| {
        let relation = field[start..end].trim_ascii_start();
        start = end + 1;
        let after = |b: u8| matches!(b, b' ' | b'(' | b'[' | b'<' | b'\n' | b'\t');
        let length = relation.bytes().position(after);
        &relation[..length.unwrap_or(relation.len())]
    })
}
