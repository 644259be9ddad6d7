//! Shows an explanation as text.
//!
//! Invariant: bytes outside printable ASCII are escaped.

use std::fmt::Write as _;

use crate::diag::Snippet;
use crate::pattern::{Cause, Explanation, Nearest, Outcome, Stop, Value};

/// Longest value shown, in characters.
const VALUE: usize = 60;

/// Formats an explanation as text.
pub(super) fn render(explanation: &Explanation, line: &[u8], name: &str, number: usize) -> String {
    match &explanation.outcome {
        Outcome::Read(values) => read(&explanation.pattern, values, line, name, number),
        Outcome::Stopped(stop) => stopped(&explanation.pattern, stop, line, name, number),
    }
}

fn read(pattern: &str, values: &[Value], line: &[u8], name: &str, number: usize) -> String {
    let mut text = format!("{name}:{number}: `{pattern}` reads it\n\n");
    let shown = |value: &Value| {
        let there = value.span.clone().and_then(|span| line.get(span));
        let there = there.map(|there| cut(&printable(there)));
        match (value.field, there, &value.shown) {
            (None, there, _) => there.unwrap_or_default(),
            (Some(_), Some(there), Some(shown)) if cut(shown) != there => {
                format!("{there} → {}", cut(shown))
            }
            (Some(_), _, Some(shown)) => cut(shown),
            (Some(_), _, None) => "(none)".to_owned(),
        }
    };
    let rows: Vec<(String, &str, String, String)> = values
        .iter()
        .map(|value| {
            let start = value.span.as_ref().map(|span| column(line, span.start));
            let column = start.map_or(String::new(), |start| start.to_string());
            let field = value.field.map_or("(no field)", crate::model::Field::name);
            let origin = match (value.name.as_str(), value.meaning) {
                ("", meaning) => meaning.to_owned(),
                (name, "") => name.to_owned(),
                (name, meaning) if value.field.is_some_and(|field| field.name() == name) => {
                    meaning.to_owned()
                }
                (name, meaning) => format!("{name}: {meaning}"),
            };
            (column, field, shown(value), origin)
        })
        .collect();
    let fields = rows.iter().map(|row| row.1.len()).max().unwrap_or_default();
    let shown = rows.iter().map(|row| row.2.chars().count());
    let width = shown.filter(|width| *width <= VALUE / 2).max().unwrap_or(0);
    let (field, value) = ("FIELD", "VALUE");
    let _ = writeln!(text, "COLUMN  {field:fields$}  {value:width$}  MEANING");
    for (column, field, value, meaning) in rows {
        let _ = writeln!(
            text,
            "{column:>6}  {field:fields$}  {value:width$}  {meaning}"
        );
    }
    text
}

fn stopped(pattern: &str, stop: &Stop, line: &[u8], name: &str, number: usize) -> String {
    let shown = printable(line);
    let start = column(line, stop.span.start);
    let length = column(line, stop.span.end) - start;
    let there = line.get(stop.span.clone()).unwrap_or_default();
    let found = if there.is_empty() {
        "the end of the line".to_owned()
    } else {
        format!("`{}`", cut(&printable(there)))
    };
    let after = match &stop.after {
        Some(after) => format!("after `{after}`"),
        None => "at its first part".to_owned(),
    };
    let label = format!("expected {}", stop.expected);
    let snippet = Snippet {
        name,
        number,
        line: &shown,
        column: start,
        length,
        label: &label,
    };
    let mut text = format!("`{pattern}` does not read this line: it stops {after}\n{snippet}");
    let indent = number.to_string().len();
    let mut note = |what: &str, words: &str| {
        let _ = writeln!(text, "{:indent$} = {what}: {words}", "");
    };
    note("found", &found);
    note("likely cause", &stop.diagnosis.reason);
    note("help", &stop.diagnosis.remedy);
    let is_about_format = matches!(
        stop.diagnosis.cause,
        Cause::More | Cause::Fewer | Cause::List | Cause::Dash | Cause::Unknown
    );
    if is_about_format
        && let Some(Nearest {
            name,
            at,
            reads: false,
            ..
        }) = &stop.nearest
        && *at > stop.span.start
    {
        let column = column(line, *at);
        let words = format!("`{name}` gets furthest, up to column {column}");
        note("closest preset", &words);
    }
    text
}

/// Escapes bytes outside printable ASCII.
fn printable(text: &[u8]) -> String {
    let shown = text.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        b'\t' => "\\t".to_owned(),
        _ => format!("\\x{byte:02X}"),
    });
    shown.collect()
}

/// Returns the column, from 1, at which a byte of the line is shown.
fn column(line: &[u8], at: usize) -> usize {
    printable(line.get(..at).unwrap_or(line)).len() + 1
}

/// Shortens a value.
fn cut(shown: &str) -> String {
    match shown.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown.to_owned(),
    }
}
