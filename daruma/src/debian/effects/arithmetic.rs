//! `$((…))`: integers, variables, `+ - * / %`, comparisons and parentheses.

/// The value of `expression`, or what is wrong with it.
pub(super) fn evaluate(
    expression: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<i64, &'static str> {
    let mut reader = Reader {
        rest: expression,
        variable,
        depth: 0,
    };
    let value = reader.level(0)?;
    if reader.rest.trim().is_empty() {
        Ok(value)
    } else {
        Err("an operator that is not known")
    }
}

/// Operators from the weakest on; longer spellings first.
const LEVELS: [&[&str]; 4] = [
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];
/// Parentheses inside one another.
const MAX_DEPTH: usize = 20;

struct Reader<'a, V> {
    rest: &'a str,
    variable: V,
    depth: usize,
}

impl<V: Fn(&str) -> Option<String>> Reader<'_, V> {
    fn take(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn level(&mut self, level: usize) -> Result<i64, &'static str> {
        let Some(operators) = LEVELS.get(level) else {
            return self.value();
        };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            let right = self.level(level + 1)?;
            left = apply(operator, left, right).ok_or("a result that is no number")?;
        }
        Ok(left)
    }

    fn value(&mut self) -> Result<i64, &'static str> {
        if self.take("-") {
            return self.value_below(Self::value).map(i64::wrapping_neg);
        }
        if self.take("(") {
            let value = self.value_below(|reader| reader.level(0))?;
            return if self.take(")") {
                Ok(value)
            } else {
                Err("a `(` that does not end")
            };
        }
        let length = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.parse().map_err(|_| "a number that is not decimal");
        }
        match (self.variable)(word) {
            Some(text) if !text.is_empty() => {
                text.parse().map_err(|_| "a variable that is no number")
            }
            _ if word.is_empty() => Err("an operand is missing"),
            _ => Ok(0),
        }
    }

    fn value_below(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<i64, &'static str>,
    ) -> Result<i64, &'static str> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("nested too deeply");
        }
        let value = read(self);
        self.depth -= 1;
        value
    }
}

fn apply(operator: &str, left: i64, right: i64) -> Option<i64> {
    match operator {
        "==" => Some(i64::from(left == right)),
        "!=" => Some(i64::from(left != right)),
        "<=" => Some(i64::from(left <= right)),
        ">=" => Some(i64::from(left >= right)),
        "<" => Some(i64::from(left < right)),
        ">" => Some(i64::from(left > right)),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_their_value_or_say_what_is_wrong() {
        let rows = [
            ("1+2*3", Ok(7)),
            ("(1+2)*3", Ok(9)),
            ("i+1", Ok(7)),
            ("-i", Ok(-6)),
            ("2 >= 3", Ok(0)),
            ("1/0", Err("a result that is no number")),
            ("1 ? 2", Err("an operator that is not known")),
            ("", Err("an operand is missing")),
        ];
        for (expression, expected) in rows {
            let value = evaluate(expression, |name| (name == "i").then(|| "6".to_owned()));
            assert_eq!(value, expected, "{expression}");
        }
    }
}
