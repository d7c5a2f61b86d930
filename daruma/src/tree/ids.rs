//! How owners on disk map to owners inside an image.

/// How ids on disk map to ids inside a root that a sandbox or a copy made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdMap {
    /// They are the same.
    Same,
    /// Everything on disk belongs to one user; inside it is `0:0`.
    Single,
    /// Ranges for users and groups.
    Ranges {
        /// Users.
        users: Vec<IdRange>,
        /// Groups.
        groups: Vec<IdRange>,
    },
}

/// `count` ids from `inside` on stand on disk as those from `outside` on (user_namespaces(7), "uid_map").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// First id inside.
    pub inside: u32,
    /// First id on disk.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

impl IdMap {
    /// The owner on disk of what belongs to `uid` and `gid` inside; `None` where the map has no place for one of them.
    /// For [`IdMap::Single`], whose files belong to whoever makes them, always `None`.
    pub fn to_disk(&self, uid: u64, gid: u64) -> Option<(u32, u32)> {
        let (uid, gid) = (u32::try_from(uid).ok()?, u32::try_from(gid).ok()?);
        match self {
            Self::Same => Some((uid, gid)),
            Self::Single => None,
            Self::Ranges { users, groups } => Some((outside(users, uid)?, outside(groups, gid)?)),
        }
    }

    /// The owner inside of what belongs to `uid` and `gid` on disk; `None` where the map does not have one of them.
    pub fn to_tree(&self, uid: u32, gid: u32) -> Option<(u64, u64)> {
        match self {
            Self::Same => Some((uid.into(), gid.into())),
            Self::Single => Some((0, 0)),
            Self::Ranges { users, groups } => {
                Some((inside(users, uid)?.into(), inside(groups, gid)?.into()))
            }
        }
    }
}

fn outside(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges
        .iter()
        .find_map(|range| shift(id, range.inside, range.outside, range.count))
}

fn inside(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges
        .iter()
        .find_map(|range| shift(id, range.outside, range.inside, range.count))
}

fn shift(id: u32, from: u32, to: u32, count: u32) -> Option<u32> {
    let step = id.checked_sub(from).filter(|step| *step < count)?;
    to.checked_add(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_map_there_and_back_and_not_beyond_their_ranges() {
        let range = |inside, outside, count| IdRange {
            inside,
            outside,
            count,
        };
        let ranges = vec![range(0, 1000, 1), range(1, 100_000, 65_535)];
        let map = IdMap::Ranges {
            users: ranges.clone(),
            groups: ranges,
        };
        let rows = [
            ((0, 0), Some((1000, 1000))),
            ((33, 4), Some((100_032, 100_003))),
            ((65_536, 0), None),
            ((u64::from(u32::MAX) + 1, 0), None),
        ];
        for ((uid, gid), disk) in rows {
            assert_eq!(map.to_disk(uid, gid), disk, "{uid}:{gid}");
            let back = disk.and_then(|(uid, gid)| map.to_tree(uid, gid));
            assert_eq!(back, disk.map(|_| (uid, gid)), "{uid}:{gid}");
        }
        assert_eq!(IdMap::Single.to_tree(4242, 4242), Some((0, 0)));
    }
}
