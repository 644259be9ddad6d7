//! Regular expressions that people write themselves.
//!
//! Invariant: the expression is anchored at both ends, names at least one field, and each of its
//! named groups is a field.

use super::template::{Binding, TimeUnit};
use super::{Complaint, Form, Matcher, lower};
use crate::model::{Field, FieldSet};

/// Longest expression, in bytes.
const SOURCE_BYTES: usize = 4096;
/// Largest compiled expression, in bytes.
pub(super) const COMPILED_BYTES: usize = 1 << 20;

/// Reads an expression.
pub(super) fn compile(source: &str) -> Result<Matcher, Complaint> {
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
    if !source.starts_with('^') || !source.ends_with('$') || source.ends_with("\\$") {
        return Err(Complaint::new(
            "not anchored: it could match in the middle of another line",
            whole,
        )
        .help("begin it with `^` and end it with `$`"));
    }
    let mut groups = Vec::new();
    let mut fields = FieldSet::EMPTY;
    for (group, name) in regex.capture_names().enumerate() {
        let Some(name) = name else { continue };
        let binding = binding(name).ok_or_else(|| {
            let at = source
                .find(&format!("<{name}>"))
                .map_or(0..0, |at| at + 1..at + 1 + name.len());
            Complaint::new(format!("`{name}` is no field"), at).suggest(name, names())
        })?;
        if binding.fields().iter().any(|field| fields.contains(field)) {
            let at = source
                .find(&format!("<{name}>"))
                .map_or(0..0, |at| at + 1..at + 1 + name.len());
            return Err(Complaint::new(
                format!("`{name}` tells a field that another group tells"),
                at,
            ));
        }
        fields = fields.union(binding.fields());
        groups.push((group, binding));
    }
    if groups.is_empty() {
        return Err(
            Complaint::new("no named group: nothing would be read", whole)
                .help("name what it finds, as in `(?<status>[0-9]{3})`"),
        );
    }
    Ok(Matcher {
        plan: lower::plan(source, binding),
        regex,
        groups,
        form: Form::Regex(source.to_owned()),
    })
}

/// What a group of this name tells.
pub(super) fn binding(name: &str) -> Option<Binding> {
    match name {
        "request" => Some(Binding::Request),
        "duration_ms" => Some(Binding::Duration(TimeUnit::Millis)),
        "duration_us" => Some(Binding::Duration(TimeUnit::Micros)),
        _ => Field::from_name(name).map(Binding::of_field),
    }
}

/// The names a group may have.
fn names() -> impl Iterator<Item = &'static str> {
    Field::ALL
        .into_iter()
        .map(Field::name)
        .chain(["request", "duration_ms", "duration_us"])
}

/// The regex crate's own words, on one line.
fn complaint(error: &regex::Error, source: &str) -> Complaint {
    let text = error.to_string();
    let last = text
        .lines()
        .last()
        .unwrap_or_default()
        .trim()
        .trim_start_matches("error: ")
        .to_owned();
    // Its second line is the expression, its third the caret; both are indented by four.
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
    Complaint::new(last, at..end)
}
