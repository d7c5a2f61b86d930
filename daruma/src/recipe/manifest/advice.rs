//! Which word was meant.

use super::schema::tables_with;

/// The longest word that is compared with the known ones, in bytes: distances cost the product of both lengths.
const MAX_COMPARED: usize = 64;

/// The known word that was probably meant, else the tables that have this key, else all known words.
pub(super) fn advice(given: &str, known: &[&'static str]) -> String {
    if let Some(nearest) = nearest(given, known) {
        return format!("did you mean `{nearest}`?");
    }
    let tables = tables_with(given);
    if !tables.is_empty() {
        let tables: Vec<String> = tables
            .iter()
            .map(|table| format!("[{}]", table.replace('*', "<name>")))
            .collect();
        return format!("this key belongs in {}", tables.join(" or "));
    }
    let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    format!("known here: {}", known.join(", "))
}

fn nearest(given: &str, known: &[&'static str]) -> Option<&'static str> {
    if given.len() > MAX_COMPARED {
        return None;
    }
    let given = given.to_lowercase();
    let distance = |word: &'static str| (strsim::damerau_levenshtein(&given, word), word);
    let (distance, word) = known.iter().map(|word| distance(word)).min()?;
    (distance <= 1 + word.len() / 4).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_only_where_it_is_near() {
        let known = ["mirror", "security", "keyring", "snapshot", "expired"];
        for (given, meant) in [
            ("miror", Some("mirror")),
            ("Mirror", Some("mirror")),
            ("snap_shot", Some("snapshot")),
            ("expires", Some("expired")),
            ("valid", None),
            (&"mirror".repeat(50), None),
        ] {
            assert_eq!(nearest(given, &known), meant, "{given}");
        }
    }
}
