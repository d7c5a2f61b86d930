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
