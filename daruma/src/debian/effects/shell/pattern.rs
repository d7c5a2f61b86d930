//! Pattern matching (POSIX.1-2017, Shell Command Language, 2.13).

/// A character and whether quotes took its meaning as a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Glyph {
    pub(super) c: char,
    pub(super) quoted: bool,
}

impl Glyph {
    /// Every character of `text`, all quoted or none.
    pub(super) fn all(text: &str, quoted: bool) -> impl Iterator<Item = Self> + '_ {
        text.chars().map(move |c| Self { c, quoted })
    }

    pub(super) fn is(self, c: char) -> bool {
        !self.quoted && self.c == c
    }
}

/// Whether an unquoted pattern given as text matches all of `text`.
pub(in super::super) fn matches(pattern: &str, text: &str) -> bool {
    glyphs_match(&Glyph::all(pattern, false).collect::<Vec<_>>(), text)
}

/// Whether `pattern` matches all of `text`.
pub(super) fn glyphs_match(pattern: &[Glyph], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p).is_some_and(|g| g.is('*')) {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        if let Some(next) = one(pattern, p, text[t]) {
            p = next;
            t += 1;
            continue;
        }
        match star {
            Some((after, from)) => {
                star = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|g| g.is('*'))
}

/// Where the pattern goes on after the element at `p` matched `c`.
fn one(pattern: &[Glyph], p: usize, c: char) -> Option<usize> {
    let glyph = *pattern.get(p)?;
    if glyph.is('?') {
        return Some(p + 1);
    }
    if glyph.is('[')
        && let Some((found, next)) = bracket(pattern, p + 1, c)
    {
        return found.then_some(next);
    }
    (glyph.c == c).then_some(p + 1)
}

/// Whether `c` is in the bracket expression that begins at `p`, and where it ends; `None` where it does not end.
fn bracket(pattern: &[Glyph], mut p: usize, c: char) -> Option<(bool, usize)> {
    let negated = pattern.get(p).is_some_and(|g| g.is('!') || g.is('^'));
    p += usize::from(negated);
    let first = p;
    let mut found = false;
    loop {
        let glyph = pattern.get(p)?;
        if glyph.is(']') && p > first {
            return Some((found != negated, p + 1));
        }
        if glyph.is('[') && pattern.get(p + 1).is_some_and(|g| g.is(':')) {
            let (class, next) = class_name(pattern, p + 2)?;
            found |= in_class(&class, c);
            p = next;
            continue;
        }
        let range = pattern.get(p + 1).is_some_and(|g| g.is('-'));
        if let Some(end) = pattern.get(p + 2).filter(|end| range && !end.is(']')) {
            found |= (glyph.c..=end.c).contains(&c);
            p += 3;
        } else {
            found |= glyph.c == c;
            p += 1;
        }
    }
}

fn class_name(pattern: &[Glyph], start: usize) -> Option<(String, usize)> {
    let length = pattern.get(start..)?.iter().position(|g| g.c == ':')?;
    let name = pattern[start..start + length].iter().map(|g| g.c).collect();
    Some((name, start + length + 2))
}

fn in_class(class: &str, c: char) -> bool {
    match class {
        "alpha" => c.is_ascii_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_ascii_alphanumeric(),
        "space" => c.is_ascii_whitespace(),
        "upper" => c.is_ascii_uppercase(),
        "lower" => c.is_ascii_lowercase(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_sh() {
        let rows = [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("?", "x", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[[:digit:]]*", "7z", true),
            ("[", "[", true),
            ("*.py*", "a.pyc", true),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
