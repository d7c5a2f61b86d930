//! Which packages are interested in which triggers (deb-triggers(5)), in dpkg's own files for it.

use std::collections::BTreeMap;

use super::{DatabaseFile, Recorded, info_name};
use crate::debian::ControlFiles;

/// A trigger that a package is interested in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The trigger's name, or an absolute path.
    pub trigger: String,
    /// Whether packages that activate it wait until it has been processed.
    pub awaited: bool,
}

/// The triggers that a package's `triggers` member is interested in, in its order.
pub fn interests(control: &ControlFiles) -> Vec<Interest> {
    let text = control.text("triggers").unwrap_or_default();
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter_map(|line| line.split_once(char::is_whitespace))
        .filter_map(|(directive, trigger)| {
            let awaited = match directive {
                "interest" | "interest-await" => true,
                "interest-noawait" => false,
                _ => return None,
            };
            Some(Interest {
                trigger: trigger.trim().to_owned(),
                awaited,
            })
        })
        .collect()
}

/// `triggers/File` for paths, one file for each other name, and the list of what is pending, which is empty.
pub(super) fn files(packages: &[Recorded<'_>]) -> BTreeMap<String, DatabaseFile> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for package in packages {
        let name = info_name(package.stanza);
        for Interest { trigger, awaited } in interests(package.control) {
            let who = if awaited {
                format!("{name}\n")
            } else {
                format!("{name}/noawait\n")
            };
            if trigger.starts_with('/') {
                *texts.entry("File".to_owned()).or_default() += &[&trigger, " ", &who].concat();
            } else if is_file_name(&trigger) {
                *texts.entry(trigger).or_default() += &who;
            }
        }
    }
    texts.insert("Unincorp".to_owned(), String::new());
    texts
        .into_iter()
        .map(|(name, text)| (format!("triggers/{name}"), DatabaseFile::text(&text)))
        .collect()
}

/// Trigger names become names of files; dpkg's own there start with a capital letter, a trigger's must not be taken for one.
fn is_file_name(trigger: &str) -> bool {
    !matches!(trigger, "File" | "Unincorp" | "Lock")
        && !trigger.starts_with('.')
        && trigger.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
}
