//! Refusals of lines by patterns of keys, and the keys that a line has.

use std::ops::Range;

use super::super::super::keys::Keys;
use super::super::outcome::{Cause, Diagnosis};

/// Most keys that are listed.
const LISTED: usize = 8;

/// The place at which a pattern of keys stops, and why.
pub(in super::super) struct Refusal {
    pub(in super::super) span: Range<usize>,
    /// The key before the place.
    pub(in super::super) after: Option<String>,
    pub(in super::super) expected: String,
    pub(in super::super) diagnosis: Diagnosis,
}

/// The keys of a line.
#[derive(Default)]
pub(super) struct Values {
    /// Each key, and the text of its value if that is a string or a number.
    values: Vec<(String, Range<usize>)>,
}

impl Refusal {
    pub(super) fn new(
        span: Range<usize>,
        expected: impl Into<String>,
        cause: Cause,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            span,
            after: None,
            expected: expected.into(),
            diagnosis: Diagnosis::new(cause, reason, remedy),
        }
    }

    /// Names the key before the place, if there is one.
    pub(super) fn after(mut self, key: &str) -> Self {
        self.after = (!key.is_empty()).then(|| key.to_owned());
        self
    }
}

impl Values {
    pub(super) fn push(&mut self, key: &str, text: Range<usize>) {
        self.values.push((key.to_owned(), text));
    }

    /// Finds the value that is not a number in the unit of its field.
    pub(super) fn bad_number(&self, keys: &Keys, line: &[u8]) -> Option<Refusal> {
        let mut values = self.values.iter();
        let (key, span) = values.find(|(key, span)| keys.refuses(key, &line[span.clone()]))?;
        Some(Refusal::new(
            span.clone(),
            format!("`{key}`: a number"),
            Cause::Number,
            format!("`{key}` is not a number here, or does not fit in 64 bits"),
            "name another key for this field, or have the server write one number",
        ))
    }

    /// Lists the keys that the line lacks, and those that it has.
    pub(super) fn missing(&self, keys: &Keys, line: &[u8]) -> Refusal {
        let there: Vec<&str> = self.values.iter().map(|(key, _)| key.as_str()).collect();
        let missing: Vec<String> = (keys.required())
            .filter(|key| !there.iter().any(|there| there.as_bytes() == *key))
            .map(|key| String::from_utf8_lossy(key).into_owned())
            .collect();
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        let (keys, are) = match missing.len() {
            1 => ("key", "is"),
            _ => ("keys", "are"),
        };
        let there = match there.as_slice() {
            [] => "no key".to_owned(),
            there => listed(there),
        };
        Refusal::new(
            0..line.len(),
            format!("the {keys} {}", listed(&missing)),
            Cause::Fewer,
            format!("the {keys} {} {are} missing", listed(&missing)),
            format!(
                "the line has {there}; name the keys that the server writes, or give other lines a file of their own"
            ),
        )
    }
}

/// Lists keys.
fn listed(keys: &[&str]) -> String {
    let shown: Vec<String> = keys
        .iter()
        .take(LISTED)
        .map(|key| format!("`{key}`"))
        .collect();
    let more = if keys.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
