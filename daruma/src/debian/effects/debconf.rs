//! Debconf as it answers without a user: defaults of the templates, and what `config` scripts set (debconf-devel(7)).

use std::collections::BTreeMap;

use super::input::PackageInput;

/// All questions of all packages.
#[derive(Clone)]
pub(super) struct Debconf(BTreeMap<String, Question>);

#[derive(Clone, Default)]
struct Question {
    value: String,
    fields: BTreeMap<String, String>,
    substitutions: BTreeMap<String, String>,
    flags: BTreeMap<String, String>,
}

impl Debconf {
    /// The questions that the packages' templates define.
    pub(super) fn of(packages: &[PackageInput<'_>]) -> Self {
        let mut questions = BTreeMap::new();
        for package in packages {
            let text = package.control.text("templates").unwrap_or_default();
            for paragraph in text.split("\n\n") {
                let fields = fields(paragraph);
                let Some(name) = fields.get("template").cloned() else {
                    continue;
                };
                let question = Question {
                    value: fields.get("default").cloned().unwrap_or_default(),
                    fields,
                    ..Question::default()
                };
                questions.insert(name, question);
            }
        }
        Self(questions)
    }

    /// Its value; `None` where nobody asks it.
    pub(super) fn get(&self, question: &str) -> Option<String> {
        self.0.get(question).map(|question| question.value.clone())
    }

    /// Sets its value; whether it exists.
    pub(super) fn set(&mut self, question: &str, value: &str) -> bool {
        self.change(question, |question| value.clone_into(&mut question.value))
    }

    /// Puts back its default.
    pub(super) fn reset(&mut self, question: &str) -> bool {
        self.change(question, |question| {
            question.value = question.fields.get("default").cloned().unwrap_or_default();
            question.flags.clear();
        })
    }

    /// A flag, `false` where nobody set it.
    pub(super) fn flag(&self, question: &str, flag: &str) -> Option<String> {
        let question = self.0.get(question)?;
        Some(
            question
                .flags
                .get(flag)
                .map_or("false", String::as_str)
                .to_owned(),
        )
    }

    /// Sets a flag.
    pub(super) fn set_flag(&mut self, question: &str, flag: &str, value: &str) -> bool {
        self.change(question, |question| {
            question.flags.insert(flag.to_owned(), value.to_owned());
        })
    }

    /// Gives `${key}` in its texts a value.
    pub(super) fn substitute(&mut self, question: &str, key: &str, value: &str) -> bool {
        self.change(question, |question| {
            question
                .substitutions
                .insert(key.to_owned(), value.to_owned());
        })
    }

    /// A field of its template, substituted.
    pub(super) fn field(&self, question: &str, field: &str) -> Option<String> {
        let question = self.0.get(question)?;
        let mut text = question.fields.get(&field.to_ascii_lowercase())?.clone();
        for (key, value) in &question.substitutions {
            text = text.replace(&format!("${{{key}}}"), value);
        }
        Some(text)
    }

    fn change(&mut self, question: &str, change: impl FnOnce(&mut Question)) -> bool {
        match self.0.get_mut(question) {
            Some(question) => {
                change(question);
                true
            }
            None => false,
        }
    }
}

/// The fields of a paragraph by lower-case name, translations and continued lines left out.
fn fields(paragraph: &str) -> BTreeMap<String, String> {
    let lines = paragraph
        .lines()
        .filter(|line| !line.starts_with([' ', '\t', '#']));
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect()
}
