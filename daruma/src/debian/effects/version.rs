//! Order of Debian versions (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions, neither empty.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = epoch(left);
    let (right_epoch, right) = epoch(right);
    let (left, left_revision) = left.rsplit_once('-').unwrap_or((left, "0"));
    let (right, right_revision) = right.rsplit_once('-').unwrap_or((right, "0"));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| part(left.as_bytes(), right.as_bytes()))
        .then_with(|| part(left_revision.as_bytes(), right_revision.as_bytes()))
}

fn epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

fn part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let order = text(&mut left, &mut right).then_with(|| number(&mut left, &mut right));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// `~` sorts before the end, the end before letters, letters before the rest.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        Some(b'~') => -1,
        Some(c) if c.is_ascii_digit() => 0,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}

fn text(left: &mut &[u8], right: &mut &[u8]) -> Ordering {
    let is_text = |side: &[u8]| side.first().is_some_and(|c| !c.is_ascii_digit());
    while is_text(left) || is_text(right) {
        let order = weight(left.first()).cmp(&weight(right.first()));
        if order != Ordering::Equal {
            return order;
        }
        *left = left.get(1..).unwrap_or_default();
        *right = right.get(1..).unwrap_or_default();
    }
    Ordering::Equal
}

fn number(left: &mut &[u8], right: &mut &[u8]) -> Ordering {
    let (a, b) = (digits(left), digits(right));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Takes the number that stands first, without its zeros.
fn digits<'a>(side: &mut &'a [u8]) -> &'a [u8] {
    let length = side.iter().take_while(|c| c.is_ascii_digit()).count();
    let (mut number, rest) = side.split_at(length);
    *side = rest;
    while let [b'0', tail @ ..] = number {
        number = tail;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_dpkgs_order() {
        let ascending = [
            "0.9", "1.0~rc1", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0a-1", "1.0+x", "1.2",
            "1.10", "1:0.1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.0-0", "1.0"), Ordering::Equal);
    }
}
