//! `test` and `[`.

use std::cmp::Ordering;

use super::stat;
use crate::debian::effects::input::{Kind, Stat};
use crate::debian::effects::shell::{Shell, Status, Stop};
use crate::debian::effects::world::Follow;

/// Parentheses and negations inside one another.
const MAX_DEPTH: usize = 20;

pub(super) fn test(shell: &mut Shell<'_, '_>, arguments: &[String]) -> Status {
    let arguments = match arguments {
        [inner @ .., last] if last == "]" => inner,
        other => other,
    };
    if arguments.is_empty() {
        return Ok(1);
    }
    let mut reader = Reader {
        shell,
        words: arguments,
        depth: 0,
    };
    let holds = reader.or()?;
    if !reader.words.is_empty() {
        return Err(Stop::unknown("a test that is not known"));
    }
    Ok(i32::from(!holds))
}

struct Reader<'r, 's, 'w, 'a> {
    shell: &'s Shell<'w, 'a>,
    words: &'r [String],
    depth: usize,
}

impl Reader<'_, '_, '_, '_> {
    fn take(&mut self, word: &str) -> bool {
        match self.words {
            [first, rest @ ..] if first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn or(&mut self) -> Result<bool, Stop> {
        let mut holds = self.and()?;
        while self.take("-o") {
            holds |= self.and()?;
        }
        Ok(holds)
    }

    fn and(&mut self) -> Result<bool, Stop> {
        let mut holds = self.primary()?;
        while self.take("-a") {
            holds &= self.primary()?;
        }
        Ok(holds)
    }

    fn primary(&mut self) -> Result<bool, Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::unknown("a test nested too deeply"));
        }
        let holds = self.any()?;
        self.depth -= 1;
        Ok(holds)
    }

    fn any(&mut self) -> Result<bool, Stop> {
        match self.words {
            [left, operator, right, rest @ ..] if is_binary(operator) => {
                self.words = rest;
                binary(left, operator, right)
            }
            [not, _, ..] if not == "!" => {
                self.take("!");
                self.primary().map(|holds| !holds)
            }
            [open, _, ..] if open == "(" => {
                self.take("(");
                let holds = self.or()?;
                if self.take(")") {
                    Ok(holds)
                } else {
                    Err(Stop::unknown("a test that does not end"))
                }
            }
            [operator, operand, rest @ ..] if operator.len() == 2 && operator.starts_with('-') => {
                let holds = self.unary(operator, operand)?;
                self.words = rest;
                Ok(holds)
            }
            [word, rest @ ..] => {
                let holds = !word.is_empty();
                self.words = rest;
                Ok(holds)
            }
            [] => Err(Stop::unknown("a test without an operand")),
        }
    }

    fn unary(&self, operator: &str, operand: &str) -> Result<bool, Stop> {
        let followed = || stat(self.shell, operand, Follow::Yes);
        let is = |kind: Kind| followed().is_some_and(|stat| stat.kind == kind);
        let mode = |bits: u32| followed().is_some_and(|stat: Stat| stat.mode & bits != 0);
        Ok(match operator {
            "-n" => !operand.is_empty(),
            "-z" => operand.is_empty(),
            "-e" | "-r" | "-w" => special(operand) || followed().is_some(),
            "-f" => is(Kind::File),
            "-d" => is(Kind::Dir),
            "-x" => mode(0o111),
            "-h" | "-L" => matches!(
                stat(self.shell, operand, Follow::No).map(|stat| stat.kind),
                Some(Kind::Symlink(_))
            ),
            "-s" => {
                let path = self.shell.resolve(operand);
                let data = path.and_then(|path| self.shell.world().read(&path));
                data.is_some_and(|data| !data.is_empty()) || is(Kind::Dir)
            }
            "-u" => mode(0o4000),
            "-g" => mode(0o2000),
            // No terminal, socket, pipe or device takes part in a configuration.
            "-t" | "-S" | "-p" | "-b" => false,
            "-c" => special(operand),
            _ => return Err(Stop::unknown(format!("test {operator}"))),
        })
    }
}

fn special(path: &str) -> bool {
    path == "/dev/null"
}

fn is_binary(word: &str) -> bool {
    matches!(
        word,
        "=" | "==" | "!=" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot" | "-ef"
    )
}

fn binary(left: &str, operator: &str, right: &str) -> Result<bool, Stop> {
    let numbers = || -> Result<Ordering, Stop> {
        let number = |text: &str| {
            text.trim()
                .parse::<i64>()
                .map_err(|_| Stop::unknown("a number that is none"))
        };
        Ok(number(left)?.cmp(&number(right)?))
    };
    Ok(match operator {
        "=" | "==" => left == right,
        "!=" => left != right,
        "-eq" => numbers()?.is_eq(),
        "-ne" => numbers()?.is_ne(),
        "-lt" => numbers()?.is_lt(),
        "-le" => numbers()?.is_le(),
        "-gt" => numbers()?.is_gt(),
        "-ge" => numbers()?.is_ge(),
        _ => return Err(Stop::unknown(format!("test {operator}"))),
    })
}
