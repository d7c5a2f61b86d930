//! `apt.conf(5)`, as far as names and quoted values go.

use std::collections::BTreeMap;

/// Deepest nesting of braces taken.
const MAX_DEPTH: usize = 32;

/// Most values kept.
const MAX_VALUES: usize = 10_000;

/// Values by their full name in lower case, `acquire::http::proxy`. A later value replaces an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptConf {
    values: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

impl AptConf {
    /// Takes the values of one more file.
    pub fn add(&mut self, text: &str) {
        let mut scopes: Vec<String> = Vec::new();
        let mut words: Vec<String> = Vec::new();
        for token in tokens(text) {
            match token {
                Token::Word(word) => words.push(word),
                Token::Open if scopes.len() < MAX_DEPTH => {
                    scopes.push(words.drain(..).next().unwrap_or_default());
                }
                // Deeper than any real file: nothing of what follows can be placed.
                Token::Open => return,
                Token::Close => {
                    scopes.pop();
                    words.clear();
                }
                Token::End => self.set(&scopes, std::mem::take(&mut words)),
            }
        }
    }

    /// The value of `name`, which is written in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Pairs of host and value for `acquire::http::<option>::<host>` and `acquire::https::<option>::<host>`.
    pub(super) fn per_host(&self, option: &str) -> impl Iterator<Item = (&str, &str)> {
        let prefixes = ["http", "https"].map(|scheme| format!("acquire::{scheme}::{option}::"));
        self.values.iter().filter_map(move |(name, value)| {
            let host = prefixes
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix))?;
            Some((host, value.as_str()))
        })
    }

    /// The values of `acquire::https::<option>` and `acquire::https::<host>::<option>`.
    pub(super) fn all(&self, option: &str) -> impl Iterator<Item = &str> {
        let suffix = format!("::{option}");
        let matching = self.values.iter().filter(move |(name, _)| {
            name.starts_with("acquire::https::") && name.ends_with(&suffix)
        });
        matching
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn set(&mut self, scopes: &[String], words: Vec<String>) {
        let mut words = words.into_iter();
        let (Some(name), Some(value), None) = (words.next(), words.next(), words.next()) else {
            return;
        };
        if self.values.len() < MAX_VALUES && !name.starts_with('#') {
            let full = scopes.iter().chain([&name]).map(|s| s.to_ascii_lowercase());
            self.values
                .insert(full.collect::<Vec<_>>().join("::"), value);
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let tail = &rest[first.len_utf8()..];
        rest = match first {
            '{' | '}' | ';' => {
                tokens.push(match first {
                    '{' => Token::Open,
                    '}' => Token::Close,
                    _ => Token::End,
                });
                tail
            }
            '"' => {
                let (word, after) = tail.split_once('"').unwrap_or((tail, ""));
                tokens.push(Token::Word(word.to_owned()));
                after
            }
            '#' => after_line(tail),
            '/' if tail.starts_with('/') => after_line(tail),
            '/' if tail.starts_with('*') => tail.split_once("*/").map_or("", |(_, after)| after),
            c if c.is_whitespace() => tail,
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "{};\"".contains(c))
                    .unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                &rest[end..]
            }
        };
    }
    tokens
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_nest_and_later_values_win() {
        let mut conf = AptConf::default();
        conf.add(
            "// a comment\n# another\nAcquire::http::Proxy \"http://a:1\";\n/* Acquire::x \"y\"; */\n\
             Acquire { http { Timeout 10; }; https::CaInfo \"/a;b.pem\"; };\nDPkg::Post-Invoke {\"rm -f /x || true\";};",
        );
        conf.add("acquire::HTTP::proxy \"http://b:2\";");
        assert_eq!(conf.get("acquire::http::proxy"), Some("http://b:2"));
        assert_eq!(conf.get("acquire::http::timeout"), Some("10"));
        assert_eq!(conf.all("cainfo").collect::<Vec<_>>(), ["/a;b.pem"]);
        assert_eq!(conf.get("acquire::x"), None);
    }

    #[test]
    fn broken_and_endless_files_end_too() {
        for text in ["\"", "/*", "//", "}}}};;;", "a", &"{".repeat(100_000)] {
            let mut conf = AptConf::default();
            conf.add(text);
            assert_eq!(conf, AptConf::default());
        }
    }
}
