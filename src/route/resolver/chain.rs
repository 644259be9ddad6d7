//! A route's levels tried as Django tries them: the reference, and what serves routes that tokens
//! cannot express.
//!
//! Invariant: each level sees what the one before it left, and none is tried a second time.

use std::ops::Range;

use crate::route::urlconf::{Kind, Level, Route, translate};

/// Largest compiled expression, in bytes.
const COMPILED_BYTES: usize = 1 << 20;

/// The levels of a route, compiled.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// Text that every path of this route begins with.
    prefix: Box<[u8]>,
    steps: Box<[Step]>,
    int_digits: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Prefix(Box<[u8]>),
    Exact(Box<[u8]>),
    Regex(Box<Expression<regex::bytes::Regex>>),
    Fancy(Box<Expression<fancy_regex::Regex>>),
}

#[derive(Clone, Debug)]
struct Expression<R> {
    regex: R,
    /// Groups that Python reads as numbers.
    numbers: Box<[usize]>,
}

/// How far a chain came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    /// Levels that matched.
    pub(super) levels: usize,
    /// Bytes that these took.
    pub(super) taken: usize,
    /// Parameters and where their values are, of levels that matched.
    pub(super) captured: Vec<(String, Range<usize>)>,
}

/// The engines of chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Needs {
    Nothing,
    Regex,
    Fancy,
}

impl Chain {
    /// Compiles a route; refuses by a reason.
    pub(super) fn compile(route: &Route, int_digits: Option<usize>) -> Result<Self, String> {
        let steps: Vec<Step> = route.chain.iter().map(step).collect::<Result<_, _>>()?;
        Ok(Self {
            prefix: prefix(&route.chain),
            steps: steps.into(),
            int_digits: int_digits.unwrap_or(usize::MAX),
        })
    }

    pub(super) fn needs(&self) -> Needs {
        let needs = self.steps.iter().map(|step| match step {
            Step::Prefix(_) | Step::Exact(_) => Needs::Nothing,
            Step::Regex(_) => Needs::Regex,
            Step::Fancy(_) => Needs::Fancy,
        });
        needs.max().unwrap_or(Needs::Nothing)
    }

    /// Whether what is left of a path leads to this route.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        path.starts_with(&self.prefix) && {
            let mut rest = path;
            self.steps.iter().all(|step| match self.step(step, rest) {
                Some(end) => {
                    rest = &rest[end..];
                    true
                }
                None => false,
            })
        }
    }

    /// The same, for a person to follow.
    pub(super) fn trace(&self, path: &[u8]) -> Trace {
        let mut trace = Trace {
            levels: 0,
            taken: 0,
            captured: Vec::new(),
        };
        for step in &self.steps {
            let rest = &path[trace.taken..];
            let Some(end) = self.step(step, rest) else {
                break;
            };
            for (name, range) in captured(step, rest) {
                let range = trace.taken + range.start..trace.taken + range.end;
                trace.captured.push((name, range));
            }
            trace.levels += 1;
            trace.taken += end;
        }
        trace
    }

    /// The bytes up to where a level's match ends.
    fn step(&self, step: &Step, rest: &[u8]) -> Option<usize> {
        match step {
            Step::Prefix(literal) => rest.starts_with(literal).then_some(literal.len()),
            Step::Exact(literal) => (*rest == **literal).then_some(rest.len()),
            Step::Regex(expression) => {
                if expression.numbers.is_empty() || rest.len() <= self.int_digits {
                    return expression.regex.find(rest).map(|found| found.end());
                }
                let found = expression.regex.captures(rest)?;
                let numbers = expression.numbers.iter();
                let lengths = numbers.filter_map(|group| found.get(*group).map(|m| m.len()));
                self.are_readable(lengths)?;
                found.get(0).map(|whole| whole.end())
            }
            Step::Fancy(expression) => {
                // Paths are UTF-8, and levels end between characters. An expression that goes back
                // too often is given up and does not match.
                let text = std::str::from_utf8(rest).ok()?;
                let found = expression.regex.captures(text).ok()??;
                let numbers = expression.numbers.iter();
                let lengths =
                    numbers.filter_map(|group| found.get(*group).map(|m| m.as_str().len()));
                self.are_readable(lengths)?;
                found.get(0).map(|whole| whole.end())
            }
        }
    }

    fn are_readable(&self, mut lengths: impl Iterator<Item = usize>) -> Option<()> {
        lengths
            .all(|length| length <= self.int_digits)
            .then_some(())
    }
}

fn step(level: &Level) -> Result<Step, String> {
    let literal = || level.pattern.as_bytes().into();
    let is_full = match level.kind {
        Kind::Prefix => return Ok(Step::Prefix(literal())),
        Kind::Exact => return Ok(Step::Exact(literal())),
        Kind::Search => false,
        Kind::Full => true,
    };
    let translated = translate(&level.pattern, is_full)?;
    let numbers = |names: Vec<Option<&str>>| {
        let is_number = |name: &str| {
            let mut converters = level.converters.iter();
            converters.any(|(known, by)| known == name && by == "int")
        };
        let groups = names.into_iter().enumerate();
        groups
            .filter(|(_, name)| name.is_some_and(is_number))
            .map(|(group, _)| group)
            .collect()
    };
    if !translated.is_fancy {
        let regex = regex::bytes::RegexBuilder::new(&translated.text)
            .size_limit(COMPILED_BYTES)
            .build();
        // Classes that are too large for an automaton are left to the other engine.
        if let Ok(regex) = regex {
            let numbers = numbers(regex.capture_names().collect());
            return Ok(Step::Regex(Box::new(Expression { regex, numbers })));
        }
    }
    let regex = fancy_regex::RegexBuilder::new(&translated.text)
        .delegate_size_limit(COMPILED_BYTES)
        .build()
        .map_err(|error| error.to_string().lines().collect::<Vec<_>>().join(" "))?;
    let numbers = numbers(regex.capture_names().collect());
    Ok(Step::Fancy(Box::new(Expression { regex, numbers })))
}

fn captured(step: &Step, rest: &[u8]) -> Vec<(String, Range<usize>)> {
    let name = |group: usize, name: Option<&str>| match name {
        Some(name) => name.to_owned(),
        None => group.to_string(),
    };
    let mut all = Vec::new();
    match step {
        Step::Prefix(_) | Step::Exact(_) => {}
        Step::Regex(expression) => {
            let Some(found) = expression.regex.captures(rest) else {
                return all;
            };
            let names = expression.regex.capture_names().enumerate().skip(1);
            for (group, named) in names {
                all.extend(found.get(group).map(|m| (name(group, named), m.range())));
            }
        }
        Step::Fancy(expression) => {
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

/// The text that a chain begins with, as far as it is easily told.
pub(super) fn prefix(chain: &[Level]) -> Box<[u8]> {
    let mut prefix = Vec::new();
    for level in chain {
        match level.kind {
            Kind::Prefix | Kind::Exact => prefix.extend_from_slice(level.pattern.as_bytes()),
            Kind::Search | Kind::Full => {
                prefix.extend_from_slice(&start_of(&level.pattern, level.kind == Kind::Full));
                break;
            }
        }
    }
    prefix.into()
}

/// The literal that an expression begins with, if it is anchored.
pub(super) fn start_of(pattern: &str, is_full: bool) -> Vec<u8> {
    use regex_syntax::hir::literal::Extractor;

    let Ok(translated) = translate(pattern, is_full) else {
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
