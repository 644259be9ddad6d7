//! Lowers a route's chain of expressions to tokens.
//!
//! Invariant: the tokens match what the chain matches, level by level without backtracking. A route that tokens
//! cannot express exactly is not lowered.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use super::token::{CharClass, CharRun, PathToken};
use crate::route::urlconf::{Level, LevelKind, Route, translate};

/// Largest number of alternatives of a route.
const ALTERNATIVES: usize = 32;

/// One alternative of a route or a level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) tokens: Vec<PathToken>,
    /// The tokens match the whole path, not only its beginning.
    pub(super) is_whole: bool,
}

/// One piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Start,
    End,
    Token(PathToken),
}

/// Lowers a route to its alternatives; `None` if tokens cannot express it.
pub(super) fn lower_route(route: &Route, int_digits: Option<usize>) -> Option<Vec<Alternative>> {
    let (last, before) = route.chain.split_last()?;
    let mut alternatives = vec![Alternative::default()];
    for level in before {
        let sequences = level_pieces(level, int_digits, false)?;
        let sequences: Vec<Alternative> = sequences
            .into_iter()
            .map(|pieces| alternative(pieces, false).filter(|one| !one.is_whole))
            .collect::<Option<_>>()?;
        if !are_exclusive(&sequences) {
            return None;
        }
        alternatives = combine(&alternatives, &sequences)?;
    }
    let sequences: Vec<Alternative> = level_pieces(last, int_digits, true)?
        .into_iter()
        .map(|pieces| alternative(pieces, true))
        .collect::<Option<_>>()?;
    combine(&alternatives, &sequences)
}

/// Appends each of `sequences` to each alternative.
fn combine(alternatives: &[Alternative], sequences: &[Alternative]) -> Option<Vec<Alternative>> {
    if alternatives.len() * sequences.len() > ALTERNATIVES {
        return None;
    }
    let mut combined = Vec::new();
    for before in alternatives {
        for sequence in sequences {
            let mut tokens = before.tokens.clone();
            for token in &sequence.tokens {
                push_token(&mut tokens, token.clone());
            }
            combined.push(Alternative {
                tokens,
                is_whole: sequence.is_whole,
            });
        }
    }
    Some(combined)
}

/// Appends a token, merging adjacent literals.
fn push_token(tokens: &mut Vec<PathToken>, token: PathToken) {
    match (tokens.last_mut(), token) {
        (_, PathToken::Literal(literal)) if literal.is_empty() => {}
        (Some(PathToken::Literal(before)), PathToken::Literal(literal)) => {
            *before = [&**before, &*literal].concat().into();
        }
        (_, token) => tokens.push(token),
    }
}

/// Returns whether at most one alternative can match at any position.
fn are_exclusive(alternatives: &[Alternative]) -> bool {
    let first = |one: &Alternative| match one.tokens.first() {
        Some(PathToken::Literal(literal)) => Some(literal.clone()),
        _ => None,
    };
    alternatives.iter().enumerate().all(|(place, one)| {
        alternatives[..place].iter().all(|other| {
            first(one)
                .zip(first(other))
                .is_some_and(|(one, other)| !one.starts_with(&other) && !other.starts_with(&one))
        })
    })
}

/// Returns the alternatives of a level.
fn level_pieces(
    level: &Level,
    int_digits: Option<usize>,
    is_last: bool,
) -> Option<Vec<Vec<Piece>>> {
    let literal = || Piece::Token(PathToken::Literal(level.pattern.as_bytes().into()));
    let is_full = match level.kind {
        LevelKind::Prefix => return Some(vec![vec![Piece::Start, literal()]]),
        LevelKind::Exact => return Some(vec![vec![Piece::Start, literal(), Piece::End]]),
        LevelKind::Search => false,
        LevelKind::Full => true,
    };
    let translated = translate(&level.pattern, is_full).ok()?;
    if translated.is_fancy {
        return None;
    }
    let hir = ParserBuilder::new().build().parse(&translated.text).ok()?;
    let flattener = Flattener {
        level,
        int_digits,
        is_last,
    };
    flattener.flatten(&hir, false)
}

/// Flattens an expression to its alternatives.
struct Flattener<'l> {
    level: &'l Level,
    int_digits: Option<usize>,
    is_last: bool,
}

impl Flattener<'_> {
    /// Returns the alternatives of an expression. `is_int` inside a parameter with the `int` converter.
    fn flatten(&self, hir: &Hir, is_int: bool) -> Option<Vec<Vec<Piece>>> {
        let one = |piece| Some(vec![vec![piece]]);
        match hir.kind() {
            HirKind::Empty => Some(vec![Vec::new()]),
            HirKind::Literal(literal) => one(Piece::Token(PathToken::Literal(literal.0.clone()))),
            HirKind::Class(_) => one(Piece::Token(PathToken::Run(self.run(
                hir,
                (1, 1),
                is_int,
            )?))),
            HirKind::Look(Look::Start) => one(Piece::Start),
            HirKind::Look(Look::End) => one(Piece::End),
            HirKind::Look(_) => None,
            HirKind::Repetition(repetition) => self.repetition(repetition, is_int),
            HirKind::Capture(capture) => {
                let name = capture.name.as_deref().unwrap_or_default();
                self.flatten(&capture.sub, self.level.is_int(name))
            }
            HirKind::Concat(parts) => {
                let mut sequences = vec![Vec::new()];
                for part in parts {
                    let more = self.flatten(part, is_int)?;
                    if sequences.len() * more.len() > ALTERNATIVES {
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
                (sequences.len() <= ALTERNATIVES).then_some(sequences)
            }
        }
    }

    fn repetition(&self, repetition: &Repetition, is_int: bool) -> Option<Vec<Vec<Piece>>> {
        let most = repetition.max.map_or(usize::MAX, |most| most as usize);
        let bounds = (repetition.min as usize, most);
        let is_fixed = bounds.0 == bounds.1;
        let run = self.run(&repetition.sub, bounds, is_int);
        // An optional slash at the end of a route, as before it or behind a format suffix: both alternatives are
        // sequences of segments, and a run is not.
        let is_optional_slash =
            |run: &CharRun| self.is_last && bounds == (0, 1) && run.class.has('/');
        if let Some(run) = run.filter(|run| !is_optional_slash(run)) {
            // Of several lengths, a lazy run may take a shorter one than a greedy run.
            return (repetition.greedy || is_fixed)
                .then(|| vec![vec![Piece::Token(PathToken::Run(run))]]);
        }
        if bounds == (0, 1) {
            let mut sequences = self.flatten(&repetition.sub, is_int)?;
            sequences.push(Vec::new());
            return Some(sequences);
        }
        None
    }

    /// Makes a run of an expression that matches one character.
    fn run(&self, hir: &Hir, bounds: (usize, usize), is_int: bool) -> Option<CharRun> {
        let class = match hir.kind() {
            HirKind::Class(class) => {
                let class = match class {
                    regex_syntax::hir::Class::Unicode(class) => class.clone(),
                    regex_syntax::hir::Class::Bytes(class) => class.to_unicode_class()?,
                };
                let ranges = class.ranges().iter();
                let ranges: Vec<_> = ranges.map(|range| (range.start(), range.end())).collect();
                CharClass::new(&ranges)
            }
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                let mut chars = text.chars();
                let c = chars.next()?;
                if chars.next().is_some() {
                    return None;
                }
                CharClass::new(&[(c, c)])
            }
            _ => return None,
        };
        let limit = self.int_digits.filter(|_| is_int);
        Some(CharRun::new(class, bounds, limit))
    }
}

/// Makes the tokens of one level; `None` if backtracking could change what they match.
fn alternative(pieces: Vec<Piece>, is_last: bool) -> Option<Alternative> {
    let mut lowered = Alternative::default();
    // The empty expression matches at the beginning, anchored or not.
    let mut is_anchored = pieces.is_empty();
    for piece in pieces {
        match piece {
            Piece::Start if lowered.tokens.is_empty() => is_anchored = true,
            Piece::End => lowered.is_whole = true,
            // Left to the expression: pieces behind the end match only if they can be empty.
            _ if lowered.is_whole || !is_anchored => return None,
            Piece::Token(token) => push_token(&mut lowered.tokens, token),
            Piece::Start => return None,
        }
    }
    if !is_anchored {
        return None;
    }
    for place in 0..lowered.tokens.len() {
        let PathToken::Run(run) = &lowered.tokens[place] else {
            continue;
        };
        if run.least == run.most || is_deterministic(run, &lowered.tokens[place + 1..]) {
            continue;
        }
        match &lowered.tokens[place + 1..] {
            [PathToken::Literal(literal)] if is_last && lowered.is_whole => {
                let until = PathToken::Until(run.clone(), literal.len());
                lowered.tokens[place] = until;
            }
            _ => return None,
        }
    }
    Some(lowered)
}

/// Returns whether a greedy run is the only one that can match before these tokens.
fn is_deterministic(run: &CharRun, after: &[PathToken]) -> bool {
    match after.first() {
        None => true,
        Some(PathToken::Literal(literal)) => {
            let text = std::str::from_utf8(literal).ok();
            let first = text.and_then(|text| text.chars().next());
            first.is_some_and(|c| !run.class.has(c))
        }
        Some(PathToken::Run(next)) => next.least > 0 && run.class.is_disjoint(&next.class),
        Some(PathToken::Until(..)) => false,
    }
}
