//! Words, quotes and expansions (POSIX.1-2017, Shell Command Language, 2.2 and 2.6).

use std::rc::Rc;

use super::ast::{Empty, Operation, Part, Quoting, Trim, Word};
use super::parse::{Parsed, Parser};

impl Word {
    /// The text of a word without quotes or expansions.
    pub(super) fn bare(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Bare(text)] => Some(text),
            _ => None,
        }
    }

    pub(super) fn quoted(text: String) -> Self {
        Self(vec![Part::Quoted(text)])
    }

    /// A here-document's delimiter, and whether it was quoted.
    pub(super) fn as_delimiter(&self) -> Option<(String, bool)> {
        let mut text = String::new();
        let mut quoted = false;
        for part in &self.0 {
            match part {
                Part::Bare(bare) => text.push_str(bare),
                Part::Quoted(inner) => {
                    quoted = true;
                    text.push_str(inner);
                }
                _ => return None,
            }
        }
        Some((text, quoted))
    }

    fn push_bare(&mut self, c: char) {
        if let Some(Part::Bare(text)) = self.0.last_mut() {
            text.push(c);
        } else {
            self.0.push(Part::Bare(c.to_string()));
        }
    }

    fn push_quoted(&mut self, c: char) {
        if let Some(Part::Quoted(text)) = self.0.last_mut() {
            text.push(c);
        } else {
            self.0.push(Part::Quoted(c.to_string()));
        }
    }
}

impl Parser {
    /// The word that begins here, if one does.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let start = self.at;
        let word = self.word_until(|c| {
            matches!(
                c,
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')'
            )
        })?;
        Ok((self.at > start).then_some(word))
    }

    fn word_until(&mut self, ends: impl Fn(char) -> bool) -> Parsed<Word> {
        let mut word = Word::default();
        while let Some(c) = self.peek() {
            if ends(c) {
                break;
            }
            match c {
                '\'' => self.single_quoted(&mut word)?,
                '"' => {
                    self.at += 1;
                    word.0.push(Part::Quoted(String::new()));
                    self.double_quoted(&mut word, Some('"'))?;
                }
                '\\' => self.escaped(&mut word),
                '$' | '`' => self.expansion(&mut word, Quoting::None)?,
                _ => {
                    self.at += 1;
                    word.push_bare(c);
                }
            }
        }
        Ok(word)
    }

    fn single_quoted(&mut self, word: &mut Word) -> Parsed<()> {
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == '\'' {
                word.0.push(Part::Quoted(text));
                return Ok(());
            }
            text.push(c);
        }
        self.fail("a quote that does not end")
    }

    fn escaped(&mut self, word: &mut Word) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(c) => {
                self.at += 1;
                word.push_quoted(c);
            }
            None => word.push_bare('\\'),
        }
    }

    /// Text up to `end` (`None`: the end of the input) in which only `$`, backquote and backslash are special.
    fn double_quoted(&mut self, word: &mut Word, end: Option<char>) -> Parsed<()> {
        loop {
            let Some(c) = self.peek() else {
                return match end {
                    None => Ok(()),
                    Some(_) => self.fail("a quote that does not end"),
                };
            };
            if Some(c) == end {
                self.at += 1;
                return Ok(());
            }
            match (c, self.peek_at(1)) {
                ('\\', Some('\n')) => self.at += 2,
                ('\\', Some(next)) if matches!(next, '$' | '`' | '\\') || Some(next) == end => {
                    self.at += 2;
                    word.push_quoted(next);
                }
                ('$' | '`', _) => self.expansion(word, Quoting::Double)?,
                _ => {
                    self.at += 1;
                    word.push_quoted(c);
                }
            }
        }
    }

    /// The whole input as a here-document's text.
    pub(super) fn here_text(&mut self) -> Parsed<Word> {
        let mut word = Word::quoted(String::new());
        self.double_quoted(&mut word, None)?;
        Ok(word)
    }

    fn expansion(&mut self, word: &mut Word, quoting: Quoting) -> Parsed<()> {
        self.enter()?;
        let part = if self.take("`") {
            self.backquoted(quoting)?
        } else if self.take("$((") {
            self.arithmetic(quoting)?
        } else if self.take("$(") {
            let command = self.list(&[])?;
            if !self.take(")") {
                return self.fail("a `$(` that does not end");
            }
            Part::Substitution {
                command: Rc::new(command),
                quoting,
            }
        } else if self.take("${") {
            self.braced(quoting)?
        } else {
            self.plain_parameter(quoting)
        };
        self.depth -= 1;
        word.0.push(part);
        Ok(())
    }

    fn backquoted(&mut self, quoting: Quoting) -> Parsed<Part> {
        let mut text = String::new();
        loop {
            match (self.peek(), self.peek_at(1)) {
                (None, _) => return self.fail("a backquote that does not end"),
                (Some('`'), _) => break,
                (Some('\\'), Some(next @ ('`' | '\\' | '$'))) => {
                    self.at += 2;
                    text.push(next);
                }
                (Some('\\'), Some('"')) if quoting == Quoting::Double => {
                    self.at += 2;
                    text.push('"');
                }
                (Some(c), _) => {
                    self.at += 1;
                    text.push(c);
                }
            }
        }
        self.at += 1;
        let mut inner = Parser::new(&text);
        inner.depth = self.depth;
        let command = inner.list(&[])?;
        if inner.peek().is_some() {
            return self.fail("a word that ends nothing in backquotes");
        }
        Ok(Part::Substitution {
            command: Rc::new(command),
            quoting,
        })
    }

    fn arithmetic(&mut self, quoting: Quoting) -> Parsed<Part> {
        let mut expression = Word::default();
        let mut open = 0_usize;
        while let Some(c) = self.peek() {
            if open == 0 && self.take("))") {
                return Ok(Part::Arithmetic {
                    expression,
                    quoting,
                });
            }
            match c {
                '$' | '`' => {
                    self.expansion(&mut expression, Quoting::Double)?;
                    continue;
                }
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' => break,
                _ => {}
            }
            self.at += 1;
            expression.push_quoted(c);
        }
        self.fail("a `$((` that does not end")
    }

    fn parameter_name(&mut self) -> Option<String> {
        let first = self.peek()?;
        if matches!(first, '@' | '*' | '#' | '?' | '-' | '$' | '!' | '0'..='9') {
            self.at += 1;
            return Some(first.to_string());
        }
        let mut name = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
            self.at += 1;
        }
        (!name.is_empty()).then_some(name)
    }

    fn plain_parameter(&mut self, quoting: Quoting) -> Part {
        self.at += 1;
        match self.parameter_name() {
            Some(name) => Part::Parameter {
                name,
                operation: Operation::Plain,
                quoting,
            },
            None => Part::Quoted("$".to_owned()),
        }
    }

    fn braced(&mut self, quoting: Quoting) -> Parsed<Part> {
        let length = self.peek() == Some('#') && self.peek_at(1) != Some('}');
        if length {
            self.at += 1;
        }
        let Some(name) = self.parameter_name() else {
            return self.fail("a parameter without a name");
        };
        let operation = if length {
            Operation::Length
        } else {
            self.operation(quoting)?
        };
        if !self.take("}") {
            return self.fail("a `${` with an operation that is not known");
        }
        Ok(Part::Parameter {
            name,
            operation,
            quoting,
        })
    }

    fn operation(&mut self, quoting: Quoting) -> Parsed<Operation> {
        let trims = [
            ("##", Trim::LongPrefix),
            ("#", Trim::ShortPrefix),
            ("%%", Trim::LongSuffix),
            ("%", Trim::ShortSuffix),
        ];
        for (sign, trim) in trims {
            if self.take(sign) {
                return Ok(Operation::Trim(trim, self.operand(Quoting::None)?));
            }
        }
        let empty = if self.take(":") {
            Empty::IsUnset
        } else {
            Empty::IsSet
        };
        match self.peek() {
            Some(sign @ ('-' | '=' | '+' | '?')) => {
                self.at += 1;
                Ok(Operation::Conditional(sign, empty, self.operand(quoting)?))
            }
            _ => Ok(Operation::Plain),
        }
    }

    fn operand(&mut self, quoting: Quoting) -> Parsed<Word> {
        if quoting == Quoting::None {
            return self.word_until(|c| c == '}');
        }
        let mut word = Word::quoted(String::new());
        while let Some(c) = self.peek().filter(|c| *c != '}') {
            match (c, self.peek_at(1)) {
                ('$' | '`', _) => self.expansion(&mut word, Quoting::Double)?,
                ('"', _) => {
                    self.at += 1;
                    self.double_quoted(&mut word, Some('"'))?;
                }
                ('\\', Some(next @ ('$' | '`' | '\\' | '"' | '}'))) => {
                    self.at += 2;
                    word.push_quoted(next);
                }
                _ => {
                    self.at += 1;
                    word.push_quoted(c);
                }
            }
        }
        Ok(word)
    }
}
