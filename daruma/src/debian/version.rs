//! Versions and their order (deb-version(7)).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// `[epoch:]upstream[-revision]`, kept as it was written. Two versions that compare equal (`1.0` and `0:1.0-0`) are
/// equal here as well, so the text is not part of the identity.
#[derive(Clone)]
pub struct Version(Box<str>);

/// The text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a package version: {problem}")]
pub struct InvalidVersion {
    /// The text as it was given.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Longest version that is accepted, in bytes; the longest in Debian 13 has 52.
const MAX_VERSION: usize = 512;

/// The parts of a version; a missing epoch is `0`, a missing revision is empty, which compares like `0`.
struct Parts<'a> {
    epoch: u32,
    upstream: &'a str,
    revision: &'a str,
}

impl Version {
    /// A version that was checked where it was read.
    pub(super) fn trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the last `-`, without the epoch.
    pub fn upstream(&self) -> &str {
        split(&self.0).upstream
    }
}

/// What is wrong with `text` as a version; `None` means nothing.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    if text.len() > MAX_VERSION {
        return Some("it is longer than 512 bytes");
    }
    let rest = match text.split_once(':') {
        Some((epoch, rest)) => match epoch.parse::<i32>() {
            Ok(_) if epoch.bytes().all(|b| b.is_ascii_digit()) => rest,
            _ => return Some("its epoch is not a number below 2^31"),
        },
        None => text,
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((_, "")) => return Some("its revision is empty"),
        Some((upstream, revision)) => (upstream, revision),
        None => (rest, ""),
    };
    let in_revision = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'~');
    match upstream.bytes().next() {
        None => Some("it has no upstream part"),
        Some(b) if !b.is_ascii_digit() => Some("it does not start with a digit"),
        _ if !upstream
            .bytes()
            .all(|b| in_revision(b) || matches!(b, b'-' | b':')) =>
        {
            Some("it has a character other than letters, digits and `.+-:~`")
        }
        _ if !revision.bytes().all(in_revision) => {
            Some("its revision has a character other than letters, digits and `.+~`")
        }
        _ => None,
    }
}

fn split(text: &str) -> Parts<'_> {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, text),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    Parts {
        epoch,
        upstream,
        revision,
    }
}

/// Compares two versions that are known to be valid.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (split(a), split(b));
    a.epoch
        .cmp(&b.epoch)
        .then_with(|| compare_part(a.upstream.as_bytes(), b.upstream.as_bytes()))
        .then_with(|| compare_part(a.revision.as_bytes(), b.revision.as_bytes()))
}

/// Alternates between runs of non-digits and of digits (deb-version(7), "Sorting algorithm").
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (word_a, rest_a) = a.split_at(run(a, |b| !b.is_ascii_digit()));
        let (word_b, rest_b) = b.split_at(run(b, |b| !b.is_ascii_digit()));
        let (number_a, after_a) = rest_a.split_at(run(rest_a, u8::is_ascii_digit));
        let (number_b, after_b) = rest_b.split_at(run(rest_b, u8::is_ascii_digit));
        let order = compare_words(word_a, word_b).then_with(|| compare_numbers(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (after_a, after_b);
    }
    Ordering::Equal
}

fn run(bytes: &[u8], of: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|b| of(b)).count()
}

/// Letters sort before other characters, `~` before everything, the end of the run included.
fn compare_words(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(b) if b.is_ascii_alphabetic() => i32::from(*b),
        Some(b) => i32::from(*b) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|i| weight(a.get(i)).cmp(&weight(b.get(i))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares digits as numbers of any length.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let a = &a[run(a, |b| *b == b'0')..];
    let b = &b[run(b, |b| *b == b'0')..];
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        match problem(text) {
            None => Ok(Self(text.into())),
            Some(problem) => Err(InvalidVersion {
                text: text.chars().take(MAX_VERSION).collect(),
                problem,
            }),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_the_manual_says() {
        // Each row is in ascending order.
        let rows: [&[&str]; 7] = [
            &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0a", "1.0+b", "1.0.1"],
            &["1.2", "1.10", "2.0"],
            &["1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0-10"],
            &["9.9", "1:0.1", "2:0"],
            &["3.3~rc1-1", "3.3-1~deb13u1", "3.3-1", "3.3-1+deb13u1"],
            &["1.0", "1.0-1"],
            &["2.4", "2.4-x", "2.4.0"],
        ];
        for row in rows {
            for pair in row.windows(2) {
                assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
                assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            }
        }
    }

    #[test]
    fn different_spellings_of_one_version_are_equal() {
        for (a, b) in [
            ("1.0", "0:1.0"),
            ("1.0", "1.0-0"),
            ("1.01", "1.1"),
            ("1.", "1.0"),
        ] {
            assert_eq!(a.parse::<Version>().ok(), b.parse::<Version>().ok(), "{a}");
        }
    }

    #[test]
    fn texts_that_are_no_versions_are_refused_with_the_reason() {
        for (text, problem) in [
            ("", "it has no upstream part"),
            ("1:", "it has no upstream part"),
            ("-1", "it has no upstream part"),
            ("a", "it does not start with a digit"),
            ("x:1", "its epoch is not a number below 2^31"),
            ("+1:1", "its epoch is not a number below 2^31"),
            ("99999999999:1", "its epoch is not a number below 2^31"),
            ("1.0-", "its revision is empty"),
            (
                "1 0",
                "it has a character other than letters, digits and `.+-:~`",
            ),
            (
                "1-a_b",
                "its revision has a character other than letters, digits and `.+~`",
            ),
        ] {
            let found = text.parse::<Version>().map_err(|e| e.problem);
            assert_eq!(found.map(|v| v.to_string()), Err(problem), "{text}");
        }
    }
}
