//! Reads lines of LTSV, to find their labels, or the field that has none.

use super::super::detect;
use super::super::outcome::Cause;
use super::refusal::{Refusal, Values};

/// Reads the values of a line; returns the refusal of a line that is not LTSV.
pub(super) fn read(line: &[u8], values: &mut Values) -> Option<Refusal> {
    let mut before = "";
    let mut at = 0;
    for field in line.split(|byte| *byte == b'\t') {
        let end = at + field.len();
        let label = detect::label(field);
        let Some(label) = label.and_then(|label| std::str::from_utf8(label).ok()) else {
            // A line may end in tabs.
            if line[at..].iter().all(|byte| *byte == b'\t') {
                return None;
            }
            return Some(without_label(at..end).after(before));
        };
        values.push(label, at + label.len() + 1..end);
        before = label;
        at = end + 1;
    }
    if !line.contains(&b'\t')
        && let Some(second) = detect::word_starts(line).find(|at| is_labelled(&line[*at..]))
    {
        return Some(without_tab(second - 1..second).after(before));
    }
    None
}

/// Returns whether a text begins with a label.
pub(super) fn is_labelled(text: &[u8]) -> bool {
    let field = text.split(|byte| matches!(byte, b'\t' | b' ')).next();
    field.and_then(detect::label).is_some()
}

fn without_label(span: std::ops::Range<usize>) -> Refusal {
    Refusal::new(
        span,
        "a label and a colon",
        Cause::Label,
        "this is not LTSV: the field has no `label:` before its value",
        "have the server write `label:value` for every field, without tabs in the values",
    )
}

fn without_tab(span: std::ops::Range<usize>) -> Refusal {
    Refusal::new(
        span,
        "a tab",
        Cause::Label,
        "this is not LTSV: blanks separate the fields",
        "have the server write a tab between the fields",
    )
}
