//! The environment of a process: what the image says, what the user says, and nothing of the host's.

use std::collections::BTreeMap;

/// Where the app lies in its image, and the home directory of its processes.
pub const APP_HOME: &str = "/app";

/// The sources of a process's environment, weakest first. Nothing else is inherited.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// From the image's config.
    pub image: &'a BTreeMap<String, String>,
    /// From the `.env` file; over the image's and over `HOME=/app`.
    pub dotenv: &'a BTreeMap<String, String>,
    /// From the command line; over `.env`.
    pub flags: &'a BTreeMap<String, String>,
    /// What `TERM` is on daruma's terminal, for a process that gets one; under the image's, `.env` and flags.
    pub term: Option<&'a str>,
    /// The process's port; `PORT` says this whatever the others say (they were asked before it was chosen).
    pub port: Option<u16>,
}

impl Environment<'_> {
    /// The whole environment.
    pub fn resolve(&self) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        if let Some(term) = self.term {
            env.insert("TERM".to_owned(), term.to_owned());
        }
        env.extend(self.image.clone());
        env.insert("HOME".to_owned(), APP_HOME.to_owned());
        env.extend(self.dotenv.clone());
        env.extend(self.flags.clone());
        if let Some(port) = self.port {
            env.insert("PORT".to_owned(), port.to_string());
        }
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn dotenv_wins_over_the_image_flags_over_dotenv_and_the_chosen_port_over_all() {
        let env = Environment {
            image: &vars(&[
                ("PATH", "/usr/bin"),
                ("HOME", "/root"),
                ("A", "image"),
                ("B", "image"),
            ]),
            dotenv: &vars(&[("A", "dotenv"), ("C", "dotenv"), ("PORT", "1")]),
            flags: &vars(&[("C", "flag")]),
            term: Some("xterm"),
            port: Some(3000),
        };
        let expected = [
            ("A", "dotenv"),
            ("B", "image"),
            ("C", "flag"),
            ("HOME", "/app"),
            ("PATH", "/usr/bin"),
            ("PORT", "3000"),
            ("TERM", "xterm"),
        ];
        assert_eq!(env.resolve(), vars(&expected));
    }
}
