//! Finds the assignments of a `gunicorn.conf.py`, without running it.
//!
//! Invariant: only literals have a known value.

use std::ops::Range;

use super::literal::{self, Literal};

/// An assignment at module level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: Value,
    /// Bytes of the source, from the name to the end of the value.
    pub(super) span: Range<usize>,
}

/// An assigned value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    /// `None`, `False`.
    Nothing,
    /// An expression, or a value under a condition.
    Dynamic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(Literal),
    Sign(char),
}

type Tokens = Vec<(Token, Range<usize>)>;

/// Returns every assignment of the module, sorted as in the source.
pub(super) fn assignments(source: &str) -> Vec<Assignment> {
    let mut all = Vec::new();
    let mut at = 0;
    let mut is_in_definition = false;
    let mut indent = 0;
    while at < source.len() {
        let line = &source[at..];
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        // A `;` keeps the indentation of its line.
        if at == 0 || source[..at].ends_with('\n') {
            indent = blanks;
        }
        let mut statement = Tokens::new();
        at = read_statement(source, at + blanks, &mut statement);
        let Some((first, _)) = statement.first() else {
            continue;
        };
        if indent == 0 {
            is_in_definition =
                matches!(first, Token::Name(name) if matches!(&**name, "def" | "class" | "async"));
        }
        if !is_in_definition {
            add_assignments(&statement, indent > 0, &mut all);
        }
    }
    all
}

/// Reads the tokens of one statement. Returns the offset of the next one.
fn read_statement(source: &str, mut at: usize, tokens: &mut Tokens) -> usize {
    let mut depth = 0_usize;
    while let Some(next) = source[at..].chars().next() {
        let start = at;
        at += next.len_utf8();
        match next {
            '\n' | ';' if depth == 0 => return at,
            '#' => {
                let end = source[start..].find('\n');
                at = end.map_or(source.len(), |end| start + end);
            }
            '\\' => at += source[at..].chars().next().map_or(0, char::len_utf8),
            _ if next.is_whitespace() => {}
            _ if next.is_alphanumeric() || matches!(next, '_' | '"' | '\'') => {
                if let Some((literal, end)) = literal::read(source, start) {
                    at = end;
                    tokens.push((Token::Text(literal), start..at));
                    continue;
                }
                let rest = &source[start..];
                let length = rest
                    .find(|next: char| !(next.is_alphanumeric() || next == '_'))
                    .unwrap_or(rest.len());
                // A quote without a string literal is unclosed.
                at = start + length.max(next.len_utf8());
                tokens.push((Token::Name(source[start..at].to_owned()), start..at));
            }
            _ => {
                match next {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                tokens.push((Token::Sign(next), start..at));
            }
        }
    }
    at
}

/// Adds the assignments of a statement.
fn add_assignments(statement: &Tokens, is_indented: bool, all: &mut Vec<Assignment>) {
    let mut depth = 0_usize;
    let mut names: Vec<(&str, usize)> = Vec::new();
    let mut value_at = statement.len();
    let mut is_plain = !is_indented;
    for (number, (token, _)) in statement.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Token::Sign('=') if depth == 0 => {
                let is_equality =
                    |at: usize| matches!(statement.get(at), Some((Token::Sign('='), _)));
                if is_equality(number + 1) || number > 0 && is_equality(number - 1) {
                    continue;
                }
                if let Some((name, place, is_plain_target)) = target(statement, number, value_at) {
                    is_plain &= is_plain_target;
                    names.push((name, place));
                    value_at = number + 1;
                }
            }
            _ => {}
        }
    }
    let end = statement.last().map_or(0, |(_, span)| span.end);
    let value = statement.get(value_at..).unwrap_or_default();
    let value = if is_plain {
        evaluate(value)
    } else {
        Value::Dynamic
    };
    for (name, start) in names {
        let span = start..end.max(start);
        let (name, value) = (name.to_owned(), value.clone());
        all.push(Assignment { name, value, span });
    }
}

/// Returns the name assigned by the `=` at `sign`, its offset, and whether the assignment is plain and
/// unconditional. `before` is the end of the previous target.
fn target(statement: &Tokens, sign: usize, before: usize) -> Option<(&str, usize, bool)> {
    let start = if before < sign { before } else { 0 };
    let left = statement.get(start..sign)?;
    let name = |at: usize| match left.get(at) {
        Some((Token::Name(name), span)) => Some((&**name, span.start)),
        _ => None,
    };
    if let Some((found, place)) = name(0) {
        if left.len() == 1 || matches!(left[1].0, Token::Sign(':')) && found != "else" {
            return Some((found, place, true));
        }
        if left.len() == 2 {
            return Some((found, place, false));
        }
    }
    // `if …: name = value` and similar.
    let (found, place) = name(left.len().checked_sub(1)?)?;
    let is_after_colon = left.len() > 1 && matches!(left[left.len() - 2].0, Token::Sign(':'));
    is_after_colon.then_some((found, place, false))
}

fn evaluate(tokens: &[(Token, Range<usize>)]) -> Value {
    let mut text = String::new();
    let mut is_text = false;
    for (token, _) in tokens {
        match token {
            Token::Text(Literal::Plain(piece)) => {
                text.push_str(piece);
                is_text = true;
            }
            Token::Sign('(' | ')' | '+') => {}
            Token::Name(name) if tokens.len() == 1 => {
                return match &**name {
                    "None" | "False" => Value::Nothing,
                    name => name.parse().map_or(Value::Dynamic, Value::Number),
                };
            }
            _ => return Value::Dynamic,
        }
    }
    if is_text {
        Value::Text(text)
    } else {
        Value::Dynamic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[(&str, Value)]) {
        let found = assignments(source);
        let found: Vec<(&str, Value)> = found
            .iter()
            .map(|assignment| {
                assert!(source[assignment.span.clone()].starts_with(&assignment.name));
                (&*assignment.name, assignment.value.clone())
            })
            .collect();
        assert_eq!(found, expected, "{source}");
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn literals_are_known() {
        check(
            "a = 'x'  # c\nb=\"y\"",
            &[("a", text("x")), ("b", text("y"))],
        );
        check("a = ('x '\n  # c\n  \"y\" # d\n)\n", &[("a", text("x y"))]);
        check(
            "a = 'x' \\\n 'y'; b = None",
            &[("a", text("xy")), ("b", Value::Nothing)],
        );
        check("a: str = 'x' + r'\\y'", &[("a", text("x\\y"))]);
        check(
            "a = b = True",
            &[("a", Value::Dynamic), ("b", Value::Dynamic)],
        );
        check("a = 5 # c", &[("a", Value::Number(5))]);
        check("a = '''x\ny'''", &[("a", text("x\ny"))]);
        check("f(a=1)\n'doc = 1'\nimport a\n", &[]);
    }

    #[test]
    fn expressions_are_dynamic() {
        for value in [
            "f'{x}'",
            "x + 'y'",
            "os.environ['A']",
            "'x' % y",
            "b'x'",
            "'x'.format()",
            "1 + 1",
            "-1",
            "1.5",
            "('x',)",
            "'x' if y else 'z'",
        ] {
            check(&format!("a = {value}"), &[("a", Value::Dynamic)]);
        }
        check("if x:\n    a = 'y'\n", &[("a", Value::Dynamic)]);
        check("if x == 1: a = 'y'", &[("a", Value::Dynamic)]);
        check("else: a = 'y'", &[("a", Value::Dynamic)]);
        check("a += 'y'", &[("a", Value::Dynamic)]);
        check("a == 'y'", &[]);
        check("def f(b='x'):\n    a = 'y'\nc = 'z'", &[("c", text("z"))]);
    }
}
