//! Custom regular expressions.
//!
//! Invariant: an accepted expression is anchored at both ends, names at least one field, and each of its
//! named groups is a field.

use regex_syntax::hir::{Hir, HirKind, Look};

use super::binding::Binding;
use super::readings::Review;
use super::text::{COMPILED_BYTES, Form, TextMatcher};
use super::walk::Walk;
use super::{Complaint, lower};
use crate::model::FieldSet;

/// Longest expression, in bytes.
const SOURCE_BYTES: usize = 4096;

/// Compiles an expression into a matcher.
pub(super) fn compile(source: &str) -> Result<TextMatcher, Complaint> {
    let regex = anchored(source)?;
    let whole = 0..source.len();
    let mut groups = Vec::new();
    let mut fields = FieldSet::EMPTY;
    for (group, name) in regex.capture_names().enumerate() {
        let Some(name) = name else { continue };
        let at = source
            .find(&format!("<{name}>"))
            .map_or(0..0, |at| at + 1..at + 1 + name.len());
        let Some(binding) = Binding::from_name(name) else {
            return Err(Complaint::new(format!("`{name}` is not a field"), at)
                .suggest(name, Binding::names()));
        };
        let is_alternative = matches!(binding, Binding::Duration(_))
            && groups.iter().all(|(earlier, known): &(usize, Binding)| {
                known.fields() != binding.fields() || are_alternatives(source, *earlier, group)
            });
        let is_set = binding.fields().iter().any(|field| fields.contains(field));
        if is_set && !is_alternative {
            let message = format!("`{name}` sets a field that another group sets");
            return Err(Complaint::new(message, at));
        }
        fields = fields.union(binding.fields());
        groups.push((group, binding));
    }
    if groups.is_empty() {
        return Err(
            Complaint::new("no named group: nothing would be read", whole)
                .help("name the groups to read, as in `(?<status>[0-9]{3})`"),
        );
    }
    Ok(TextMatcher {
        plan: lower::plan(source),
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
        .nest_limit(50)
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
    let mut parser = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build();
    parser
        .parse(source)
        .is_ok_and(|hir| divides(&hir, one, other))
}

/// Returns whether every match begins and ends with the line.
fn is_anchored(source: &str) -> bool {
    let mut parser = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build();
    parser.parse(source).is_ok_and(|hir| {
        hir.properties().look_set_prefix().contains(Look::Start)
            && hir.properties().look_set_suffix().contains(Look::End)
    })
}

/// Returns the regex crate's message on one line, with its place in the source.
fn complaint(error: &regex::Error, source: &str) -> Complaint {
    let text = error.to_string();
    let last = text
        .lines()
        .last()
        .unwrap_or_default()
        .trim()
        .trim_start_matches("error: ")
        .to_owned();
    // The second line is the expression, the third the caret; both are indented by four.
    let caret = text
        .lines()
        .nth(2)
        .filter(|line| line.trim_start().starts_with('^'));
    let at = caret
        .and_then(|line| line.find('^'))
        .map_or(0, |column| column.saturating_sub(4));
    let at = at.min(source.len());
    let end = caret.map_or(source.len(), |line| {
        (at + line.matches('^').count()).min(source.len())
    });
    Complaint::new(last, at..end).help("the syntax: https://docs.rs/regex/1/regex/#syntax")
}
