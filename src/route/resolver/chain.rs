//! Matches the levels of a route one by one, as Django does: the reference, and the engine of routes that
//! tokens cannot express.
//!
//! Invariant: each level is matched once, on what the level before it left of the path.

use std::ops::Range;

use regex_syntax::hir::{Hir, HirKind};

use super::narrow::NarrowRegex;
use crate::route::urlconf::{Level, LevelKind, Route, translate};

/// Largest compiled expression, in bytes.
const COMPILED_BYTES: usize = 1 << 20;
/// Largest part of an expression that the backtracking engine compiles, in bytes.
const DELEGATED_BYTES: usize = 16 << 20;

/// The compiled levels of a route.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// Text that every path of the route begins with.
    prefix: Box<[u8]>,
    levels: Box<[CompiledLevel]>,
    int_digits: usize,
}

#[derive(Clone, Debug)]
enum CompiledLevel {
    Prefix(Box<[u8]>),
    Exact(Box<[u8]>),
    Regex(Box<Expression<regex::bytes::Regex>>),
    /// An expression that is too large over characters.
    Narrow(Box<Expression<NarrowRegex>>),
    Backtracking(Box<Expression<fancy_regex::Regex>>),
}

#[derive(Clone, Debug)]
struct Expression<R> {
    regex: R,
    /// Groups of `int` converters.
    numbers: Box<[usize]>,
}

/// Extent to which a chain matched a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// Number of levels that matched.
    pub(super) levels: usize,
    /// Bytes that these levels took.
    pub(super) taken: usize,
    /// Parameters of these levels and the ranges of their values.
    pub(super) captured: Vec<(String, Range<usize>)>,
}

impl Chain {
    /// Compiles a route. The error is the reason why an expression cannot be compiled.
    pub(super) fn compile(route: &Route, int_digits: Option<usize>) -> Result<Self, String> {
        let levels: Result<Vec<_>, _> = route.chain.iter().map(compile_level).collect();
        Ok(Self {
            prefix: literal_prefix(&route.chain),
            levels: levels?.into(),
            int_digits: int_digits.unwrap_or(usize::MAX),
        })
    }

    /// Returns whether some level needs the backtracking engine.
    pub(super) fn is_backtracking(&self) -> bool {
        let mut levels = self.levels.iter();
        levels.any(|level| matches!(level, CompiledLevel::Backtracking(_)))
    }

    /// Returns whether a path, without its first slash, resolves to the route.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        path.starts_with(&self.prefix) && {
            let mut rest = path;
            self.levels
                .iter()
                .all(|level| match self.match_level(level, rest) {
                    Some(end) => {
                        rest = &rest[end..];
                        true
                    }
                    None => false,
                })
        }
    }

    /// Matches a path, without its first slash, and records how far it came.
    pub(super) fn trace(&self, path: &[u8]) -> Trace {
        let mut trace = Trace {
            levels: 0,
            taken: 0,
            captured: Vec::new(),
        };
        for level in &self.levels {
            let rest = &path[trace.taken..];
            let Some(end) = self.match_level(level, rest) else {
                break;
            };
            for (name, range) in captures(level, rest) {
                let range = trace.taken + range.start..trace.taken + range.end;
                trace.captured.push((name, range));
            }
            trace.levels += 1;
            trace.taken += end;
        }
        trace
    }

    /// Returns the end of a level's match.
    fn match_level(&self, level: &CompiledLevel, rest: &[u8]) -> Option<usize> {
        match level {
            CompiledLevel::Prefix(literal) => rest.starts_with(literal).then_some(literal.len()),
            CompiledLevel::Exact(literal) => (*rest == **literal).then_some(rest.len()),
            CompiledLevel::Regex(expression) => {
                if expression.numbers.is_empty() || rest.len() <= self.int_digits {
                    return expression.regex.find(rest).map(|found| found.end());
                }
                let found = expression.regex.captures(rest)?;
                let numbers = expression.numbers.iter();
                let lengths = numbers.filter_map(|group| found.get(*group).map(|m| m.len()));
                self.check_digits(lengths)?;
                found.get(0).map(|whole| whole.end())
            }
            CompiledLevel::Narrow(expression) => {
                let narrowed = expression.regex.narrow(rest)?;
                let found = expression.regex.regex.captures(&narrowed)?;
                let numbers = expression.numbers.iter();
                // Numbers are ASCII.
                let lengths = numbers.filter_map(|group| found.get(*group).map(|m| m.len()));
                self.check_digits(lengths)?;
                let end = found.get(0)?.end();
                Some(NarrowRegex::widen(rest, end))
            }
            CompiledLevel::Backtracking(expression) => {
                // Paths are UTF-8, and levels end between characters. An expression that exceeds the
                // backtracking limit does not match.
                let text = std::str::from_utf8(rest).ok()?;
                let found = expression.regex.captures(text).ok()??;
                let numbers = expression.numbers.iter();
                let lengths =
                    numbers.filter_map(|group| found.get(*group).map(|m| m.as_str().len()));
                self.check_digits(lengths)?;
                found.get(0).map(|whole| whole.end())
            }
        }
    }

    /// Returns `None` if a number has more digits than Python's `int()` accepts.
    fn check_digits(&self, mut lengths: impl Iterator<Item = usize>) -> Option<()> {
        lengths
            .all(|length| length <= self.int_digits)
            .then_some(())
    }
}

fn compile_level(level: &Level) -> Result<CompiledLevel, String> {
    let literal = || level.pattern.as_bytes().into();
    let is_full = match level.kind {
        LevelKind::Prefix => return Ok(CompiledLevel::Prefix(literal())),
        LevelKind::Exact => return Ok(CompiledLevel::Exact(literal())),
        LevelKind::Search => false,
        LevelKind::Full => true,
    };
    let translated = translate(&level.pattern, is_full)?;
    let numbers = |names: Vec<Option<&str>>| {
        let groups = names.into_iter().enumerate();
        groups
            .filter(|(_, name)| name.is_some_and(|name| level.is_int(name)))
            .map(|(group, _)| group)
            .collect()
    };
    if !translated.is_fancy {
        let regex = regex::bytes::RegexBuilder::new(&translated.text)
            .size_limit(COMPILED_BYTES)
            .build();
        if let Ok(regex) = regex {
            let numbers = numbers(regex.capture_names().collect());
            return Ok(CompiledLevel::Regex(Box::new(Expression {
                regex,
                numbers,
            })));
        }
        // An expression over the size limit, or one that only the other engine knows.
        if let Ok(regex) = NarrowRegex::new(&translated.text, COMPILED_BYTES) {
            let numbers = numbers(regex.regex.capture_names().collect());
            return Ok(CompiledLevel::Narrow(Box::new(Expression {
                regex,
                numbers,
            })));
        }
    }
    let regex = fancy_regex::RegexBuilder::new(&translated.text)
        .delegate_size_limit(DELEGATED_BYTES)
        .build()
        .map_err(|error| error.to_string().lines().collect::<Vec<_>>().join(" "))?;
    let numbers = numbers(regex.capture_names().collect());
    Ok(CompiledLevel::Backtracking(Box::new(Expression {
        regex,
        numbers,
    })))
}

/// Returns the groups of a level, by name or number, and the ranges that they captured.
fn captures(level: &CompiledLevel, rest: &[u8]) -> Vec<(String, Range<usize>)> {
    let name = |group: usize, name: Option<&str>| match name {
        Some(name) => name.to_owned(),
        None => group.to_string(),
    };
    let mut all = Vec::new();
    match level {
        CompiledLevel::Prefix(_) | CompiledLevel::Exact(_) => {}
        CompiledLevel::Regex(expression) => {
            let Some(found) = expression.regex.captures(rest) else {
                return all;
            };
            let names = expression.regex.capture_names().enumerate().skip(1);
            for (group, named) in names {
                all.extend(found.get(group).map(|m| (name(group, named), m.range())));
            }
        }
        CompiledLevel::Narrow(expression) => {
            let narrowed = expression.regex.narrow(rest).unwrap_or_default();
            let Some(found) = expression.regex.regex.captures(&narrowed) else {
                return all;
            };
            let widen = |offset| NarrowRegex::widen(rest, offset);
            let names = expression.regex.regex.capture_names().enumerate().skip(1);
            for (group, named) in names {
                let value = found.get(group);
                all.extend(value.map(|m| (name(group, named), widen(m.start())..widen(m.end()))));
            }
        }
        CompiledLevel::Backtracking(expression) => {
            let text = std::str::from_utf8(rest).unwrap_or_default();
            let Ok(Some(found)) = expression.regex.captures(text) else {
                return all;
            };
            let names = expression.regex.capture_names().enumerate().skip(1);
            for (group, named) in names {
                let value = found.get(group);
                all.extend(value.map(|m| (name(group, named), m.start()..m.end())));
            }
        }
    }
    all
}

/// Returns texts that every path of a chain contains.
pub(super) fn required_texts(chain: &[Level]) -> Vec<Box<[u8]>> {
    let mut texts = vec![literal_prefix(chain)];
    for level in chain {
        let is_full = match level.kind {
            LevelKind::Prefix | LevelKind::Exact => {
                texts.push(level.pattern.as_bytes().into());
                continue;
            }
            LevelKind::Search => false,
            LevelKind::Full => true,
        };
        let translated = translate(&level.pattern, is_full);
        let parse = |text: &str| regex_syntax::Parser::new().parse(text).ok();
        if let Some(hir) = translated
            .ok()
            .and_then(|translated| parse(&translated.text))
        {
            push_required(&hir, &mut texts);
        }
    }
    texts
}

/// Appends texts that every match of an expression contains.
fn push_required(hir: &Hir, texts: &mut Vec<Box<[u8]>>) {
    match hir.kind() {
        HirKind::Literal(literal) => texts.push(literal.0.clone()),
        HirKind::Concat(parts) => {
            for part in parts {
                push_required(part, texts);
            }
        }
        HirKind::Capture(capture) => push_required(&capture.sub, texts),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            push_required(&repetition.sub, texts);
        }
        _ => {}
    }
}

/// Returns a literal that every path of a chain begins with, as long as it can be found cheaply.
pub(super) fn literal_prefix(chain: &[Level]) -> Box<[u8]> {
    let mut prefix = Vec::new();
    for level in chain {
        prefix.extend_from_slice(&level_prefix(level));
        if matches!(level.kind, LevelKind::Search | LevelKind::Full) {
            break;
        }
    }
    prefix.into()
}

/// Returns the literal that a level begins with; of an expression only if it is anchored.
pub(super) fn level_prefix(level: &Level) -> Vec<u8> {
    use regex_syntax::hir::literal::Extractor;

    let is_full = match level.kind {
        LevelKind::Prefix | LevelKind::Exact => return level.pattern.as_bytes().to_vec(),
        LevelKind::Search => false,
        LevelKind::Full => true,
    };
    let Ok(translated) = translate(&level.pattern, is_full) else {
        return Vec::new();
    };
    let parsed = regex_syntax::Parser::new().parse(&translated.text);
    let Some(hir) = parsed.ok().filter(|hir| {
        let looks = hir.properties().look_set_prefix();
        looks.contains(regex_syntax::hir::Look::Start)
    }) else {
        return Vec::new();
    };
    let literals = Extractor::new().extract(&hir);
    let common = literals.longest_common_prefix();
    common.map(<[u8]>::to_vec).unwrap_or_default()
}
