//! Plans of custom regular expressions.
//!
//! Invariant: an expression is lowered only if it is a row of literals and repeated classes, some
//! of them inside one group; then the plan's steps prefer what the regex prefers.

use std::sync::Arc;

use memchr::memmem;
use regex_syntax::hir::{Class as HirClass, Hir, HirKind, Look};

use super::binding::Binding;
use super::plan::{Builder, LinePlan};
use super::scan::{Class, Lazy, Scan};

use crate::model::byte_set::ByteSet;

/// A piece of a simple expression.
#[derive(Clone, Debug)]
enum Token {
    Open(Option<String>),
    Close,
    Literal(Vec<u8>),
    Class {
        members: Box<ByteSet>,
        least: usize,
        most: usize,
        greedy: bool,
    },
}

/// Lowers an anchored expression, whose groups with the names of `extras` fill no field; `None` if it is not simple.
pub(super) fn plan(source: &str, extras: &[Arc<str>]) -> Option<LinePlan> {
    let mut parser = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build();
    let hir = parser.parse(source).ok()?;
    let HirKind::Concat(parts) = hir.kind() else {
        return None;
    };
    let [first, inner @ .., last] = parts.as_slice() else {
        return None;
    };
    let is_look = |hir: &Hir, look| matches!(hir.kind(), HirKind::Look(found) if *found == look);
    if !is_look(first, Look::Start) || !is_look(last, Look::End) {
        return None;
    }
    let mut tokens = Vec::new();
    for part in inner {
        flatten(part, &mut tokens)?;
    }
    let mut builder = Builder::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Open(name) => {
                let close = at
                    + tokens[at..]
                        .iter()
                        .position(|token| matches!(token, Token::Close))?;
                let mut inner = at + 1..close;
                if inner
                    .clone()
                    .any(|inner| matches!(tokens[inner], Token::Open(_)))
                {
                    return None;
                }
                let binding = name
                    .as_deref()
                    .and_then(|name| Binding::of_group(name, extras));
                let scan = match inner.len() {
                    1 => scan(&tokens, inner.start)?,
                    _ => Scan::Row(
                        inner
                            .by_ref()
                            .map(|inner| scan(&tokens, inner))
                            .collect::<Option<_>>()?,
                    ),
                };
                builder.value(scan, binding);
                at = close;
            }
            Token::Literal(literal) => builder.literal(literal),
            Token::Class { .. } | Token::Close => builder.value(scan(&tokens, at)?, None),
        }
        at += 1;
    }
    builder.finish()
}

/// Returns whether an expression requires this byte at the start of a line, on one of its ways at least.
pub(super) fn begins_with(source: &str, byte: u8) -> bool {
    fn starts(hir: &Hir, byte: u8) -> bool {
        match hir.kind() {
            HirKind::Literal(literal) => literal.0.first() == Some(&byte),
            HirKind::Capture(capture) => starts(&capture.sub, byte),
            HirKind::Repetition(repetition) => starts(&repetition.sub, byte),
            HirKind::Concat(parts) => {
                let mut parts = parts.iter();
                let is_look = |part: &&Hir| matches!(part.kind(), HirKind::Look(_));
                parts
                    .find(|part| !is_look(part))
                    .is_some_and(|part| starts(part, byte))
            }
            HirKind::Alternation(ways) => ways.iter().any(|way| starts(way, byte)),
            HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => false,
        }
    }
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(source)
        .is_ok_and(|hir| starts(&hir, byte))
}

/// Writes an expression as a row of tokens; `None` if it is not simple.
fn flatten(hir: &Hir, tokens: &mut Vec<Token>) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => Some(()),
        HirKind::Literal(literal) => {
            match tokens.last_mut() {
                Some(Token::Literal(last)) => last.extend_from_slice(&literal.0),
                _ => tokens.push(Token::Literal(literal.0.to_vec())),
            }
            Some(())
        }
        HirKind::Class(_) => {
            tokens.push(Token::Class {
                members: members(hir)?,
                least: 1,
                most: 1,
                greedy: true,
            });
            Some(())
        }
        HirKind::Repetition(repetition) => {
            let members = members(&repetition.sub)?;
            let most = match repetition.max {
                Some(most) => usize::try_from(most).ok()?,
                None => usize::MAX,
            };
            let least = usize::try_from(repetition.min).ok()?;
            tokens.push(Token::Class {
                members,
                least,
                most,
                greedy: repetition.greedy,
            });
            Some(())
        }
        HirKind::Capture(capture) => {
            tokens.push(Token::Open(capture.name.as_deref().map(str::to_owned)));
            flatten(&capture.sub, tokens)?;
            tokens.push(Token::Close);
            Some(())
        }
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| flatten(part, tokens)),
        HirKind::Look(_) | HirKind::Alternation(_) => None,
    }
}

/// Returns the bytes that a class, or a literal of one byte, matches.
fn members(hir: &Hir) -> Option<Box<ByteSet>> {
    let ranges: Vec<(u8, u8)> = match hir.kind() {
        HirKind::Literal(literal) => match *literal.0 {
            [byte] => vec![(byte, byte)],
            _ => return None,
        },
        HirKind::Class(HirClass::Bytes(class)) => {
            let ranges = class.ranges().iter();
            ranges.map(|range| (range.start(), range.end())).collect()
        }
        // Without Unicode, a class is written this way only if it is of ASCII.
        HirKind::Class(HirClass::Unicode(class)) => {
            let class = class.to_byte_class()?;
            let ranges = class.ranges().iter();
            ranges.map(|range| (range.start(), range.end())).collect()
        }
        _ => return None,
    };
    Some(Box::new(ByteSet::from_ranges(&ranges)))
}

fn scan(tokens: &[Token], at: usize) -> Option<Scan> {
    let next = tokens[at + 1..]
        .iter()
        .find(|token| !matches!(token, Token::Open(_) | Token::Close));
    let literal = match next {
        Some(Token::Literal(literal)) => Some(literal.as_slice()),
        _ => None,
    };
    match tokens.get(at)? {
        Token::Literal(literal) => Some(Scan::Literal(literal.as_slice().into())),
        Token::Class {
            members,
            least,
            most,
            greedy: true,
        } => {
            let class = Class::new(|byte| members.contains(byte), *least, *most, literal);
            Some(Scan::Class(Box::new(class)))
        }
        Token::Class {
            members,
            least,
            most: usize::MAX,
            greedy: false,
        } => {
            let before = match (literal, next) {
                (Some(literal), _) => Some(memmem::Finder::new(literal).into_owned()),
                (None, None) => None,
                (None, Some(_)) => return None,
            };
            Some(Scan::Lazy(Box::new(Lazy {
                members: (**members).clone(),
                least: *least,
                before,
            })))
        }
        Token::Class { .. } | Token::Open(_) | Token::Close => None,
    }
}
