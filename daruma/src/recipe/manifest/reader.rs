//! Reads typed values out of a TOML document and reports every problem with its place.
//!
//! Not serde: it stops at the first problem, knows no place of a key, and cannot name the key that was meant.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::advice::advice;
use super::schema::names_in;
use crate::recipe::diagnostic::{Diagnostic, Report};
use crate::recipe::position::At;
use crate::recipe::text::Source;

/// A table of the document, or one that it does not have.
pub(super) struct Table<'a> {
    /// Its name as the user wrote it, e.g. `process.web`; empty for the document.
    path: String,
    /// Its name in the schema, e.g. `process.*`.
    schema: String,
    entries: Option<&'a DeTable<'a>>,
}

/// A key with its value and place.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) path: String,
    pub(super) key_span: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl Field<'_> {
    /// Where the value stands.
    pub(super) fn value_span(&self) -> Range<usize> {
        self.value.span()
    }
}

/// What a value may be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Texts,
    TextOrTexts,
    Flag,
    Table,
}

impl Kind {
    /// What it is called, and how it is written.
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("a text", "put it in quotes: `\"…\"`"),
            Self::Texts => ("a list of texts", "put it in brackets: `[\"…\", \"…\"]`"),
            Self::TextOrTexts => (
                "a text or a list of texts",
                "write `\"…\"` or `[\"…\", \"…\"]`",
            ),
            Self::Flag => ("`true` or `false`", "write the word without quotes"),
            Self::Table => (
                "a table",
                "write its name as `[…]` on a line of its own, and its keys below",
            ),
        }
    }
}

/// Values that are one of a few words.
pub(super) trait Choice: Copy + 'static {
    /// Each word and what it stands for.
    const WORDS: &'static [(&'static str, Self)];
}

impl<'a> Table<'a> {
    /// The whole document.
    pub(super) fn document(entries: &'a DeTable<'a>) -> Self {
        Self {
            path: String::new(),
            schema: String::new(),
            entries: Some(entries),
        }
    }

    /// The entry called `name`.
    pub(super) fn field(&self, name: &str) -> Option<Field<'a>> {
        let (key, value) = self.entries?.get_key_value(name)?;
        Some(self.as_field(key, value))
    }

    /// All entries.
    pub(super) fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        let entries = self.entries.into_iter().flatten();
        entries.map(|(key, value)| self.as_field(key, value))
    }

    fn as_field(
        &self,
        key: &'a Spanned<DeString<'a>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Field<'a> {
        Field {
            name: key.get_ref(),
            path: joined(&self.path, key.get_ref()),
            key_span: key.span(),
            value,
        }
    }
}

fn joined(table: &str, name: &str) -> String {
    match table {
        "" => name.to_owned(),
        _ => format!("{table}.{name}"),
    }
}

/// Reads fields; what cannot be read is reported and absent.
pub(super) struct Reader<'r> {
    pub(super) source: &'r Source<'r>,
    pub(super) report: &'r mut Report,
}

impl Reader<'_> {
    /// The table called `name` in `parent`, its unknown keys reported.
    pub(super) fn table<'a>(&mut self, parent: &Table<'a>, name: &str) -> Table<'a> {
        let field = parent.field(name);
        let entries = field.as_ref().and_then(|field| self.entries(field));
        let table = Table {
            path: joined(&parent.path, name),
            schema: joined(&parent.schema, name),
            entries,
        };
        self.refuse_unknown(&table);
        table
    }

    /// The tables in `parent` whose names the user chose.
    pub(super) fn chosen_tables<'a>(&mut self, parent: &Table<'a>) -> Vec<(Field<'a>, Table<'a>)> {
        let mut tables = Vec::new();
        for field in parent.fields() {
            let table = Table {
                path: field.path.clone(),
                schema: joined(&parent.schema, "*"),
                entries: self.entries(&field),
            };
            self.refuse_unknown(&table);
            tables.push((field, table));
        }
        tables
    }

    fn entries<'a>(&mut self, field: &Field<'a>) -> Option<&'a DeTable<'a>> {
        let entries = field.value.get_ref().as_table();
        if entries.is_none() {
            self.wrong_type(&field.path, Kind::Table, field.value);
        }
        entries
    }

    /// Reports each key of `table` that the schema does not have.
    pub(super) fn refuse_unknown(&mut self, table: &Table<'_>) {
        let known = names_in(&table.schema);
        if known.contains(&"*") {
            return;
        }
        for field in table.fields().filter(|field| !known.contains(&field.name)) {
            let message = format!("unknown key `{}`", field.path);
            self.error(field.key_span, message, advice(field.name, &known));
        }
    }

    pub(super) fn text(&mut self, table: &Table<'_>, name: &str) -> Option<At<String>> {
        let field = table.field(name)?;
        self.field_text(&field)
    }

    /// The field's text, which may not be empty.
    pub(super) fn field_text(&mut self, field: &Field<'_>) -> Option<At<String>> {
        let text = self.value_text(&field.path, field.value)?;
        if text.value.is_empty() {
            let message = format!("`{}` is empty", field.path);
            self.error(
                field.value.span(),
                message,
                "write a value, or remove the key",
            );
            return None;
        }
        Some(text)
    }

    /// The field's text, which may be empty.
    pub(super) fn field_any_text(&mut self, field: &Field<'_>) -> Option<At<String>> {
        self.value_text(&field.path, field.value)
    }

    /// A list of texts; absent and empty are the same.
    pub(super) fn texts(&mut self, table: &Table<'_>, name: &str) -> Vec<At<String>> {
        let Some(field) = table.field(name) else {
            return Vec::new();
        };
        self.list(&field, Kind::Texts).unwrap_or_default()
    }

    /// One text, or a list of texts.
    pub(super) fn text_or_texts(
        &mut self,
        table: &Table<'_>,
        name: &str,
    ) -> Option<Vec<At<String>>> {
        let field = table.field(name)?;
        if field.value.get_ref().is_str() {
            return self.field_text(&field).map(|text| vec![text]);
        }
        self.list(&field, Kind::TextOrTexts)
    }

    fn list(&mut self, field: &Field<'_>, expected: Kind) -> Option<Vec<At<String>>> {
        let Some(items) = field.value.get_ref().as_array() else {
            self.wrong_type(&field.path, expected, field.value);
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            let text = self.value_text(&field.path, item);
            if text.as_ref().is_some_and(|text| text.value.is_empty()) {
                let message = format!("`{}` has an empty text", field.path);
                self.error(item.span(), message, "remove it");
            }
            texts.extend(text);
        }
        Some(texts)
    }

    pub(super) fn flag(&mut self, table: &Table<'_>, name: &str) -> Option<At<bool>> {
        let field = table.field(name)?;
        let flag = field.value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(&field.path, Kind::Flag, field.value);
        }
        flag.map(|value| self.at(field.value, value))
    }

    /// One of the words of `C`.
    pub(super) fn choice<C: Choice>(&mut self, table: &Table<'_>, name: &str) -> Option<At<C>> {
        let field = table.field(name)?;
        let text = self.value_text(&field.path, field.value)?;
        let found = C::WORDS.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let words: Vec<&str> = C::WORDS.iter().map(|&(word, _)| word).collect();
            let message = format!("`{}` cannot be `{}`", field.path, text.value);
            self.error(field.value.span(), message, advice(&text.value, &words));
        }
        found.map(|&(_, value)| text.with(value))
    }

    fn value_text(&mut self, path: &str, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(path, Kind::Text, value);
            return None;
        };
        if text.contains('\0') {
            let message = format!("`{path}` has a NUL character");
            self.error(
                value.span(),
                message,
                "remove it: no command or variable can carry it",
            );
            return None;
        }
        Some(self.at(value, text.to_owned()))
    }

    fn at<T>(&self, place: &Spanned<DeValue<'_>>, value: T) -> At<T> {
        let position = self.source.position(place.span().start);
        At { value, position }
    }

    fn wrong_type(&mut self, path: &str, expected: Kind, value: &Spanned<DeValue<'_>>) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "`true` or `false`",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let (expected, help) = expected.texts();
        self.error(
            value.span(),
            format!("`{path}` must be {expected}, not {found}"),
            help,
        );
    }

    pub(super) fn error(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report
            .add(Diagnostic::framed(self.source, span, message).help(help));
    }
}
