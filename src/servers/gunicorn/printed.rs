//! Reads the output of `gunicorn --print-config`.
//!
//! Invariant: nothing is unknown in it, except what logging configurations do.

use std::ops::Range;

/// Returns whether a text is the output of `gunicorn --print-config`.
pub(super) fn is_printed(text: &str) -> bool {
    let has = |name: &str| settings(text).any(|(found, ..)| found == name);
    has("access_log_format") && has("accesslog") && has("worker_tmp_dir")
}

/// Iterates over the settings: name, value and span of each.
pub(super) fn settings(text: &str) -> impl Iterator<Item = (&str, &str, Range<usize>)> {
    let mut at = 0;
    let lines = text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end_matches(['\r', '\n']))
    });
    lines.filter_map(|(start, line)| {
        let (name, value) = line.split_once(" = ")?;
        let name = name.trim_end();
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let is_setting = !name.is_empty() && name.bytes().all(is_name);
        is_setting.then_some((name, value, start..start + line.len()))
    })
}
