//! `Release` files (Debian's repository format, "Release files"): what a suite consists of.

use std::collections::BTreeMap;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::image::Digest;

/// Files listed in one `Release`; Debian's unstable lists about 4,000.
const MAX_FILES: usize = 200_000;

/// A file that a `Release` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Bytes.
    pub size: u64,
    /// Of its content.
    pub sha256: Digest,
}

/// The fields of a `Release` that daruma reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Who publishes it.
    pub origin: String,
    /// Which of the publisher's archives it belongs to.
    pub label: String,
    /// `stable`, `stable-security` …
    pub suite: String,
    /// `trixie`, `trixie-security` …
    pub codename: String,
    /// When it was made, in seconds since 1970.
    pub date: i64,
    /// Until when it is good, in seconds since 1970.
    pub valid_until: Option<i64>,
    /// `main`, `contrib` …
    pub components: Vec<String>,
    /// `amd64`, `all` …
    pub architectures: Vec<String>,
    /// Whether files stand under `by-hash` too.
    pub by_hash: bool,
    /// Its files by path below the suite's directory.
    pub files: BTreeMap<String, ListedFile>,
}

/// The text is no `Release` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct InvalidRelease {
    /// Counted from 1; 0 where something is missing.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl Release {
    /// Reads the signed text of a `Release`.
    pub fn parse(text: &str) -> Result<Self, InvalidRelease> {
        let fields = fields(text)?;
        let value = |name: &str| fields.get(name).map(|f| f.value).unwrap_or_default();
        let words = |name| value(name).split_whitespace().map(str::to_owned).collect();
        let date = |name: &str| {
            fields
                .get(name)
                .map(|f| instant(f.line, f.value))
                .transpose()
        };
        let missing = |what| InvalidRelease { line: 0, what };
        let files = fields
            .get("sha256")
            .ok_or(missing("it lists no SHA256 sums"))?;
        Ok(Self {
            origin: value("origin").to_owned(),
            label: value("label").to_owned(),
            suite: value("suite").to_owned(),
            codename: value("codename").to_owned(),
            date: date("date")?.ok_or(missing("it has no Date"))?,
            valid_until: date("valid-until")?,
            components: words("components"),
            architectures: words("architectures"),
            by_hash: value("acquire-by-hash") == "yes",
            files: listed(files)?,
        })
    }
}

#[derive(Default)]
struct Field<'a> {
    line: usize,
    value: &'a str,
    more: Vec<&'a str>,
}

/// The one stanza of the file, names in lower case; a field may not stand twice.
fn fields(text: &str) -> Result<BTreeMap<String, Field<'_>>, InvalidRelease> {
    let mut fields = BTreeMap::new();
    let mut current = String::new();
    for (line, content) in (1..).zip(text.trim_end_matches('\n').split('\n')) {
        let error = |what| Err(InvalidRelease { line, what });
        if let Some(more) = content.strip_prefix([' ', '\t']) {
            match fields.get_mut(&current) {
                Some(Field { more: lines, .. }) => lines.push(more),
                None => return error("it begins with a continued line"),
            }
            continue;
        }
        let Some((name, value)) = content.split_once(':') else {
            return error("it is no field");
        };
        current = name.to_ascii_lowercase();
        let field = Field {
            line,
            value: value.trim(),
            more: Vec::new(),
        };
        if fields.insert(current.clone(), field).is_some() {
            return error("it repeats a field");
        }
    }
    Ok(fields)
}

fn listed(field: &Field<'_>) -> Result<BTreeMap<String, ListedFile>, InvalidRelease> {
    let mut files = BTreeMap::new();
    for (line, text) in (field.line + 1..).zip(&field.more) {
        let error = |what| InvalidRelease { line, what };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [hash, size, path] = words[..] else {
            return Err(error("it is no sum, size and path"));
        };
        let file = ListedFile {
            sha256: Digest::from_hex(hash).map_err(|_| error("it has no sha256"))?,
            size: size.parse().map_err(|_| error("it has no size"))?,
        };
        if files.len() >= MAX_FILES {
            return Err(error("it lists too many files"));
        }
        if files
            .insert(path.to_owned(), file)
            .is_some_and(|old| old != file)
        {
            return Err(error("it lists a path twice"));
        }
    }
    Ok(files)
}

/// Debian writes `UTC` where RFC 2822 knows `GMT` and numbers.
fn instant(line: usize, text: &str) -> Result<i64, InvalidRelease> {
    let text = text
        .strip_suffix(" UTC")
        .map_or(text.to_owned(), |t| format!("{t} +0000"));
    let parsed = DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(&text);
    parsed
        .map(jiff::Timestamp::as_second)
        .map_err(|_| InvalidRelease {
            line,
            what: "it has no date",
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Origin: Debian\nSuite: stable\nCodename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nAcquire-By-Hash: yes\nComponents: main contrib\nSHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 main/a\n";

    #[test]
    fn the_fields_that_matter_are_read() {
        let release = Release::parse(TEXT).expect("parsed");
        assert_eq!(
            (release.codename.as_str(), release.date),
            ("trixie", 1_789_199_741)
        );
        assert_eq!(release.components, ["main", "contrib"]);
        assert!(release.by_hash);
        assert_eq!(release.files["main/a"].sha256, Digest::of(b""));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_line() {
        for (from, to, expected) in [
            ("SHA256:", "SHA1:", "line 0: it lists no SHA256 sums"),
            ("Date: Sat, ", "Date: ", ""),
            ("12 Sep", "42 Sep", "line 4: it has no date"),
            (
                "Origin: Debian",
                " Debian",
                "line 1: it begins with a continued line",
            ),
            ("Suite: ", "Origin: ", "line 2: it repeats a field"),
            ("0 main/a", "main/a", "line 8: it is no sum, size and path"),
            (" e3b0", " e3", "line 8: it has no sha256"),
            ("Codename: ", "Codename ", "line 3: it is no field"),
        ] {
            let outcome = Release::parse(&TEXT.replace(from, to)).map_err(|e| e.to_string());
            assert_eq!(outcome.err().unwrap_or_default(), expected, "{from} → {to}");
        }
    }
}
