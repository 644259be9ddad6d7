//! Evaluates Python's expressions as far as they are constant.
//!
//! Invariant: an expression that is not understood whole has an unknown value.

use super::call::Arguments;
use super::operator::{binary, compare};
use super::state::State;
use super::token::{Spanned, Token, split};
use super::value::Value;

/// Most brackets and operators inside each other.
const DEPTH: usize = 48;

/// Evaluates a whole expression; an unparenthesised tuple is a list.
pub(super) fn evaluate(tokens: &[Spanned<'_>], state: &mut State<'_>) -> Value {
    let elements = split(tokens, ",");
    if let [only] = *elements {
        return Evaluator::whole(only, state, 0);
    }
    let elements = elements.into_iter().filter(|element| !element.is_empty());
    Value::List(
        elements
            .map(|element| Evaluator::whole(element, state, 0))
            .collect(),
    )
}

/// An expression that is being read.
pub(super) struct Evaluator<'e, 't, 's, 'w> {
    tokens: &'t [Spanned<'s>],
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) state: &'e mut State<'w>,
}

impl<'s> Evaluator<'_, '_, 's, '_> {
    pub(super) fn whole(tokens: &[Spanned<'s>], state: &mut State<'_>, depth: usize) -> Value {
        let mut evaluator = Evaluator {
            tokens,
            at: 0,
            depth,
            state,
        };
        let value = evaluator.ternary();
        if evaluator.at == tokens.len() && !tokens.is_empty() {
            return value;
        }
        // What was not understood may change lists.
        state.forget_containers();
        let shown = state.quoted(tokens);
        value.reason().map_or_else(
            || Value::Unknown(format!("init does not compute {shown}")),
            Value::Unknown,
        )
    }

    pub(super) fn peek(&self) -> Option<&Token<'s>> {
        Some(&self.tokens.get(self.at)?.token)
    }

    pub(super) fn eat_sign(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(next)) if *next == word);
        self.at += usize::from(is_next);
        is_next
    }

    /// Gives up: what follows is not understood.
    pub(super) fn not_understood(&mut self) -> Value {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let shown = self
            .state
            .quoted(if rest.is_empty() { self.tokens } else { rest });
        self.at = usize::MAX;
        Value::Unknown(format!("init does not compute {shown}"))
    }

    pub(super) fn ternary(&mut self) -> Value {
        if self.depth > DEPTH || !self.state.step() {
            return self.not_understood();
        }
        self.depth += 1;
        let before = self.state.take_assumed();
        let yes = self.or();
        let value = if self.eat_word("if") {
            let of_yes = self.state.take_assumed();
            let condition = self.or();
            if !self.eat_word("else") {
                return self.not_understood();
            }
            let of_condition = self.state.take_assumed();
            let no = self.ternary();
            match condition.truth() {
                Some(true) => {
                    self.state.take_assumed();
                    self.state.assume_all(of_yes);
                }
                Some(false) => {}
                None => self.state.assume_all(of_yes),
            }
            self.state.assume_all(of_condition);
            match condition.truth() {
                Some(true) => yes,
                Some(false) => no,
                None if yes == no => yes,
                None => Value::Unknown(condition.reason().unwrap_or_default()),
            }
        } else {
            yes
        };
        self.state.assume_all(before);
        self.depth -= 1;
        value
    }

    fn or(&mut self) -> Value {
        self.chain("or", false, Self::and)
    }

    fn and(&mut self) -> Value {
        self.chain("and", true, Self::not)
    }

    /// Evaluates `or` and `and`, which end at the first value whose truth is not `goes_on`.
    fn chain(&mut self, word: &str, goes_on: bool, part: fn(&mut Self) -> Value) -> Value {
        let mut left = part(self);
        while self.eat_word(word) {
            let before = self.state.take_assumed();
            let right = part(self);
            let truth = left.truth();
            if truth == Some(!goes_on) {
                self.state.take_assumed();
            }
            self.state.assume_all(before);
            left = match truth {
                Some(truth) if truth != goes_on => left,
                Some(_) => right,
                None if left == right => left,
                None => Value::Unknown(left.reason().unwrap_or_default()),
            };
        }
        left
    }

    fn not(&mut self) -> Value {
        let mut is_negated = None;
        while self.eat_word("not") {
            is_negated = Some(!is_negated.unwrap_or(false));
        }
        let value = self.comparison();
        match (is_negated, value.truth()) {
            (None, _) => value,
            (Some(is_negated), Some(truth)) => Value::Flag(truth != is_negated),
            (Some(_), None) => Value::Unknown(value.reason().unwrap_or_default()),
        }
    }

    fn comparison(&mut self) -> Value {
        let left = self.sum();
        let sign = match self.peek() {
            Some(Token::Sign(sign @ ("==" | "!=" | "<" | ">" | "<=" | ">="))) => *sign,
            Some(Token::Word(word @ ("in" | "is" | "not"))) => *word,
            _ => return left,
        };
        self.at += 1;
        let is_negated = sign == "!=" || (sign == "is" && self.eat_word("not")) || sign == "not";
        if sign == "not" && !self.eat_word("in") {
            return self.not_understood();
        }
        let right = self.sum();
        let result = match (sign, &left, &right) {
            ("in" | "not", Value::Text(name), Value::Name(all)) if all == "os.environ" => {
                let found = self.state.variable(name, Some(Value::Nothing));
                found.reason().is_none().then_some(found != Value::Nothing)
            }
            _ => compare(&left, sign, &right),
        };
        let reason = || left.reason().or_else(|| right.reason());
        result.map_or_else(
            || {
                Value::Unknown(
                    reason().unwrap_or_else(|| "the comparison is not computed".to_owned()),
                )
            },
            |result| Value::Flag(result != is_negated),
        )
    }

    fn sum(&mut self) -> Value {
        self.operators(&["+", "-"], |it| {
            it.operators(&["*", "/", "//", "%"], Self::sign)
        })
    }

    fn operators(&mut self, signs: &[&str], part: fn(&mut Self) -> Value) -> Value {
        let mut left = part(self);
        while let Some(&Token::Sign(sign)) = self.peek()
            && signs.contains(&sign)
        {
            self.at += 1;
            let right = part(self);
            left = binary(&left, sign, &right);
        }
        left
    }

    fn sign(&mut self) -> Value {
        let mut is_negative = false;
        while let Some(Token::Sign(sign @ ("-" | "+"))) = self.peek() {
            is_negative ^= *sign == "-";
            self.at += 1;
        }
        match self.postfix() {
            Value::Number(number) if is_negative => Value::Number(number.saturating_neg()),
            value => value,
        }
    }

    fn postfix(&mut self) -> Value {
        let mut value = self.atom();
        loop {
            if self.eat_sign("(") {
                let Some(arguments) = self.arguments() else {
                    return self.not_understood();
                };
                value = self.state.call(&value, &arguments);
            } else if self.eat_sign("[") {
                let key = self.ternary();
                if !self.eat_sign("]") {
                    return self.not_understood();
                }
                value = self.state.element(&value, &key);
            } else if self.eat_sign(".") {
                let Some(Token::Word(name)) = self.peek() else {
                    return self.not_understood();
                };
                let name = *name;
                self.at += 1;
                if !matches!(value, Value::Name(_) | Value::Unknown(_)) && self.eat_sign("(") {
                    let Some(arguments) = self.arguments() else {
                        return self.not_understood();
                    };
                    value = self.state.method(&value, name, &arguments);
                } else {
                    value = self.state.attribute(value, name);
                }
            } else {
                return value;
            }
        }
    }

    /// Reads the arguments of a call, after its bracket.
    fn arguments(&mut self) -> Option<Arguments> {
        let mut arguments = Arguments::default();
        while !self.eat_sign(")") {
            let is_named = self
                .tokens
                .get(self.at.saturating_add(1))
                .is_some_and(|next| next.is_sign("="));
            if let (Some(&Token::Word(name)), true) = (self.peek(), is_named) {
                self.at += 2;
                let value = self.ternary();
                arguments.named.push((name.to_owned(), value));
            } else {
                let value = self.ternary();
                arguments.given.push(value);
            }
            if !self.eat_sign(",") && !matches!(self.peek(), Some(Token::Sign(")"))) {
                return None;
            }
        }
        Some(arguments)
    }

    fn atom(&mut self) -> Value {
        let Some(token) = self.tokens.get(self.at) else {
            return self.not_understood();
        };
        match &token.token {
            Token::Text(_) => self.text(),
            Token::Word(word) => {
                let word = *word;
                if word.starts_with(|first: char| first.is_ascii_digit()) {
                    let Ok(number) = word.replace('_', "").parse() else {
                        return self.not_understood();
                    };
                    self.at += 1;
                    return Value::Number(number);
                }
                if matches!(word, "lambda" | "await" | "yield" | "for" | "async") {
                    return self.not_understood();
                }
                self.at += 1;
                match word {
                    "None" => Value::Nothing,
                    "True" => Value::Flag(true),
                    "False" => Value::Flag(false),
                    name => self.state.name(name),
                }
            }
            Token::Sign("(") => self.sequence(")"),
            Token::Sign("[") => self.sequence("]"),
            Token::Sign("{") => self.map(),
            Token::Sign(_) => self.not_understood(),
        }
    }
}
