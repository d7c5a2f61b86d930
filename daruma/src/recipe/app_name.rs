//! The application's name, which begins the names of its images.

use std::fmt;
use std::str::FromStr;

/// A component of an OCI repository name (distribution-spec, "Pulling manifests"):
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, at most 100 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(String);

/// The text is not an application's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a name for images (lower-case letters and digits, with `.`, `_` or `-` between, at most 100)"
)]
pub struct InvalidAppName {
    given: String,
    /// A valid name that is near.
    pub nearest: AppName,
}

impl AppName {
    /// The longest name in characters: with a process name (63) and a registry's namespace it stays below the 255
    /// that registries take.
    pub const MAX: usize = 100;

    /// The valid name nearest to `text`: lower case, every run of other characters one `-`, `app` where nothing is left.
    pub fn normalised(text: &str) -> Self {
        let name = component(text, Self::MAX);
        Self(if name.is_empty() {
            "app".to_owned()
        } else {
            name
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text` as a repository component of at most `max` characters; empty where it has no letter or digit of ASCII.
pub(super) fn component(text: &str, max: usize) -> String {
    let mut name = String::new();
    let mut separator = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        if !c.is_ascii_lowercase() && !c.is_ascii_digit() {
            separator.push(c);
            continue;
        }
        let between = if name.is_empty() {
            ""
        } else {
            normalised_separator(&separator)
        };
        if name.len() + between.len() >= max {
            break;
        }
        name.push_str(between);
        name.push(c);
        separator.clear();
    }
    name
}

fn normalised_separator(run: &str) -> &str {
    match run {
        "" | "." | "_" | "__" => run,
        _ if run.len() <= 8 && run.bytes().all(|b| b == b'-') => run,
        _ => "-",
    }
}

impl FromStr for AppName {
    type Err = InvalidAppName;

    fn from_str(text: &str) -> Result<Self, InvalidAppName> {
        let nearest = Self::normalised(text);
        if nearest.0 == text {
            return Ok(nearest);
        }
        Err(InvalidAppName {
            given: text.chars().take(Self::MAX).collect(),
            nearest,
        })
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_s_name_becomes_the_nearest_name_for_images() {
        for (directory, name) in [
            ("shop", "shop"),
            ("My Shop", "my-shop"),
            ("shop_v1.2", "shop_v1.2"),
            ("a__b", "a__b"),
            ("a___b", "a-b"),
            ("a._b", "a-b"),
            ("a--b", "a--b"),
            ("-shop-", "shop"),
            ("café noir", "caf-noir"),
            ("だるま", "app"),
            ("", "app"),
            ("..", "app"),
        ] {
            assert_eq!(AppName::normalised(directory).as_str(), name, "{directory}");
        }
    }

    #[test]
    fn a_normalised_name_is_a_name_whatever_it_came_from() {
        let long = "x-".repeat(200);
        let odd = format!("{}----y", "x".repeat(98));
        for text in [long.as_str(), &odd, "A\u{0}B", "---", "a.-b"] {
            let name = AppName::normalised(text);
            assert!(name.as_str().len() <= AppName::MAX);
            assert_eq!(name.as_str().parse(), Ok(name.clone()), "{text}");
        }
    }
}
