//! Text to commands. Words are read in `words`.

use std::rc::Rc;

use super::ast::{Command, Simple, Until, Word};

/// Commands inside commands: no real script comes near, and the parser recurses.
const MAX_DEPTH: usize = 60;

/// Where a script leaves the grammar that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(in super::super) struct ParseError {
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

pub(super) type Parsed<T> = Result<T, ParseError>;

/// Reads a whole script.
pub(in super::super) fn parse(text: &str) -> Parsed<Command> {
    let mut parser = Parser::new(text);
    let script = parser.list(&[])?;
    match parser.peek() {
        None => Ok(script),
        Some(_) => parser.fail("a word that ends nothing"),
    }
}

/// A place in a script.
pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    /// The newline after which here-documents begin, and where they end.
    pub(super) here: Option<(usize, usize)>,
    pub(super) depth: usize,
}

const RESERVED: [&str; 14] = [
    "if", "then", "elif", "else", "fi", "do", "done", "case", "esac", "while", "until", "for", "{",
    "}",
];

impl Parser {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            here: None,
            depth: 0,
        }
    }

    pub(super) fn fail<T>(&self, problem: &'static str) -> Parsed<T> {
        Err(ParseError {
            line: self.line(),
            problem,
        })
    }

    fn line(&self) -> usize {
        1 + self.chars[..self.at.min(self.chars.len())]
            .iter()
            .filter(|&&c| c == '\n')
            .count()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(i, c)| self.peek_at(i) == Some(c))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// Counts a level of nesting; the caller takes it back.
    pub(super) fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail("nested too deeply");
        }
        Ok(())
    }

    /// Blanks, continued lines and a comment; not the newline.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            if self.take("\\\n") {
                continue;
            }
            match self.peek() {
                Some(' ' | '\t') => self.at += 1,
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// One newline, with the here-documents that begin after it.
    fn newline(&mut self) -> bool {
        if self.peek() != Some('\n') {
            return false;
        }
        match self.here.take() {
            Some((newline, end)) if newline == self.at => self.at = end,
            other => {
                self.here = other;
                self.at += 1;
            }
        }
        true
    }

    fn skip_newlines(&mut self) {
        loop {
            self.skip_blanks();
            if !self.newline() {
                return;
            }
        }
    }

    /// The reserved word or name that stands here, unquoted.
    fn peek_name(&self) -> String {
        self.chars[self.at.min(self.chars.len())..]
            .iter()
            .take_while(|c| {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '}' | '!' | '-' | '.' | '+')
            })
            .collect()
    }

    fn take_reserved(&mut self, word: &str) -> bool {
        let found = self.peek_name() == word
            && self.peek_at(word.chars().count()).is_none_or(|c| {
                matches!(
                    c,
                    ' ' | '\t' | '\n' | ';' | ')' | '(' | '&' | '|' | '<' | '>' | '#'
                )
            });
        if found {
            self.at += word.chars().count();
        }
        found
    }

    fn expect(&mut self, word: &'static str) -> Parsed<()> {
        self.skip_newlines();
        if self.take_reserved(word) {
            return Ok(());
        }
        self.fail("a compound command that does not end")
    }

    fn ends_list(&self, ends: &[&str]) -> bool {
        match self.peek() {
            None | Some(')') => true,
            Some(';') => self.peek_at(1) == Some(';'),
            _ => ends.contains(&self.peek_name().as_str()),
        }
    }

    /// Commands up to one of the reserved words, `)`, `;;` or the end.
    pub(super) fn list(&mut self, ends: &[&str]) -> Parsed<Command> {
        self.enter()?;
        let mut commands = Vec::new();
        loop {
            self.skip_newlines();
            if self.ends_list(ends) {
                break;
            }
            commands.push(self.and_or()?);
            self.skip_blanks();
            match self.peek() {
                Some(';') if self.peek_at(1) != Some(';') => self.at += 1,
                Some('\n' | ';' | ')') | None => {}
                Some('&') => return self.fail("a background job"),
                _ => return self.fail("a word where a command should end"),
            }
        }
        self.depth -= 1;
        Ok(Command::Sequence(commands))
    }

    fn and_or(&mut self) -> Parsed<Command> {
        let mut left = self.pipeline()?;
        loop {
            self.skip_blanks();
            let and = self.starts_with("&&");
            if !and && !self.starts_with("||") {
                return Ok(left);
            }
            self.at += 2;
            self.skip_newlines();
            let right = Box::new(self.pipeline()?);
            left = if and {
                Command::And(Box::new(left), right)
            } else {
                Command::Or(Box::new(left), right)
            };
        }
    }

    fn pipeline(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        if self.take_reserved("!") {
            self.enter()?;
            let inner = self.pipeline()?;
            self.depth -= 1;
            return Ok(Command::Not(Box::new(inner)));
        }
        let mut stages = vec![self.command()?];
        loop {
            self.skip_blanks();
            if self.peek() != Some('|') || self.peek_at(1) == Some('|') {
                break;
            }
            self.at += 1;
            self.skip_newlines();
            stages.push(self.command()?);
        }
        match stages.len() {
            1 => Ok(stages.remove(0)),
            _ => Ok(Command::Pipe(stages)),
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        let Some(compound) = self.compound()? else {
            return self.simple();
        };
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        if redirects.is_empty() {
            return Ok(compound);
        }
        Ok(Command::Redirected(Box::new(compound), redirects))
    }

    fn compound(&mut self) -> Parsed<Option<Command>> {
        if self.take("(") {
            let body = self.list(&[])?;
            if !self.take(")") {
                return self.fail("a `(` that does not end");
            }
            return Ok(Some(Command::Subshell(Box::new(body))));
        }
        let word = self.peek_name();
        if !RESERVED.contains(&word.as_str()) || !self.take_reserved(&word) {
            return Ok(None);
        }
        let command = match word.as_str() {
            "{" => {
                let body = self.list(&["}"])?;
                self.expect("}")?;
                body
            }
            "if" => self.conditional()?,
            "for" => self.for_loop()?,
            "while" => self.loop_until(Until::Fails)?,
            "until" => self.loop_until(Until::Succeeds)?,
            "case" => self.case()?,
            _ => return self.fail("a reserved word out of place"),
        };
        Ok(Some(command))
    }

    fn conditional(&mut self) -> Parsed<Command> {
        let mut arms = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            let body = self.list(&["elif", "else", "fi"])?;
            arms.push((condition, body));
            if !self.take_reserved("elif") {
                break;
            }
        }
        let otherwise = if self.take_reserved("else") {
            Some(Box::new(self.list(&["fi"])?))
        } else {
            None
        };
        self.expect("fi")?;
        Ok(Command::If { arms, otherwise })
    }

    fn do_group(&mut self) -> Parsed<Box<Command>> {
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(Box::new(body))
    }

    fn loop_until(&mut self, until: Until) -> Parsed<Command> {
        let condition = Box::new(self.list(&["do"])?);
        let body = self.do_group()?;
        Ok(Command::Loop {
            until,
            condition,
            body,
        })
    }

    fn for_loop(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        let name = self.peek_name();
        self.at += name.chars().count();
        self.skip_newlines();
        let words = if self.take_reserved("in") {
            let mut words = Vec::new();
            loop {
                self.skip_blanks();
                match self.word()? {
                    Some(word) => words.push(word),
                    None => break,
                }
            }
            Some(words)
        } else {
            None
        };
        self.skip_blanks();
        self.take(";");
        let body = self.do_group()?;
        Ok(Command::For { name, words, body })
    }

    fn case(&mut self) -> Parsed<Command> {
        self.skip_blanks();
        let Some(subject) = self.word()? else {
            return self.fail("a `case` without a word");
        };
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines();
            if self.take_reserved("esac") {
                return Ok(Command::Case { subject, arms });
            }
            let patterns = self.case_patterns()?;
            let body = self.list(&["esac"])?;
            arms.push((patterns, body));
            self.take(";;");
        }
    }

    fn case_patterns(&mut self) -> Parsed<Vec<Word>> {
        self.take("(");
        let mut patterns = Vec::new();
        loop {
            self.skip_blanks();
            match self.word()? {
                Some(pattern) => patterns.push(pattern),
                None => return self.fail("a `case` arm without a pattern"),
            }
            self.skip_blanks();
            if self.take(")") {
                return Ok(patterns);
            }
            if !self.take("|") {
                return self.fail("a `case` pattern that does not end");
            }
        }
    }

    fn simple(&mut self) -> Parsed<Command> {
        let mut simple = Simple {
            line: self.line(),
            ..Simple::default()
        };
        loop {
            self.skip_blanks();
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
            } else if let Some(assignment) = self.assignment(&simple)? {
                simple.assignments.push(assignment);
            } else if let Some(word) = self.word()? {
                simple.words.push(word);
            } else {
                break;
            }
            if let Some(function) = self.function(&simple)? {
                return Ok(function);
            }
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && simple.redirects.is_empty() {
            return self.fail("no command where one should stand");
        }
        Ok(Command::Simple(simple))
    }

    fn assignment(&mut self, simple: &Simple) -> Parsed<Option<(String, Word)>> {
        if !simple.words.is_empty() {
            return Ok(None);
        }
        let rest = &self.chars[self.at.min(self.chars.len())..];
        let name: String = rest
            .iter()
            .take_while(|c| c.is_ascii_alphanumeric() || **c == '_')
            .collect();
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts_well || rest.get(name.len()) != Some(&'=') {
            return Ok(None);
        }
        self.at += name.len() + 1;
        let value = self.word()?.unwrap_or_default();
        Ok(Some((name, value)))
    }

    fn function(&mut self, simple: &Simple) -> Parsed<Option<Command>> {
        let [word] = simple.words.as_slice() else {
            return Ok(None);
        };
        let (Some(name), true) = (word.bare(), simple.assignments.is_empty()) else {
            return Ok(None);
        };
        let name = name.to_owned();
        let start = self.at;
        self.skip_blanks();
        if !self.take("(") {
            self.at = start;
            return Ok(None);
        }
        self.skip_blanks();
        if !self.take(")") {
            return self.fail("a `(` in a command");
        }
        self.skip_newlines();
        let body = Rc::new(self.command()?);
        Ok(Some(Command::Function { name, body }))
    }
}
