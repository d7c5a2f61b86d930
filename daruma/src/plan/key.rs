//! Keys with named fields: equal keys mean equal work, and two keys that differ can say how.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::image::{Digest, Hasher};

/// Changing how keys are made makes every step stale once; the number then says why.
const FORMAT: &str = "daruma step key 1";

/// The inputs of a step (or of one image of a step).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// In a fixed order.
    pub fields: Vec<Field>,
}

/// One named input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What people call it, e.g. `runner packages`.
    pub label: String,
    /// What it is.
    pub value: Value,
}

/// The value of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// One text, shown as it is.
    Text(String),
    /// The digest of something too large to show.
    Content(ContentDigest),
    /// Named parts; a difference is told part by part.
    Items(BTreeMap<String, String>),
}

/// A digest that stands for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentDigest {
    /// The digest.
    pub digest: Digest,
}

/// One input that differs between two keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which input, e.g. `runner package libpq5`.
    pub what: String,
    /// What it was; `None` where it is new.
    pub old: Option<String>,
    /// What it is; `None` where it is gone.
    pub new: Option<String>,
}

impl Key {
    /// A key without inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// This key with a text as one more input.
    #[must_use]
    pub fn text(self, label: &str, value: impl Into<String>) -> Self {
        self.field(label, Value::Text(value.into()))
    }

    /// This key with the digest of some content as one more input.
    #[must_use]
    pub fn content(self, label: &str, digest: Digest) -> Self {
        self.field(label, Value::Content(ContentDigest { digest }))
    }

    /// This key with named parts as one more input.
    #[must_use]
    pub fn items(self, label: &str, items: BTreeMap<String, String>) -> Self {
        self.field(label, Value::Items(items))
    }

    fn field(mut self, label: &str, value: Value) -> Self {
        self.fields.push(Field {
            label: label.to_owned(),
            value,
        });
        self
    }

    /// The digest that names the work. Every text is length-prefixed, so that no two keys share a spelling.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        let mut put = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        put(FORMAT);
        for Field { label, value } in &self.fields {
            put(label);
            match value {
                Value::Text(text) => put(text),
                Value::Content(content) => put(&content.digest.to_string()),
                Value::Items(items) => {
                    put(&items.len().to_string());
                    for (name, text) in items {
                        put(name);
                        put(text);
                    }
                }
            }
        }
        hasher.finish()
    }

    /// What differs from `old`, in the order of the fields; nothing exactly where the keys are equal.
    pub fn changes_since(&self, old: &Self) -> Vec<Change> {
        let find = |key: &Self, label: &str| {
            key.fields
                .iter()
                .find(|field| field.label == label)
                .map(|field| field.value.clone())
        };
        let mut changes = Vec::new();
        for Field { label, value } in &self.fields {
            compare(label, find(old, label).as_ref(), Some(value), &mut changes);
        }
        for Field { label, value } in &old.fields {
            if find(self, label).is_none() {
                compare(label, Some(value), None, &mut changes);
            }
        }
        changes
    }
}

fn compare(label: &str, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    if let (Some(Value::Items(old)), Some(Value::Items(new))) = (old, new) {
        compare_items(label, old, new, changes);
        return;
    }
    let show = |value: Option<&Value>| value.map(ToString::to_string);
    changes.push(Change {
        what: label.to_owned(),
        old: show(old),
        new: show(new),
    });
}

fn compare_items(
    label: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    changes: &mut Vec<Change>,
) {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
        if old != new {
            changes.push(Change {
                what: format!("{label} {name}"),
                old,
                new,
            });
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Content(content) => f.write_str(&content.digest.short()),
            Self::Items(items) => write!(f, "{} entries", items.len()),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{}: {old} → {new}", self.what),
            (None, Some(new)) if new.is_empty() => write!(f, "{} is new", self.what),
            (None, Some(new)) => write!(f, "{} is new: {new}", self.what),
            (Some(old), None) if old.is_empty() => write!(f, "{} is gone", self.what),
            (Some(old), None) => write!(f, "{} is gone: {old}", self.what),
            (None, None) => f.write_str(&self.what),
        }
    }
}
