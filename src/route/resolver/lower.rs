//! From a route's chain of expressions to tokens, where that loses nothing.
//!
//! Invariant: what is lowered matches what the chain matches, level by level without going back;
//! what cannot be is `None`, never nearly right.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use super::token::{Class, Run, Token};
use crate::route::urlconf::{Kind, Level, Route, translate};

/// Most ways in which the alternatives of a route combine.
const WAYS: usize = 32;

/// One way to write a route without alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) tokens: Vec<Token>,
    /// Whether nothing may be left of the path.
    pub(super) is_whole: bool,
}

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Start,
    End,
    Token(Token),
}

/// The ways to match a route; each of them leads to it.
pub(super) fn lower(route: &Route, int_digits: Option<usize>) -> Option<Vec<Way>> {
    let (last, before) = route.chain.split_last()?;
    let mut ways = vec![Way::default()];
    for level in before {
        let sequences = level_pieces(level, int_digits)?;
        let sequences: Vec<Way> = sequences
            .into_iter()
            .map(|pieces| way(pieces, false).filter(|way| !way.is_whole))
            .collect::<Option<_>>()?;
        if !are_exclusive(&sequences) {
            return None;
        }
        ways = combine(&ways, &sequences)?;
    }
    let sequences: Vec<Way> = level_pieces(last, int_digits)?
        .into_iter()
        .map(|pieces| way(pieces, true))
        .collect::<Option<_>>()?;
    combine(&ways, &sequences)
}

fn combine(ways: &[Way], sequences: &[Way]) -> Option<Vec<Way>> {
    if ways.len() * sequences.len() > WAYS {
        return None;
    }
    let mut combined = Vec::new();
    for way in ways {
        for sequence in sequences {
            let mut tokens = way.tokens.clone();
            for token in &sequence.tokens {
                push(&mut tokens, token.clone());
            }
            combined.push(Way {
                tokens,
                is_whole: sequence.is_whole,
            });
        }
    }
    Some(combined)
}

/// Appends a token; literals side by side are one.
fn push(tokens: &mut Vec<Token>, token: Token) {
    match (tokens.last_mut(), token) {
        (_, Token::Literal(literal)) if literal.is_empty() => {}
        (Some(Token::Literal(before)), Token::Literal(literal)) => {
            *before = [&**before, &*literal].concat().into();
        }
        (_, token) => tokens.push(token),
    }
}

/// Whether at most one of these can match at a place.
fn are_exclusive(ways: &[Way]) -> bool {
    let first = |way: &Way| match way.tokens.first() {
        Some(Token::Literal(literal)) => Some(literal.clone()),
        _ => None,
    };
    ways.iter().enumerate().all(|(place, way)| {
        ways[..place].iter().all(|other| {
            first(way)
                .zip(first(other))
                .is_some_and(|(one, other)| !one.starts_with(&other) && !other.starts_with(&one))
        })
    })
}

fn level_pieces(level: &Level, int_digits: Option<usize>) -> Option<Vec<Vec<Piece>>> {
    let literal = || Piece::Token(Token::Literal(level.pattern.as_bytes().into()));
    let is_full = match level.kind {
        Kind::Prefix => return Some(vec![vec![Piece::Start, literal()]]),
        Kind::Exact => return Some(vec![vec![Piece::Start, literal(), Piece::End]]),
        Kind::Search => false,
        Kind::Full => true,
    };
    let translated = translate(&level.pattern, is_full).ok()?;
    if translated.is_fancy {
        return None;
    }
    let hir = ParserBuilder::new().build().parse(&translated.text).ok()?;
    let flattener = Flattener { level, int_digits };
    flattener.flatten(&hir, false)
}

/// Takes an expression apart.
struct Flattener<'l> {
    level: &'l Level,
    int_digits: Option<usize>,
}

impl Flattener<'_> {
    /// The sequences it stands for; `is_int` inside a parameter that Python reads as a number.
    fn flatten(&self, hir: &Hir, is_int: bool) -> Option<Vec<Vec<Piece>>> {
        let one = |piece| Some(vec![vec![piece]]);
        match hir.kind() {
            HirKind::Empty => Some(vec![Vec::new()]),
            HirKind::Literal(literal) => one(Piece::Token(Token::Literal(literal.0.clone()))),
            HirKind::Class(_) => one(Piece::Token(Token::Run(self.run(hir, (1, 1), is_int)?))),
            HirKind::Look(Look::Start) => one(Piece::Start),
            HirKind::Look(Look::End) => one(Piece::End),
            HirKind::Look(_) => None,
            HirKind::Repetition(repetition) => self.repetition(repetition, is_int),
            HirKind::Capture(capture) => {
                let name = capture.name.as_deref().unwrap_or_default();
                let mut converters = self.level.converters.iter();
                let is_int = converters.any(|(known, by)| known == name && by == "int");
                self.flatten(&capture.sub, is_int)
            }
            HirKind::Concat(parts) => {
                let mut sequences = vec![Vec::new()];
                for part in parts {
                    let more = self.flatten(part, is_int)?;
                    if sequences.len() * more.len() > WAYS {
                        return None;
                    }
                    sequences = sequences
                        .iter()
                        .flat_map(|before: &Vec<Piece>| {
                            more.iter().map(|after| [&**before, after].concat())
                        })
                        .collect();
                }
                Some(sequences)
            }
            HirKind::Alternation(parts) => {
                let mut sequences = Vec::new();
                for part in parts {
                    sequences.extend(self.flatten(part, is_int)?);
                }
                (sequences.len() <= WAYS).then_some(sequences)
            }
        }
    }

    fn repetition(&self, repetition: &Repetition, is_int: bool) -> Option<Vec<Vec<Piece>>> {
        let bounds = (repetition.min, repetition.max.unwrap_or(u32::MAX));
        let is_fixed = bounds.0 == bounds.1;
        if let Some(run) = self.run(&repetition.sub, bounds, is_int) {
            // A lazy run takes what a greedy one takes where only one length fits; where it ends a
            // level, it does not.
            return (repetition.greedy || is_fixed)
                .then(|| vec![vec![Piece::Token(Token::Run(run))]]);
        }
        if bounds == (0, 1) {
            let mut sequences = self.flatten(&repetition.sub, is_int)?;
            sequences.push(Vec::new());
            return Some(sequences);
        }
        None
    }

    /// A run of what stands for one character.
    fn run(&self, hir: &Hir, bounds: (u32, u32), is_int: bool) -> Option<Run> {
        let class = match hir.kind() {
            HirKind::Class(class) => {
                let class = match class {
                    regex_syntax::hir::Class::Unicode(class) => class.clone(),
                    regex_syntax::hir::Class::Bytes(class) => class.to_unicode_class()?,
                };
                let ranges = class.ranges().iter();
                let ranges: Vec<_> = ranges.map(|range| (range.start(), range.end())).collect();
                Class::new(&ranges)
            }
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                let mut chars = text.chars();
                let c = chars.next()?;
                if chars.next().is_some() {
                    return None;
                }
                Class::new(&[(c, c)])
            }
            _ => return None,
        };
        let limit = self.int_digits.filter(|_| is_int);
        let limit = limit.and_then(|limit| u32::try_from(limit).ok());
        Some(Run::new(class, bounds, limit))
    }
}

/// The tokens of one level, if going back would change nothing.
fn way(pieces: Vec<Piece>, is_last: bool) -> Option<Way> {
    let mut way = Way::default();
    let mut is_anchored = false;
    for piece in pieces {
        match piece {
            Piece::Start if way.tokens.is_empty() => is_anchored = true,
            Piece::End => way.is_whole = true,
            // Of what stands behind the end only nothing can match: left to the expression.
            _ if way.is_whole || !is_anchored => return None,
            Piece::Token(token) => push(&mut way.tokens, token),
            Piece::Start => return None,
        }
    }
    if !is_anchored {
        return None;
    }
    for place in 0..way.tokens.len() {
        let Token::Run(run) = &way.tokens[place] else {
            continue;
        };
        if run.least == run.most || is_settled(run, &way.tokens[place + 1..]) {
            continue;
        }
        match &way.tokens[place + 1..] {
            [Token::Literal(literal)] if is_last && way.is_whole => {
                let until = Token::Until(run.clone(), literal.len());
                way.tokens[place] = until;
            }
            _ => return None,
        }
    }
    Some(way)
}

/// Whether taking all it can is all that a run can do before these tokens.
fn is_settled(run: &Run, after: &[Token]) -> bool {
    match after.first() {
        None => true,
        Some(Token::Literal(literal)) => {
            let text = std::str::from_utf8(literal).ok();
            let first = text.and_then(|text| text.chars().next());
            first.is_some_and(|c| !run.class.has(c))
        }
        Some(Token::Run(next)) => next.least > 0 && run.class.is_disjoint(&next.class),
        Some(Token::Until(..)) => false,
    }
}
