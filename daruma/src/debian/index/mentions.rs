//! When each name is first mentioned in the indexes, as a package or in a relation.
//!
//! Nothing but apt's order of choice needs it: of providers that are alike in all else, apt takes the one whose name got
//! the highest number when it read the indexes, and it numbers names as they come along.

use std::collections::HashMap;

use super::Index;
use super::scan::Field;

/// The fields that mention names, in the order in which apt reads them.
const MENTIONING: [Field; 9] = [
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

impl Index {
    /// The place of a name, by its number, in the order of first mentions; all names are ordered when the first is asked
    /// for (about 0.1 s for a Debian suite).
    pub(in crate::debian) fn first_mention(&self, number: usize) -> u32 {
        let mentions = self.mentions.get_or_init(|| self.order_mentions());
        mentions.get(number).copied().unwrap_or(u32::MAX)
    }

    fn order_mentions(&self) -> Vec<u32> {
        let numbers: HashMap<&str, usize> = self
            .names
            .iter()
            .enumerate()
            .map(|(number, range)| (self.get(self.by_name[range.start]).name(), number))
            .collect();
        let mut order = vec![u32::MAX; self.names.len()];
        let mut next = 0;
        let mut mention = |name: &str| {
            if let Some(place) = numbers.get(name).and_then(|&number| order.get_mut(number))
                && *place == u32::MAX
            {
                *place = next;
                next += 1;
            }
        };
        for record in &self.records {
            let text = &self.pockets[record.pocket].text;
            mention(record.field(Field::Package).of(text));
            for field in MENTIONING {
                names_in(record.field(field).of(text)).for_each(&mut mention);
            }
        }
        order
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
