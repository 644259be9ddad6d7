//! Hides secrets in the text that faults show.
//!
//! Invariant: outside of the parts that may be shown, no letter and no digit is left. All offsets stay as they are.

use std::ops::Range;
use std::sync::Arc;

use crate::diag::{Fault, Report, Text};

/// Lets the faults of a text show only these parts of it, in bytes.
pub(super) fn mask(report: Report, text: &Arc<Text>, mut shown: Vec<Range<usize>>) -> Report {
    shown.sort_by_key(|span| (span.start, span.end));
    let content = masked(&text.content, &shown);
    let name = text.name.clone();
    let masked = Arc::new(Text { name, content });
    let mut hidden = Report::default();
    hidden.extend(report.into_iter().map(|mut fault: Fault| {
        if let Some(place) = &mut fault.place
            && Arc::ptr_eq(&place.text, text)
        {
            place.text = Arc::clone(&masked);
        }
        fault
    }));
    hidden
}

/// Returns the keys at the start of the lines of a text that is not YAML.
pub(super) fn keys(content: &str) -> Vec<Range<usize>> {
    let mut shown = Vec::new();
    let mut start = 0;
    for line in content.split_inclusive('\n') {
        let is_key = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b' ');
        let key = line.split_once(':').map(|(key, _)| key);
        if let Some(key) = key.filter(|key| key.bytes().all(is_key)) {
            shown.push(start..start + key.len());
        }
        start += line.len();
    }
    shown
}

fn masked(content: &str, shown: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(content.len());
    let mut shown = shown.iter().peekable();
    for (at, c) in content.char_indices() {
        while shown.next_if(|span| span.end <= at).is_some() {}
        let is_shown = shown.peek().is_some_and(|span| span.contains(&at));
        if is_shown || !c.is_alphanumeric() {
            masked.push(c);
        } else {
            masked.extend(std::iter::repeat_n('*', c.len_utf8()));
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shown_parts_keep_letters_and_digits() {
        let text = "key: s3crét\nuser: x";
        let shown = [0..3, 13..17];
        assert_eq!(masked(text, &shown), "key: *******\nuser: *");
    }

    #[test]
    fn keys_of_lines_are_found_in_a_text_that_is_not_yaml() {
        let text = "key: a: b\nMIIE\n  user_name : x\nPASS: x\n";
        let found: Vec<_> = keys(text).into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, ["key", "  user_name "]);
    }
}
