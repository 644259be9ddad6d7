//! Decides whether a text tells which text it is.
//!
//! Invariant: pure. A text that is short, or one line, or that repeats itself proves nothing: another text may hold it too.

use memchr::{memchr, memrchr};

/// Fewer bytes do not identify a text.
const LEAST_BYTES: usize = 64;

/// Returns the lines that are whole, both ends included, in a part of a text; `is_start` if it begins with a line.
pub(super) fn whole_lines(part: &[u8], is_start: bool) -> &[u8] {
    let start = match memchr(b'\n', part) {
        _ if is_start => 0,
        Some(newline) => newline + 1,
        None => part.len(),
    };
    let end = memrchr(b'\n', part).map_or(0, |newline| newline + 1);
    &part[start..end.max(start)]
}

/// Returns whether these lines identify a text: they are not all alike, and more than a few bytes.
pub(super) fn identifies(lines: &[u8]) -> bool {
    let mut each = lines.split_inclusive(|byte| *byte == b'\n');
    let first = each.next();
    lines.len() >= LEAST_BYTES && each.any(|line| Some(line) != first)
}

/// Returns whether these last lines of a text identify it and do not repeat: an ending of less than half of them occurs only
/// once.
pub(super) fn is_distinctive(lines: &[u8]) -> bool {
    identifies(lines) && longest_repeat(lines) * 2 < lines.len()
}

/// Returns the longest of the endings of lines that another text begins with, if it identifies a text and the last line
/// occurs only once.
pub(super) fn ending_at_start(lines: &[u8], other: &[u8]) -> Option<usize> {
    let mut each = lines.split_inclusive(|byte| *byte == b'\n');
    let last = each.next_back()?;
    if each.any(|line| line == last) {
        return None;
    }
    let starts = memchr::memchr_iter(b'\n', lines).map(|newline| newline + 1);
    let mut endings = std::iter::once(0)
        .chain(starts)
        .map(|start| &lines[start..]);
    endings
        .find(|ending| identifies(ending) && other.starts_with(ending))
        .map(<[u8]>::len)
}

/// Returns the length of the longest ending of a text that occurs in it a second time: the largest value of the Z-function
/// of the text read backwards.
fn longest_repeat(text: &[u8]) -> usize {
    let back = |at: usize| text[text.len() - 1 - at];
    let mut matches = vec![0_usize; text.len()];
    let (mut from, mut until) = (0, 0);
    for at in 1..text.len() {
        let mut length = if at < until {
            matches[at - from].min(until - at)
        } else {
            0
        };
        while at + length < text.len() && back(length) == back(at + length) {
            length += 1;
        }
        if at + length > until {
            (from, until) = (at, at + length);
        }
        matches[at] = length;
    }
    matches.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_several_lines_that_do_not_repeat_are_distinctive() {
        let long = "x".repeat(70);
        for (text, identifying, distinctive) in [
            ("", false, false),
            ("1\n2\n", false, false),
            (&*format!("{long}\n"), false, false),
            (&*"the same line\n".repeat(9), false, false),
            (&*"first line\nsecond line\n".repeat(4), true, false),
            (&*"first line\nsecond line\n".repeat(40), true, false),
            (&*format!("{long}\n1\n"), true, true),
            (&*format!("{long}\n{long}\n1\n"), true, true),
            (&*format!("{long}\n1\n{long}\n1\n"), true, false),
        ] {
            assert_eq!(identifies(text.as_bytes()), identifying, "{text}");
            assert_eq!(is_distinctive(text.as_bytes()), distinctive, "{text}");
        }
    }

    #[test]
    fn parts_of_lines_are_left_out() {
        assert_eq!(whole_lines(b"a\nb\nc", true), b"a\nb\n");
        assert_eq!(whole_lines(b"a\nb\nc", false), b"b\n");
        assert_eq!(whole_lines(b"a\n", false), b"");
        assert_eq!(whole_lines(b"a", false), b"");
        assert_eq!(whole_lines(b"a", true), b"");
    }

    #[test]
    fn the_last_lines_are_found_at_the_start_of_a_trimmed_text() {
        let line = |number: u32| format!("line number {number} with some more of a text\n");
        let lines: String = (0..5).map(line).collect();
        let check = |other: String, expected: Option<usize>| {
            let found = ending_at_start(lines.as_bytes(), other.as_bytes());
            assert_eq!(found, expected, "{other}");
        };
        check(line(3) + &line(4) + &line(5), Some(2 * line(3).len()));
        check(line(4) + &line(5), None);
        check(line(1) + &line(2), None);
        check(lines.clone(), Some(lines.len()));
        let repeated = line(1) + &line(2) + &line(1) + &line(2);
        assert_eq!(
            ending_at_start(repeated.as_bytes(), repeated.as_bytes()),
            None
        );
    }

    proptest! {
        #[test]
        fn the_longest_repeat_is_that_of_trying_all(text in "[ab]{0,40}") {
            let text = text.as_bytes();
            let occurs_earlier = |length: &usize| {
                let ending = &text[text.len() - length..];
                text[..text.len() - 1].windows(*length).any(|part| part == ending)
            };
            let longest = (1..text.len()).rev().find(occurs_earlier).unwrap_or(0);
            prop_assert_eq!(longest_repeat(text), longest);
        }
    }
}
