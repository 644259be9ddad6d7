//! Reads simple statements: assignments, imports and expressions.
//!
//! Invariant: what a statement may change otherwise than by assigning a name is forgotten.

use std::ops::Range;

use super::eval;
use super::operator;
use super::reader::{Reader, keyword};
use super::token::{Spanned, Token, split};
use super::value::Value;

impl<'w> Reader<'w> {
    /// Reads one statement.
    pub(super) fn simple(&mut self, statement: &[Spanned<'w>]) {
        let (Some(first), Some(last)) = (statement.first(), statement.last()) else {
            return;
        };
        if !self.state.step() {
            return;
        }
        let before = self.state.take_assumed();
        let span = first.span.start..last.span.end;
        match keyword(statement) {
            "import" => self.import(&statement[1..], span),
            "from" => self.import_from(&statement[1..], span),
            "raise" | "return" => self.state.names.has_ended = true,
            "del" => {
                for name in statement.iter().skip(1).filter_map(Spanned::word) {
                    self.state.names.all.remove(name);
                }
            }
            _ => self.assign(statement, span),
        }
        if let [one, _, two, ..] = statement
            && (one.word(), two.word()) == (Some("sys"), Some("exit"))
        {
            self.state.names.has_ended = true;
        }
        self.state.take_assumed();
        self.state.assume_all(before);
    }

    fn import(&mut self, tokens: &[Spanned<'w>], span: Range<usize>) {
        for module in split(tokens, ",") {
            let words: Vec<&str> = module.iter().filter_map(Spanned::word).collect();
            match words.as_slice() {
                [path @ .., "as", name] => {
                    self.state
                        .bind(name, Value::Name(path.join(".")), span.clone());
                }
                [first, ..] => {
                    self.state
                        .bind(first, Value::Name((*first).to_owned()), span.clone());
                }
                [] => {}
            }
        }
    }

    fn import_from(&mut self, tokens: &[Spanned<'w>], span: Range<usize>) {
        let Some(at) = tokens
            .iter()
            .position(|token| token.word() == Some("import"))
        else {
            return;
        };
        let (module, names) = tokens.split_at(at);
        let text = |token: &Spanned<'w>| match token.token {
            Token::Word(text) | Token::Sign(text) => text,
            Token::Text(_) => "",
        };
        let module: String = module.iter().map(text).collect();
        let names: Vec<Spanned<'w>> = names[1..]
            .iter()
            .filter(|token| !token.is_sign("(") && !token.is_sign(")"))
            .cloned()
            .collect();
        for name in split(&names, ",") {
            let words: Vec<&str> = name.iter().filter_map(Spanned::word).collect();
            match words.as_slice() {
                [name] => {
                    self.state
                        .bind(name, Value::Name(format!("{module}.{name}")), span.clone());
                }
                [name, "as", own] => {
                    self.state
                        .bind(own, Value::Name(format!("{module}.{name}")), span.clone());
                }
                _ if name.first().is_some_and(|first| first.is_sign("*")) => {
                    let line = self.state.line(span.start);
                    let why = format!("`from {module} import *` in line {line} may assign it");
                    self.state.names.all.clear();
                    self.state.names.anything.get_or_insert((why, span.clone()));
                }
                _ => {}
            }
        }
    }

    fn assign(&mut self, statement: &[Spanned<'w>], span: Range<usize>) {
        const AUGMENTED: [&str; 12] = [
            "+=", "-=", "*=", "/=", "//=", "%=", "**=", ">>=", "<<=", "&=", "|=", "^=",
        ];
        if let [name, sign, value @ ..] = statement
            && let (Some(name), Token::Sign(sign)) = (name.word(), &sign.token)
            && AUGMENTED.contains(sign)
        {
            let right = eval::evaluate(value, &mut self.state);
            let left = self.state.name(name);
            if left.is_container() {
                self.state.forget_containers();
            }
            let value = operator::binary(&left, sign.strip_suffix('=').unwrap_or(sign), &right);
            return self.state.bind(name, value, span);
        }
        let mut parts = split(statement, "=");
        let value = parts.pop().unwrap_or_default();
        if parts.is_empty() {
            // `name: type` assigns nothing.
            if split(value, ":").len() == 1 {
                eval::evaluate(value, &mut self.state);
            }
            return;
        }
        let value = eval::evaluate(value, &mut self.state);
        for target in parts {
            let target = split(target, ":").first().copied().unwrap_or_default();
            self.target(target, &value, &span);
        }
    }

    /// Assigns a value to a name, to several, or to a part of something.
    fn target(&mut self, target: &[Spanned<'w>], value: &Value, span: &Range<usize>) {
        if let [name] = target
            && let Some(name) = name.word()
        {
            return self.state.bind(name, value.clone(), span.clone());
        }
        let is_bracket = |token: &&Spanned<'w>| {
            !["(", ")", "[", "]", "*"]
                .iter()
                .any(|sign| token.is_sign(sign))
        };
        let flat: Vec<Spanned<'w>> = target.iter().filter(is_bracket).cloned().collect();
        let names = split(&flat, ",");
        if names.len() > 1 {
            let has_star = target.iter().any(|token| token.is_sign("*"));
            for (at, name) in names.iter().enumerate() {
                let [name] = name else { continue };
                let value = match value {
                    Value::List(list) if list.len() == names.len() && !has_star => list[at].clone(),
                    value => Value::Unknown(
                        value
                            .reason()
                            .unwrap_or_else(|| "init does not unpack it".to_owned()),
                    ),
                };
                self.state
                    .bind(name.word().unwrap_or_default(), value, span.clone());
            }
            return;
        }
        let last = target.iter().rposition(|token| token.is_sign("["));
        if let Some(at) = last
            && let Value::Name(name) = eval::evaluate(&target[..at], &mut self.state)
            && name == "os.environ"
        {
            let inside = target.get(at + 1..target.len() - 1).unwrap_or_default();
            let name = eval::evaluate(inside, &mut self.state);
            return self.state.set_variable(&name, value.clone());
        }
        self.state.forget_containers();
    }
}
