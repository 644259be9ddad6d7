//! Evaluates strings, lists, tuples and dictionaries that are written out.
//!
//! Invariant: containers are one level deep, so that their size is that of the text.

use super::eval::Evaluator;
use super::literal::{Literal, closing, unescaped};
use super::operator::binary;
use super::token::{Token, read_line, split};
use super::value::Value;

impl Evaluator<'_, '_, '_, '_> {
    /// Reads adjacent string literals.
    pub(super) fn text(&mut self) -> Value {
        let mut whole = Value::Text(String::new());
        while let Some(Token::Text(literal)) = self.peek() {
            let piece = match literal {
                Literal::Plain(text) => Value::Text(text.clone()),
                Literal::Format(source, is_raw) => {
                    let (source, is_raw) = (source.clone(), *is_raw);
                    self.interpolated(&source, is_raw)
                }
                Literal::Bytes => Value::Unknown("a string of bytes is not computed".to_owned()),
            };
            self.at += 1;
            whole = binary(&whole, "+", &piece);
        }
        whole
    }

    /// Evaluates an f-string.
    fn interpolated(&mut self, source: &str, is_raw: bool) -> Value {
        let literal = |text: &str| {
            if is_raw {
                text.to_owned()
            } else {
                unescaped(text)
            }
        };
        let unknown = || Value::Unknown(format!("init does not compute the f-string `{source}`"));
        let mut whole = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            whole.push_str(&literal(&rest[..at]));
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                whole.push_str(brace);
                rest = after;
                continue;
            }
            let mut tokens = Vec::new();
            // The expression ends at the brace that closes it.
            let Some(end) = closing(rest).filter(|_| brace == "{") else {
                return unknown();
            };
            let expression = rest[..end].strip_suffix("!s").unwrap_or(&rest[..end]);
            read_line(expression, 0, &mut tokens);
            rest = &rest[end + 1..];
            if !self.state.step()
                || split(&tokens, ":").len() > 1
                || tokens.iter().any(|it| it.is_sign("!") || it.is_sign("="))
            {
                return unknown();
            }
            let value = Evaluator::whole(&tokens, self.state, self.depth + 1);
            let Some(text) = value.shown() else {
                return value.reason().map_or_else(unknown, Value::Unknown);
            };
            whole.push_str(&text);
        }
        Value::text(whole + &literal(rest))
    }

    /// Reads what brackets enclose: an expression, a tuple or a list.
    pub(super) fn sequence(&mut self, end: &str) -> Value {
        self.at += 1;
        let mut list = Vec::new();
        let mut is_list = end == "]";
        while !self.eat_sign(end) {
            let element = self.ternary();
            // Lists in lists would grow without bound.
            list.push(if element.is_container() {
                Value::Unknown("a list in a list is not computed".to_owned())
            } else {
                element
            });
            if self.eat_sign(",") {
                is_list = true;
            } else if !matches!(self.peek(), Some(Token::Sign(next)) if *next == end) {
                return self.not_understood();
            }
        }
        match list.pop() {
            Some(only) if !is_list && list.is_empty() => only,
            other => {
                list.extend(other);
                Value::List(list)
            }
        }
    }

    pub(super) fn map(&mut self) -> Value {
        self.at += 1;
        let mut map = Vec::new();
        while !self.eat_sign("}") {
            let key = self.ternary();
            let Some(key) = key.shown().filter(|_| self.eat_sign(":")) else {
                return self.not_understood();
            };
            let value = self.ternary();
            let value = if value.is_container() {
                Value::Unknown("a list in a dictionary is not computed".to_owned())
            } else {
                value
            };
            map.push((key, value));
            if !self.eat_sign(",") && !matches!(self.peek(), Some(Token::Sign("}"))) {
                return self.not_understood();
            }
        }
        Value::Map(map)
    }
}
