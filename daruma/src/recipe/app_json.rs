//! `app.json`, Heroku's manifest. A foreign format: keys that daruma does not use are skipped.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::diagnostic::{Checked, Diagnostic, Report};
use super::error::RecipeError;
use super::position::{File, Position};
use super::text::{Source, check_size};

/// The fields of an `app.json` that daruma shows or uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AppJson {
    /// The application's name, any text.
    pub name: Option<String>,
    /// One sentence about it.
    pub description: Option<String>,
    /// Heroku's stack, e.g. `heroku-24` or `container`.
    pub stack: Option<String>,
    /// An image to run commands in.
    pub image: Option<String>,
    /// Variables that the application wants.
    pub env: BTreeMap<String, EnvWish>,
    /// How many of each process, of which size.
    pub formation: BTreeMap<String, Formation>,
    /// Commands by occasion, e.g. `postdeploy`.
    pub scripts: BTreeMap<String, Script>,
    /// Buildpacks in their order.
    pub buildpacks: Vec<Buildpack>,
}

/// A variable that the application wants: a text is its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvWish {
    /// What it is for.
    pub description: Option<String>,
    /// Its value, unless another is given.
    pub value: Option<String>,
    /// Whether the application cannot run without.
    pub need: Need,
    /// Who makes a value where none is given.
    pub generator: Option<Generator>,
}

/// Whether a variable must have a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// It must; what `app.json` says by saying nothing.
    #[default]
    Required,
    /// It may be unset.
    Optional,
}

/// Who makes a value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// A random text of 64 hex digits.
    Secret,
}

/// How a process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Formation {
    /// How many of it.
    pub quantity: Option<u32>,
    /// The dyno size.
    pub size: Option<String>,
}

/// A command, which may be written as `{ "command": … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script(pub String);

/// A buildpack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Buildpack {
    /// Its URL or short name.
    pub url: String,
}

impl AppJson {
    /// Reads the text of an `app.json`.
    pub fn parse(text: &str) -> Result<Checked<Self>, RecipeError> {
        check_size(File::AppJson, text.len())?;
        let mut report = Report::default();
        let app = read(text, &mut report);
        report.finish(app)
    }
}

pub(super) fn read(text: &str, report: &mut Report) -> AppJson {
    let source = Source::new(File::AppJson, text);
    serde_json::from_str(source.text).unwrap_or_else(|error| {
        report.add(diagnostic(&source, &error));
        AppJson::default()
    })
}

/// serde_json counts columns in bytes, from 0 at the end of a line, and appends the place to its message.
fn diagnostic(source: &Source<'_>, error: &serde_json::Error) -> Diagnostic {
    let text = error.to_string();
    let message = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(message, _)| message);
    let line = error.line().max(1);
    let before = source.line(line).as_bytes();
    let before = &before[..before.len().min(error.column().saturating_sub(1))];
    let position = Position {
        line,
        column: String::from_utf8_lossy(before).chars().count() + 1,
    };
    Diagnostic::error(
        File::AppJson,
        position,
        format!("this is not an app.json: {message}"),
    )
}

impl<'de> Deserialize<'de> for EnvWish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            description: Option<String>,
            value: Option<String>,
            required: Option<bool>,
            generator: Option<Generator>,
        }
        let fields = deserializer.deserialize_any(TextOr::<Fields>::new("a text or an object"))?;
        Ok(match fields {
            Either::Text(value) => Self {
                description: None,
                value: Some(value),
                need: Need::Required,
                generator: None,
            },
            Either::Object(fields) => Self {
                description: fields.description,
                value: fields.value,
                need: if fields.required == Some(false) {
                    Need::Optional
                } else {
                    Need::Required
                },
                generator: fields.generator,
            },
        })
    }
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            command: String,
        }
        let fields = deserializer.deserialize_any(TextOr::<Fields>::new(
            "a command or an object with `command`",
        ))?;
        Ok(match fields {
            Either::Text(command) => Self(command),
            Either::Object(fields) => Self(fields.command),
        })
    }
}

enum Either<T> {
    Text(String),
    Object(T),
}

/// Reads a text or an object. Not an untagged enum: that buffers, and loses the place and the cause of an error.
struct TextOr<T> {
    expected: &'static str,
    object: std::marker::PhantomData<T>,
}

impl<T> TextOr<T> {
    fn new(expected: &'static str) -> Self {
        let object = std::marker::PhantomData;
        Self { expected, object }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOr<T> {
    type Value = Either<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Either::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Either::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_that_heroku_documents_are_read_and_others_are_skipped() {
        let app = AppJson::parse(
            r#"{
              "name": "Small Shop", "keywords": ["shop"], "addons": ["heroku-postgresql"], "stack": "heroku-24",
              "env": {
                "LANG": "C.UTF-8",
                "SECRET": { "generator": "secret", "description": "for cookies" },
                "HOST": { "required": false, "value": "localhost" }
              },
              "formation": { "web": { "quantity": 1, "size": "basic" } },
              "scripts": { "postdeploy": "rake db:seed", "test": { "command": "rake" } },
              "buildpacks": [{ "url": "heroku/ruby" }]
            }"#,
        )
        .expect("accepted")
        .value;
        assert_eq!(app.name.as_deref(), Some("Small Shop"));
        assert_eq!(app.env["LANG"].value.as_deref(), Some("C.UTF-8"));
        assert_eq!(app.env["SECRET"].generator, Some(Generator::Secret));
        assert_eq!(
            (app.env["SECRET"].need, app.env["HOST"].need),
            (Need::Required, Need::Optional)
        );
        assert_eq!(app.formation["web"].quantity, Some(1));
        assert_eq!(app.scripts["postdeploy"].0, "rake db:seed");
        assert_eq!(app.scripts["test"].0, "rake");
        assert_eq!(app.buildpacks[0].url, "heroku/ruby");
    }

    #[test]
    fn errors_have_a_place() {
        let rows = [
            (
                "{\n \"env\": { \"A\": 5 }\n}",
                "app.json:2:16: error: this is not an app.json: invalid type: integer `5`",
            ),
            (
                "{\n \"だ\": [,] }",
                "app.json:2:8: error: this is not an app.json: expected value",
            ),
            (
                "",
                "app.json:1:1: error: this is not an app.json: EOF while parsing a value",
            ),
        ];
        for (text, expected) in rows {
            let error = AppJson::parse(text).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        assert!(AppJson::parse(&format!("{{\"x\": {}", "[".repeat(100_000))).is_err());
    }
}
