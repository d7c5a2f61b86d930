//! What a recipe may ask for and this version does not do. Said, because a key that is accepted and ignored lies.

use super::BuildError;
use crate::recipe::manifest::{EngineChoice, Manifest, RoleSource, RuntimePlace};
use crate::recipe::{At, Origin};

/// Refuses the first wish that would be ignored.
pub(super) fn refuse(manifest: &Manifest) -> Result<(), BuildError> {
    let wishes = [
        first(
            "[compile] run",
            manifest.compile.run.as_deref().unwrap_or_default(),
        ),
        one("[compile] workdir", manifest.compile.workdir.as_ref()),
        first("[builder] packages", &manifest.builder.packages),
        source("[builder]", &manifest.builder.source),
        source("[runner]", &manifest.runner.source),
        runtime(manifest),
        first("[build] credentials", &manifest.build.credentials),
        one("[build] network", manifest.build.network.as_ref()),
        manifest
            .versions
            .values()
            .next()
            .map(|at| ("[versions]", at.origin())),
        engine(manifest),
        one("a second platform", manifest.platforms.get(1)),
    ];
    match wishes.into_iter().flatten().next() {
        None => Ok(()),
        Some((what, origin)) => Err(BuildError::Unsupported {
            what: what.to_owned(),
            origin: origin.to_string(),
        }),
    }
}

type Wish = Option<(&'static str, Origin)>;

fn one<T>(what: &'static str, at: Option<&At<T>>) -> Wish {
    at.map(|at| (what, at.origin()))
}

fn first<T>(what: &'static str, list: &[At<T>]) -> Wish {
    one(what, list.first())
}

/// A role from an image or a Dockerfile; a suite for the builder, which there is none of.
fn source(what: &'static str, source: &RoleSource) -> Wish {
    match source {
        RoleSource::Debian { suite: Some(at) } if what == "[builder]" => Some((what, at.origin())),
        RoleSource::Debian { .. } => None,
        RoleSource::Image(at) => Some((what, at.origin())),
        RoleSource::Dockerfile { path, .. } => Some((what, path.origin())),
    }
}

fn runtime(manifest: &Manifest) -> Wish {
    let at = manifest.runner.runtime.as_ref();
    one(
        "[runner] runtime",
        at.filter(|at| at.value != RuntimePlace::Runner),
    )
}

fn engine(manifest: &Manifest) -> Wish {
    let at = manifest.engine.as_ref();
    one(
        "[engine] default",
        at.filter(|at| at.value != EngineChoice::Sandbox),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<String> {
        let manifest = Manifest::parse(text).expect("a manifest").value;
        refuse(&manifest).err().map(|error| error.to_string())
    }

    #[test]
    fn what_would_be_ignored_is_refused_with_its_place() {
        let rows = [
            ("[compile]\nrun = \"make\"", "[compile] run (daruma.toml:2)"),
            ("[builder]\nsuite = \"trixie\"", "[builder] (daruma.toml:2)"),
            ("[runner]\nimage = \"ruby:3.3\"", "[runner] (daruma.toml:2)"),
            (
                "[runner]\nruntime = \"app\"",
                "[runner] runtime (daruma.toml:2)",
            ),
            ("[versions]\nruby = \"3.3\"", "[versions] (daruma.toml:2)"),
            (
                "[engine]\ndefault = \"docker\"",
                "[engine] default (daruma.toml:2)",
            ),
        ];
        for (text, expected) in rows {
            let error = refusal(text).expect(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_done_anyway_is_accepted() {
        for text in [
            "",
            "[engine]\ndefault = \"sandbox\"",
            "[runner]\nsuite = \"trixie\"\nruntime = \"runner\"",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }
}
