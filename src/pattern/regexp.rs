//! Custom regular expressions.
//!
//! Invariant: an accepted expression is anchored at both ends, names at least one field, and each of its
//! named groups is a field.

use std::fmt::Display;
use std::sync::Arc;

use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::{Hir, HirKind, Look};
use regex_syntax::{Parser, ParserBuilder};

use super::binding::Binding;
use super::readings::Review;
use super::text::{COMPILED_BYTES, Form, TextMatcher};
use super::walk::Walk;
use super::{Complaint, lower};
use crate::model::FieldSet;

/// Longest expression, in bytes.
const SOURCE_BYTES: usize = 4096;
/// Most groups and repetitions within each other.
const NESTED: u32 = 50;

/// Compiles an expression into a matcher. Groups with the names of `extras` fill no field.
pub(super) fn compile(source: &str, extras: &[Arc<str>]) -> Result<TextMatcher, Complaint> {
    let regex = anchored(source)?;
    let whole = 0..source.len();
    let mut groups = Vec::new();
    let mut fields = FieldSet::EMPTY;
    let mut complaints = Vec::new();
    for (group, name) in regex.capture_names().enumerate() {
        let Some(name) = name else { continue };
        let at = source
            .find(&format!("<{name}>"))
            .map_or(0..0, |at| at + 1..at + 1 + name.len());
        let Some(binding) = Binding::of_group(name, extras) else {
            let complaint = Complaint::new(format!("`{name}` is not a field"), at);
            complaints.push(complaint.suggest(name, Binding::names()));
            continue;
        };
        let is_alternative = matches!(binding, Binding::Duration(_))
            && groups.iter().all(|(earlier, known): &(usize, Binding)| {
                known.fields() != binding.fields() || are_alternatives(source, *earlier, group)
            });
        let is_set = binding.fields().iter().any(|field| fields.contains(field));
        if is_set && !is_alternative {
            let message = format!("`{name}` sets a field that another group sets");
            complaints.push(
                Complaint::new(message, at)
                    .help("name one of both, and leave the other without a name: `(?:…)`"),
            );
            continue;
        }
        fields = fields.union(binding.fields());
        groups.push((group, binding));
    }
    if let Some(complaint) = Complaint::all(complaints) {
        return Err(complaint);
    }
    if groups.is_empty() {
        return Err(
            Complaint::new("no named group: nothing would be read", whole)
                .help("name the groups to read, as in `(?<status>[0-9]{3})`"),
        );
    }
    Ok(TextMatcher {
        plan: lower::plan(source, extras),
        walk: Walk::new(source, groups.iter().map(|(group, _)| *group)).into(),
        regex,
        groups,
        form: Form::Regex(source.to_owned()),
        review: Review::default(),
    })
}

/// Compiles an expression that is anchored at both ends.
pub(super) fn anchored(source: &str) -> Result<regex::bytes::Regex, Complaint> {
    let whole = 0..source.len();
    if source.len() > SOURCE_BYTES {
        return Err(Complaint::new(
            format!("longer than {SOURCE_BYTES} bytes"),
            whole,
        ));
    }
    let regex = regex::bytes::RegexBuilder::new(source)
        .unicode(false)
        .size_limit(COMPILED_BYTES)
        .nest_limit(NESTED)
        .build()
        .map_err(|error| complaint(&error, source))?;
    if !is_anchored(source) {
        return Err(Complaint::new(
            "not anchored: it could match in the middle of another line",
            whole,
        )
        .help("begin it with `^` and end it with `$`, around all alternatives: ^(?:a|b)$"));
    }
    Ok(regex)
}

fn parser() -> Parser {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(NESTED)
        .build()
}

/// Returns whether no match has both groups, because they are on different ways of an alternation.
fn are_alternatives(source: &str, one: usize, other: usize) -> bool {
    fn holds(hir: &Hir, group: usize) -> bool {
        match hir.kind() {
            HirKind::Capture(capture) => {
                usize::try_from(capture.index) == Ok(group) || holds(&capture.sub, group)
            }
            HirKind::Repetition(repetition) => holds(&repetition.sub, group),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().any(|part| holds(part, group))
            }
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
        }
    }
    fn divides(hir: &Hir, one: usize, other: usize) -> bool {
        match hir.kind() {
            HirKind::Capture(capture) => divides(&capture.sub, one, other),
            HirKind::Concat(parts) => parts
                .iter()
                .any(|part| holds(part, one) && holds(part, other) && divides(part, one, other)),
            HirKind::Alternation(ways) => !ways
                .iter()
                .any(|way| holds(way, one) && holds(way, other) && !divides(way, one, other)),
            // A repetition may take one way after the other.
            _ => false,
        }
    }
    parser()
        .parse(source)
        .is_ok_and(|hir| divides(&hir, one, other))
}

/// Returns whether every match begins and ends with the line.
fn is_anchored(source: &str) -> bool {
    parser().parse(source).is_ok_and(|hir| {
        hir.properties().look_set_prefix().contains(Look::Start)
            && hir.properties().look_set_suffix().contains(Look::End)
    })
}

/// Returns the error of an expression that does not compile, with its place in the source.
fn complaint(error: &regex::Error, source: &str) -> Complaint {
    let (message, span) = match parser().parse(source) {
        Err(regex_syntax::Error::Parse(error)) => {
            let span = error.span().start.offset..error.span().end.offset;
            let name = source.get(span.clone()).unwrap_or_default();
            let message = match error.kind() {
                ErrorKind::GroupNameDuplicate { .. } => format!("two groups are named `{name}`"),
                kind => in_group(kind, source, span.start),
            };
            (message, span)
        }
        Err(regex_syntax::Error::Translate(error)) => {
            let span = error.span().start.offset..error.span().end.offset;
            (in_group(error.kind(), source, span.start), span)
        }
        _ => (error.to_string(), 0..source.len()),
    };
    let next = source
        .get(span.start..)
        .and_then(|rest| rest.chars().next());
    let end = span.end.max(span.start + next.map_or(0, char::len_utf8));
    let span = span.start..end;
    Complaint::new(message, span).help("the syntax: https://docs.rs/regex/1/regex/#syntax")
}

/// Returns an error with the name of the group that it is in.
fn in_group(error: &impl Display, source: &str, at: usize) -> String {
    match group_around(source, at) {
        Some(group) => format!("{error}, in the group `{group}`"),
        None => error.to_string(),
    }
}

/// Returns the name of the innermost named group that is open at an offset of an expression.
fn group_around(source: &str, at: usize) -> Option<&str> {
    let mut open: Vec<Option<&str>> = Vec::new();
    let mut is_class = false;
    let mut rest = source.char_indices().take_while(|(offset, _)| *offset < at);
    while let Some((offset, next)) = rest.next() {
        match next {
            '\\' => drop(rest.next()),
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => {
                let inside = &source[offset + 1..];
                let named = inside
                    .strip_prefix("?<")
                    .or_else(|| inside.strip_prefix("?P<"));
                open.push(named.and_then(|named| Some(named.split_once('>')?.0)));
            }
            ')' if !is_class => drop(open.pop()),
            _ => {}
        }
    }
    open.into_iter().rev().flatten().next()
}
