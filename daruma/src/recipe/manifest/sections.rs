//! The tables of `daruma.toml`, from top to bottom.

use std::collections::BTreeMap;
use std::str::FromStr;

use toml::de::DeTable;

use super::reader::{Field, Reader, Table};
use super::{
    Archive, Build, Builder, Compile, EngineChoice, Manifest, ProcessSettings, RoleSource, Runner,
    Start,
};
use crate::recipe::app_name::{AppName, InvalidAppName};
use crate::recipe::diagnostic::{Diagnostic, Report};
use crate::recipe::env_name::EnvName;
use crate::recipe::position::{At, File};
use crate::recipe::process_name::ProcessName;
use crate::recipe::text::Source;

pub(in crate::recipe) fn read(text: &str, report: &mut Report) -> Manifest {
    let source = Source::new(File::Manifest, text);
    match DeTable::parse(source.text) {
        Ok(document) => {
            let mut reader = Reader {
                source: &source,
                report,
            };
            manifest(&mut reader, &Table::document(document.get_ref()))
        }
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            let message = format!("this is not TOML: {}", error.message());
            report.add(Diagnostic::framed(&source, span, message));
            Manifest::default()
        }
    }
}

fn manifest(reader: &mut Reader<'_>, document: &Table<'_>) -> Manifest {
    reader.refuse_unknown(document);
    Manifest {
        name: name(reader, document),
        platforms: reader.texts(document, "platforms"),
        debian: archive(reader, document),
        builder: builder(reader, document),
        runner: runner(reader, document),
        compile: compile(reader, document),
        build: build(reader, document),
        env: env(reader, document),
        versions: versions(reader, document),
        processes: processes(reader, document),
        engine: engine(reader, document),
    }
}

fn name(reader: &mut Reader<'_>, document: &Table<'_>) -> Option<At<AppName>> {
    let field = document.field("name")?;
    let text = reader.field_text(&field)?;
    match text.value.parse() {
        Ok(name) => Some(text.with(name)),
        Err(error) => {
            let error: InvalidAppName = error;
            let help = format!("did you mean `{}`?", error.nearest);
            reader.error(field.value_span(), error.to_string(), help);
            None
        }
    }
}

fn archive(reader: &mut Reader<'_>, document: &Table<'_>) -> Archive {
    let table = reader.table(document, "debian");
    Archive {
        mirror: reader.text(&table, "mirror"),
        security: reader.text(&table, "security"),
        keyring: reader.text(&table, "keyring"),
        snapshot: reader.text(&table, "snapshot"),
        expired: reader.choice(&table, "expired"),
    }
}

fn builder(reader: &mut Reader<'_>, document: &Table<'_>) -> Builder {
    let table = reader.table(document, "builder");
    Builder {
        source: role_source(reader, &table),
        packages: reader.texts(&table, "packages"),
    }
}

fn runner(reader: &mut Reader<'_>, document: &Table<'_>) -> Runner {
    let table = reader.table(document, "runner");
    let source = role_source(reader, &table);
    if !matches!(source, RoleSource::Debian { .. }) {
        refuse(
            reader,
            &table,
            "base",
            "is for a runner of Debian packages, not for `image` or `dockerfile`",
            "remove it",
        );
    }
    Runner {
        source,
        packages: reader.texts(&table, "packages"),
        base: reader.choice(&table, "base"),
        runtime: reader.choice(&table, "runtime"),
    }
}

/// The one source that a role's table names; a second one is an error that names both places.
fn role_source(reader: &mut Reader<'_>, table: &Table<'_>) -> RoleSource {
    let named = ["suite", "image", "dockerfile"].map(|name| table.field(name));
    let mut named: Vec<Field<'_>> = named.into_iter().flatten().collect();
    named.sort_by_key(|field| field.key_span.start);
    if let [first, others @ ..] = &named[..] {
        refuse_others(reader, first, others);
    }
    if table.field("dockerfile").is_none() {
        refuse(
            reader,
            table,
            "target",
            "is a stage of `dockerfile`, which is missing",
            "name the Dockerfile, or remove it",
        );
        refuse(
            reader,
            table,
            "args",
            "is for `dockerfile`, which is missing",
            "name the Dockerfile, or remove it",
        );
    }
    let source = named
        .first()
        .and_then(|field| one_source(reader, table, field));
    source.unwrap_or_default()
}

fn refuse_others(reader: &mut Reader<'_>, first: &Field<'_>, others: &[Field<'_>]) {
    let place = reader.source.position(first.key_span.start);
    for other in others {
        let message = format!(
            "`{}` cannot stand beside `{}` ({}:{place})",
            other.path,
            first.path,
            File::Manifest
        );
        let help = "keep exactly one of `suite`, `image` and `dockerfile`";
        reader.error(other.key_span.clone(), message, help);
    }
}

fn one_source(reader: &mut Reader<'_>, table: &Table<'_>, field: &Field<'_>) -> Option<RoleSource> {
    let text = reader.field_text(field)?;
    Some(match field.name {
        "image" => RoleSource::Image(text),
        "dockerfile" => RoleSource::Dockerfile {
            path: text,
            target: reader.text(table, "target"),
            args: args(reader, table),
        },
        _ => RoleSource::Debian { suite: Some(text) },
    })
}

fn args(reader: &mut Reader<'_>, table: &Table<'_>) -> BTreeMap<String, At<String>> {
    let args = reader.table(table, "args");
    let value = |field: Field<'_>| Some((field.name.to_owned(), reader.field_any_text(&field)?));
    args.fields().filter_map(value).collect()
}

/// Reports the key called `name`, where it stands, as one that cannot.
fn refuse(reader: &mut Reader<'_>, table: &Table<'_>, name: &str, reason: &str, help: &str) {
    if let Some(field) = table.field(name) {
        let message = format!("`{}` {reason}", field.path);
        reader.error(field.key_span, message, help);
    }
}

fn compile(reader: &mut Reader<'_>, document: &Table<'_>) -> Compile {
    let table = reader.table(document, "compile");
    Compile {
        run: reader.text_or_texts(&table, "run"),
        workdir: workdir(reader, &table),
    }
}

fn workdir(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<String>> {
    let field = table.field("workdir")?;
    let text = reader.field_text(&field)?;
    if text.value.starts_with('/') || text.value.split('/').any(|part| part == "..") {
        let message = format!("`{}` leads out of the application", field.path);
        reader.error(
            field.value_span(),
            message,
            "write a path relative to the application's directory",
        );
        return None;
    }
    Some(text)
}

fn build(reader: &mut Reader<'_>, document: &Table<'_>) -> Build {
    let table = reader.table(document, "build");
    Build {
        credentials: reader.texts(&table, "credentials"),
        network: reader.choice(&table, "network"),
    }
}

fn env(reader: &mut Reader<'_>, document: &Table<'_>) -> BTreeMap<EnvName, At<String>> {
    let table = reader.table(document, "env");
    let mut env = BTreeMap::new();
    for field in table.fields() {
        let name: Option<EnvName> = key(reader, &field);
        env.extend(name.zip(reader.field_any_text(&field)));
    }
    env
}

fn versions(reader: &mut Reader<'_>, document: &Table<'_>) -> BTreeMap<String, At<String>> {
    let table = reader.table(document, "versions");
    let value = |field: Field<'_>| Some((field.name.to_owned(), reader.field_text(&field)?));
    table.fields().filter_map(value).collect()
}

fn processes(
    reader: &mut Reader<'_>,
    document: &Table<'_>,
) -> BTreeMap<ProcessName, At<ProcessSettings>> {
    let table = reader.table(document, "process");
    let mut processes = BTreeMap::new();
    for (field, table) in reader.chosen_tables(&table) {
        let name: Option<ProcessName> = key(reader, &field);
        let value = ProcessSettings {
            command: reader.text(&table, "command"),
            start: start(reader, &table),
        };
        let position = reader.source.position(field.key_span.start);
        let settings = At { value, position };
        processes.extend(name.map(|name| (name, settings)));
    }
    processes
}

fn start(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<At<Start>> {
    let flag = reader.flag(table, "start")?;
    Some(flag.with(if flag.value {
        Start::ByDefault
    } else {
        Start::OnRequest
    }))
}

fn engine(reader: &mut Reader<'_>, document: &Table<'_>) -> Option<At<EngineChoice>> {
    let table = reader.table(document, "engine");
    reader.choice(&table, "default")
}

/// The field's key as a name.
fn key<K: FromStr<Err: std::fmt::Display>>(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
) -> Option<K> {
    match field.name.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let message = format!("`{}`: {error}", field.path);
            reader.error(field.key_span.clone(), message, "choose another name");
            None
        }
    }
}
