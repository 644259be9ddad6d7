//! The ends of JSON's strings and numbers.

use super::super::search::first_special;
use crate::model::digits::{leading, thousandths, word};

/// Returns the closing quote of a string that has a backslash or a control character at `at`.
#[inline(never)]
pub(super) fn escaped_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *line.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += escape_length(&line[at + 1..])?,
            // A control character, which JSON requires to be escaped.
            _ => return None,
        }
        at = first_special(line, at)?;
    }
}

/// Returns the end of `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, whose first byte was checked.
/// A status may also have `[0-9]{3}` before the point.
#[inline]
pub(super) fn number_end(line: &[u8], start: usize, is_status: bool) -> Option<usize> {
    // Nearly all numbers are short integers or seconds; `any_number_end` finds the same end.
    let word = word(line, start);
    let count = leading(word);
    let [first, ..] = word.to_le_bytes();
    if (1..8).contains(&count) && (count == 1 || first != b'0') {
        let [after, ..] = (word >> (8 * count)).to_le_bytes();
        if !matches!(after, b'.' | b'e' | b'E') {
            return Some(start + count);
        }
        if thousandths(word).is_some() && !matches!(word.to_le_bytes()[5], b'e' | b'E') {
            return Some(start + 5);
        }
    }
    any_number_end(line, start, is_status)
}

#[inline(never)]
pub(super) fn any_number_end(line: &[u8], start: usize, is_status: bool) -> Option<usize> {
    let first = start + usize::from(line.get(start) == Some(&b'-'));
    let mut end = digits(line, first)?;
    let length = end - first;
    if length > 1 && line.get(first) == Some(&b'0') {
        (is_status && length == 3 && first == start).then_some(())?;
    }
    if line.get(end) == Some(&b'.') {
        end = digits(line, end + 1)?;
    }
    if let Some(b'e' | b'E') = line.get(end) {
        let is_signed = matches!(line.get(end + 1), Some(b'+' | b'-'));
        end = digits(line, end + 1 + usize::from(is_signed))?;
    }
    Some(end)
}

/// Returns the end of one or more digits.
#[inline]
fn digits(line: &[u8], at: usize) -> Option<usize> {
    match leading(word(line, at)) {
        0 => None,
        8 => {
            let rest = line.get(at + 8..)?.iter();
            let more = rest.take_while(|byte| byte.is_ascii_digit()).count();
            Some(at + 8 + more)
        }
        length => Some(at + length),
    }
}

/// Returns the length of an escape, backslash included; `rest` follows the backslash.
fn escape_length(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(2),
        [b'u', a, b, c, d, ..] => [a, b, c, d]
            .iter()
            .all(|digit| digit.is_ascii_hexdigit())
            .then_some(6),
        _ => None,
    }
}
