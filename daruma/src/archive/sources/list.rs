//! `sources.list(5)` in both formats.

/// Most sources taken from one file.
const MAX_SOURCES: usize = 1000;

/// One archive and one suite of it that apt fetches binary packages from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As written, without a `/` at the end.
    pub uri: String,
    /// `trixie`, `trixie-security` …
    pub suite: String,
}

/// Reads lines such as `deb [signed-by=/k.gpg] http://host/debian trixie main`.
pub fn parse_one_line(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for line in text.lines().take(MAX_SOURCES) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line
            .strip_prefix("deb")
            .filter(|r| r.starts_with([' ', '\t', '[']))
        else {
            continue;
        };
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        let mut words = rest.split_whitespace();
        if let (Some(uri), Some(suite)) = (words.next(), words.next()) {
            sources.push(source(uri, suite));
        }
    }
    sources
}

/// Reads stanzas of `Types`, `URIs`, `Suites`, `Components`, `Enabled`.
pub fn parse_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let (mut stanza, mut name) = (Vec::<(String, String)>::new(), String::new());
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(stanza_sources(&std::mem::take(&mut stanza)));
        } else if line.starts_with([' ', '\t']) {
            let current = stanza.iter_mut().find(|(n, _)| *n == name);
            if let Some((_, value)) = current {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((field, value)) = line.split_once(':') {
            name = field.trim().to_ascii_lowercase();
            stanza.push((name.clone(), value.trim().to_owned()));
        }
    }
    sources.truncate(MAX_SOURCES);
    sources
}

fn stanza_sources(stanza: &[(String, String)]) -> Vec<Source> {
    let words = |name: &str| {
        let field = stanza.iter().find(|(n, _)| n == name);
        field.map_or("", |(_, v)| v.as_str()).split_whitespace()
    };
    let disabled =
        words("enabled").any(|w| w.eq_ignore_ascii_case("no") || w.eq_ignore_ascii_case("false"));
    if disabled || !words("types").any(|t| t == "deb") {
        return Vec::new();
    }
    words("uris")
        .take(MAX_SOURCES)
        .flat_map(|uri| {
            words("suites")
                .take(MAX_SOURCES)
                .map(move |suite| source(uri, suite))
        })
        .take(MAX_SOURCES)
        .collect()
}

fn source(uri: &str, suite: &str) -> Source {
    Source {
        uri: uri.trim_end_matches('/').to_owned(),
        suite: suite.trim_end_matches('/').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sources: &[Source]) -> Vec<String> {
        sources
            .iter()
            .map(|s| format!("{} {}", s.uri, s.suite))
            .collect()
    }

    #[test]
    fn lines_of_all_shapes_are_read() {
        let text = "# deb http://no/ a main\ndeb http://a/debian/ trixie main contrib # note\n\
                    deb [arch=amd64 trusted=yes] https://b/debian trixie-security main\n\
                    deb-src http://c/debian trixie main\ndeb\ndeb [x\n\tdeb\thttp://d/flat ./\n";
        assert_eq!(
            told(&parse_one_line(text)),
            [
                "http://a/debian trixie",
                "https://b/debian trixie-security",
                "http://d/flat ."
            ]
        );
    }

    #[test]
    fn stanzas_multiply_addresses_and_suites() {
        let text = "Types: deb deb-src\nURIs: http://a/debian http://b/debian/\n# in between\nSuites: trixie\n trixie-updates\nComponents: main\n\n\
                    Types: deb-src\nURIs: http://c\nSuites: x\n\nTypes: deb\nEnabled: no\nURIs: http://d\nSuites: x\n";
        assert_eq!(
            told(&parse_deb822(text)),
            [
                "http://a/debian trixie",
                "http://a/debian trixie-updates",
                "http://b/debian trixie",
                "http://b/debian trixie-updates",
            ]
        );
    }
}
