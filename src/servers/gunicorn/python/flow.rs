//! Reads statements that decide which others run.
//!
//! Invariant: after them, a name is known only if each way through them gives it the same value.

use std::collections::BTreeSet;

use super::eval;
use super::merge::{self, merge};
use super::reader::{Body, Reader};
use super::state::Names;
use super::token::Spanned;
use super::value::Value;

/// Most times that the body of a loop is read.
const ROUNDS: usize = 8;

impl<'w> Reader<'w> {
    /// Reads `if`, `elif` and `else`.
    pub(super) fn branches(&mut self, bodies: &[(&'w str, Body<'_, 'w>)], number: usize) {
        let before = self.state.take_assumed();
        let outside = self.state.conditions.clone();
        // The ways that the program may take, and those that it takes if what is assumed is wrong.
        let mut ways: Vec<Names> = Vec::new();
        let mut others: Vec<Names> = Vec::new();
        let mut assumed = BTreeSet::new();
        let mut why = String::new();
        let mut is_decided = false;
        for (word, body) in bodies {
            let condition = match *word {
                "else" => Value::Flag(true),
                _ => eval::evaluate(body.head, &mut self.state),
            };
            assumed.extend(self.state.take_assumed());
            let truth = condition.truth();
            if truth == Some(false) && assumed.is_empty() {
                continue;
            }
            if truth.is_none() && why.is_empty() {
                let reason = condition.reason().unwrap_or_default();
                why = format!("the `if` in line {number} decides: {reason}");
            }
            self.state.conditions.extend(assumed.iter().cloned());
            let names = self.state.names.clone();
            self.run(*body);
            let end = std::mem::replace(&mut self.state.names, names);
            if is_decided || truth == Some(false) {
                others.push(end);
            } else {
                ways.push(end);
            }
            is_decided |= truth == Some(true);
            if is_decided && assumed.is_empty() {
                break;
            }
        }
        let unchanged = std::mem::take(&mut self.state.names);
        if !is_decided {
            ways.push(unchanged);
        } else if bodies.iter().all(|(word, _)| *word != "else") {
            others.push(unchanged);
        }
        let names = ways
            .into_iter()
            .reduce(|one, other| merge(one, other, &why));
        let names = names.unwrap_or_default();
        self.state.names = others.into_iter().fold(names, |names, other| {
            merge::depending(names, other, &assumed)
        });
        self.state.conditions = outside;
        self.state.take_assumed();
        self.state.assume_all(before);
    }

    /// Reads `try` with its handlers. Any statement of its body may be the last one.
    pub(super) fn attempt(&mut self, bodies: &[(&'w str, Body<'_, 'w>)], number: usize) {
        let why = format!("the `try` in line {number} decides");
        let before = self.state.names.clone();
        let mut ends: Vec<Names> = Vec::new();
        let mut thrown = Names::default();
        for (word, body) in bodies {
            match *word {
                "try" => {
                    self.run(*body);
                    thrown = merge(before.clone(), self.state.names.clone(), &why);
                }
                "except" => {
                    let done = std::mem::replace(&mut self.state.names, thrown.clone());
                    self.run(*body);
                    ends.push(std::mem::replace(&mut self.state.names, done));
                }
                "finally" => {
                    self.state.names = ends
                        .drain(..)
                        .fold(std::mem::take(&mut self.state.names), |one, other| {
                            merge(one, other, &why)
                        });
                    self.run(*body);
                }
                _ => self.run(*body),
            }
        }
        let names = std::mem::take(&mut self.state.names);
        self.state.names = ends
            .into_iter()
            .fold(names, |one, other| merge(one, other, &why));
    }

    /// Reads the body of a loop until no name changes any more.
    pub(super) fn repeated(&mut self, word: &str, body: Body<'_, 'w>, number: usize) {
        let why = format!("the `{word}` in line {number} decides");
        for round in 0..=ROUNDS {
            let before = self.state.names.clone();
            if round == ROUNDS {
                self.state.unreadable.get_or_insert((why, 0..0));
                break;
            }
            if word == "for" {
                let targets = body
                    .head
                    .iter()
                    .take_while(|token| token.word() != Some("in"));
                let names: Vec<&str> = targets.filter_map(Spanned::word).collect();
                let span = body.head.first().map_or(0..0, |first| first.span.clone());
                for name in names {
                    self.state
                        .bind(name, Value::Unknown(why.clone()), span.clone());
                }
            }
            self.run(body);
            let mut after = std::mem::take(&mut self.state.names);
            after.has_ended = false;
            self.state.names = merge(before.clone(), after, &why);
            if self.state.names == before {
                break;
            }
        }
    }
}
