//! What a script changed in a file of records, carried over to a file that has fewer of them.
//!
//! `/etc/passwd` in the configure root has users of packages that are not in the runner: a script's own change is what
//! differs before and after it.

use std::collections::{BTreeMap, BTreeSet};

/// `ours` with the records that changed from `before` to `after`, each in its place, and new ones at the end.
pub(super) fn merge(ours: &str, before: &str, after: &str) -> String {
    let (old, new) = (by_key(before), by_key(after));
    let mut out = String::new();
    let mut known = BTreeSet::new();
    for line in ours.lines() {
        let key = key(line);
        known.insert(key);
        match (old.get(key), new.get(key)) {
            (Some(_), None) => {}
            (was, Some(is)) if was != Some(is) => push(&mut out, is),
            _ => push(&mut out, line),
        }
    }
    let added = |line: &&str| !old.contains_key(key(line)) && !known.contains(key(line));
    after
        .lines()
        .filter(added)
        .for_each(|line| push(&mut out, line));
    out
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn key(line: &str) -> &str {
    line.split(':').next().unwrap_or(line)
}

fn by_key(text: &str) -> BTreeMap<&str, &str> {
    text.lines().map(|line| (key(line), line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_script_changed_is_carried_over() {
        let before = "root:0\nadm:4\nforeign:100\n";
        let rows = [
            (
                "root:0\nadm:4\nforeign:100\nnew:101\n",
                "root:0\nadm:4\napp:1000\nnew:101\n",
            ),
            (
                "root:0\nadm:4:new\nforeign:100\n",
                "root:0\nadm:4:new\napp:1000\n",
            ),
            ("root:0\nforeign:100\n", "root:0\napp:1000\n"),
            ("root:0\nadm:4\n", "root:0\nadm:4\napp:1000\n"),
        ];
        for (after, expected) in rows {
            assert_eq!(merge("root:0\nadm:4\napp:1000\n", before, after), expected);
        }
    }
}
