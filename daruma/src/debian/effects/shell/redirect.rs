//! Redirections (POSIX.1-2017, Shell Command Language, 2.7): reading them, and opening what they name.

use super::ast::{Redirect, RedirectKind, Word};
use super::io::{Input, Sink};
use super::parse::{Parsed, Parser};
use super::run::{Shell, Status, Stop};

impl Shell<'_, '_> {
    pub(super) fn redirected(
        &mut self,
        redirects: &[Redirect],
        body: impl FnOnce(&mut Self) -> Status,
    ) -> Status {
        let saved = (self.state.sinks.clone(), self.state.input.clone());
        let ended = match self.redirect_all(redirects) {
            Ok(()) => body(self),
            // A file that cannot be opened fails the command, not the script.
            Err(Stop::Return(status)) => Ok(status),
            Err(other) => Err(other),
        };
        (self.state.sinks, self.state.input) = saved;
        ended
    }

    pub(super) fn redirect_all(&mut self, redirects: &[Redirect]) -> Result<(), Stop> {
        for redirect in redirects {
            self.redirect(redirect)?;
        }
        Ok(())
    }

    fn redirect(&mut self, redirect: &Redirect) -> Result<(), Stop> {
        match &redirect.kind {
            RedirectKind::Write(word) | RedirectKind::Append(word) => {
                let path = self.text(word)?;
                let append = matches!(redirect.kind, RedirectKind::Append(_));
                let sink = self.open(&path, append)?;
                self.state.sinks.insert(redirect.fd, sink);
            }
            RedirectKind::Here(word) => self.state.input = Input::new(self.text(word)?),
            RedirectKind::Read(word) => {
                let path = self.text(word)?;
                let text = self
                    .machine
                    .text_of(self.resolve(&path).as_deref(), &path)?;
                self.state.input = Input::new(text.ok_or(Stop::Return(1))?);
            }
            RedirectKind::Duplicate(word) => {
                let source = self.text(word)?;
                if source == "-" {
                    self.state.sinks.remove(&redirect.fd);
                } else {
                    let number = source
                        .parse()
                        .map_err(|_| Stop::unknown("a rare redirection"))?;
                    let sink = self.state.sinks.get(&number).cloned();
                    self.state
                        .sinks
                        .insert(redirect.fd, sink.unwrap_or(Sink::Discard));
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, path: &str, append: bool) -> Result<Sink, Stop> {
        if matches!(path, "/dev/null" | "/dev/stderr" | "/dev/tty") {
            return Ok(Sink::Discard);
        }
        let resolved = self.resolve(path).ok_or(Stop::Return(1))?;
        if !append || self.world().lstat(&resolved).is_none() {
            let mode = 0o666 & !self.state.umask;
            self.machine.world.write(&resolved, b"", mode);
        }
        Ok(Sink::File(resolved))
    }
}

impl Parser {
    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        self.skip_blanks();
        let digit = self.peek().and_then(|c| c.to_digit(10));
        let sign_at = usize::from(digit.is_some());
        let Some(sign @ ('<' | '>')) = self.peek_at(sign_at) else {
            return Ok(None);
        };
        self.at += sign_at + 1;
        let fd = digit.unwrap_or(u32::from(sign == '>'));
        let kind = match (sign, self.peek()) {
            ('<', Some('<')) => {
                self.at += 1;
                RedirectKind::Here(self.here_document()?)
            }
            ('>', Some('>')) => {
                self.at += 1;
                RedirectKind::Append(self.target()?)
            }
            (_, Some('&')) => {
                self.at += 1;
                RedirectKind::Duplicate(self.target()?)
            }
            ('>', Some('|')) | ('<', Some('>')) => return self.fail("a rare redirection"),
            ('>', _) => RedirectKind::Write(self.target()?),
            _ => RedirectKind::Read(self.target()?),
        };
        Ok(Some(Redirect { fd, kind }))
    }

    fn target(&mut self) -> Parsed<Word> {
        self.skip_blanks();
        match self.word()? {
            Some(word) => Ok(word),
            None => self.fail("a redirection to nowhere"),
        }
    }

    fn here_document(&mut self) -> Parsed<Word> {
        let strip_tabs = self.take("-");
        let delimiter = self.target()?;
        let Some((end, literal)) = delimiter.as_delimiter() else {
            return self.fail("a here-document whose end is computed");
        };
        let newline = (self.at..self.chars.len()).find(|&i| self.chars[i] == '\n');
        let Some(newline) = newline else {
            return self.fail("a here-document that does not end");
        };
        let start = match self.here {
            Some((known, end)) if known == newline => end,
            _ => newline + 1,
        };
        let (text, after) = self.here_body(start, &end, strip_tabs)?;
        self.here = Some((newline, after));
        if literal {
            return Ok(Word::quoted(text));
        }
        let mut inner = Parser::new(&text);
        inner.depth = self.depth;
        inner.enter()?;
        inner.here_text()
    }

    fn here_body(&self, start: usize, end: &str, strip_tabs: bool) -> Parsed<(String, usize)> {
        let mut text = String::new();
        let mut at = start;
        while at < self.chars.len() {
            let line: String = self.chars[at..]
                .iter()
                .take_while(|c| **c != '\n')
                .collect();
            at += line.chars().count() + 1;
            let line = if strip_tabs {
                line.trim_start_matches('\t')
            } else {
                &line
            };
            if line == end {
                return Ok((text, at.min(self.chars.len())));
            }
            text.push_str(line);
            text.push('\n');
        }
        self.fail("a here-document that does not end")
    }
}
