//! Stanzas of `Field: value` lines (deb822(5)): the form of control files, package indexes and dpkg's database.

use std::fmt;

/// Longest text of stanzas that is parsed whole, in bytes; a package's control file has less than 64 KiB, the largest
/// `Release` file about 300 KiB. Package indexes have their own reader ([`super::Index`]).
const MAX_TEXT: usize = 16 << 20;

/// A stanza: fields in their order, values without the space after the colon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stanza(Vec<(String, String)>);

/// A text that is not made of stanzas. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the control text, line {line}: {problem}")]
pub struct ControlError {
    /// Where it is.
    pub line: usize,
    /// What is wrong.
    pub problem: &'static str,
}

impl Stanza {
    /// A stanza without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads all stanzas of `text`.
    pub fn parse_all(text: &[u8]) -> Result<Vec<Self>, ControlError> {
        let fail = |line, problem| ControlError { line, problem };
        if text.len() > MAX_TEXT {
            return Err(fail(1, "the text is longer than 16 MiB"));
        }
        let text = std::str::from_utf8(text).map_err(|e| {
            let before = &text[..e.valid_up_to()];
            fail(
                1 + memchr::memchr_iter(b'\n', before).count(),
                "it is not UTF-8",
            )
        })?;
        let mut stanzas = vec![Self::new()];
        for (index, line) in text.lines().enumerate() {
            let last = stanzas.len() - 1;
            if !line.trim_end().is_empty() {
                stanzas[last]
                    .take_line(line)
                    .map_err(|problem| fail(index + 1, problem))?;
            } else if !stanzas[last].0.is_empty() {
                stanzas.push(Self::new());
            }
        }
        stanzas.retain(|stanza| !stanza.0.is_empty());
        Ok(stanzas)
    }

    /// Reads a text that is exactly one stanza, as a package's control file is.
    pub fn parse(text: &[u8]) -> Result<Self, ControlError> {
        let mut stanzas = Self::parse_all(text)?;
        let problem = match stanzas.len() {
            0 => "there is no field in it",
            1 => return Ok(stanzas.remove(0)),
            _ => "there is more than one stanza in it",
        };
        Err(ControlError { line: 1, problem })
    }

    fn take_line(&mut self, line: &str) -> Result<(), &'static str> {
        if line.starts_with('#') {
            return Ok(());
        }
        if line.starts_with([' ', '\t']) {
            let (_, value) = self.0.last_mut().ok_or("a continuation line comes first")?;
            value.push('\n');
            value.push_str(line.trim_end());
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or("a field has no colon")?;
        if !is_field_name(name) {
            return Err("a field's name is empty or has a space or a control character");
        }
        if self.get(name).is_some() {
            return Err("a field stands twice");
        }
        self.0.push((name.to_owned(), value.trim().to_owned()));
        Ok(())
    }

    /// The value of the field `name`, in any case; the lines of a longer value keep their leading space.
    pub fn get(&self, name: &str) -> Option<&str> {
        let same = |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.0.iter().find(same).map(|(_, value)| value.as_str())
    }

    /// This stanza with the field `name` set to `value`: in its place, or at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let place = self.0.iter().position(|f| f.0.eq_ignore_ascii_case(name));
        match place {
            Some(at) => value.clone_into(&mut self.0[at].1),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// This stanza with a new field right after the first one, where dpkg writes `Status`.
    #[must_use]
    pub fn with_second(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|field| !field.0.eq_ignore_ascii_case(name));
        let place = self.0.len().min(1);
        self.0.insert(place, (name.to_owned(), value.to_owned()));
        self
    }

    /// The fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&name[..], &value[..]))
    }
}

/// Field names are printable ASCII without space and colon, and start with neither `#` nor `-` (deb822(5)).
fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['#', '-'])
        && name.bytes().all(|b| matches!(b, b'!'..=b'~') && b != b':')
}

impl fmt::Display for Stanza {
    /// One line per field, a line feed after each; no empty line at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            if value.starts_with('\n') || value.is_empty() {
                writeln!(f, "{name}:{value}")?;
            } else {
                writeln!(f, "{name}: {value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_survive_their_text_form() {
        let text = "Package: ruby\nVersion: 1:3.3\nConffiles:\n /etc/a 00\n /etc/b 11\nDescription: short\n long\n .\n more\n";
        let stanza = Stanza::parse(text.as_bytes()).expect("a stanza");
        assert_eq!(stanza.get("package"), Some("ruby"));
        assert_eq!(stanza.get("DESCRIPTION"), Some("short\n long\n .\n more"));
        assert_eq!(stanza.to_string(), text);
    }

    #[test]
    fn stanzas_are_parted_by_empty_lines_and_comments_do_not_count() {
        let text = b"\n\nA: 1\n# no\nB: 2\n \t\n\nA: 3";
        let stanzas = Stanza::parse_all(text).expect("stanzas");
        let fields: Vec<Vec<_>> = stanzas.iter().map(|s| s.fields().collect()).collect();
        assert_eq!(fields, [vec![("A", "1"), ("B", "2")], vec![("A", "3")]]);
    }

    #[test]
    fn broken_texts_name_the_line() {
        let rows: [(&[u8], usize, &str); 7] = [
            (b" x", 1, "a continuation line comes first"),
            (b"A: 1\n\n x", 3, "a continuation line comes first"),
            (b"A: 1\nB", 2, "a field has no colon"),
            (b"A: 1\na: 2", 2, "a field stands twice"),
            (
                b"A b: 1",
                1,
                "a field's name is empty or has a space or a control character",
            ),
            (b"A: 1\nB: \xff", 2, "it is not UTF-8"),
            (
                b": 1",
                1,
                "a field's name is empty or has a space or a control character",
            ),
        ];
        for (text, line, problem) in rows {
            let error = Stanza::parse_all(text).expect_err("broken");
            assert_eq!((error.line, error.problem), (line, problem));
        }
        for text in [&b""[..], b"A: 1\n\nA: 2"] {
            assert!(Stanza::parse(text).is_err());
        }
    }

    #[test]
    fn fields_are_replaced_in_their_place_or_added() {
        let stanza = Stanza::new().with("A", "1").with("B", "2").with("a", "3");
        assert_eq!(stanza.to_string(), "A: 3\nB: 2\n");
        let stanza = stanza.with_second("Status", "install ok installed");
        assert_eq!(
            stanza.to_string(),
            "A: 3\nStatus: install ok installed\nB: 2\n"
        );
    }
}
