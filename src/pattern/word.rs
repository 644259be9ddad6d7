//! Bytes looked at eight at a time, as one number.
//!
//! Invariant: what is found in words is what is found byte by byte.

use memchr::memchr;

/// The highest bit of each byte.
const TOPS: u64 = each(0x80);

/// A byte in every place.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The first quote, backslash or control character from `at`.
#[inline]
pub(super) fn special(line: &[u8], at: usize) -> Option<usize> {
    // Most strings are short.
    match line.get(at..)?.first_chunk() {
        Some(word) if specials(*word) != 0 => Some(at + first(specials(*word))),
        Some(_) => special_further(line, at + 8),
        None => special_further(line, at),
    }
}

#[inline(never)]
fn special_further(line: &[u8], mut at: usize) -> Option<usize> {
    let (words, rest) = line.get(at..)?.as_chunks::<8>();
    for word in words {
        let marks = specials(*word);
        if marks != 0 {
            return Some(at + first(marks));
        }
        at += 8;
    }
    if rest.is_empty() {
        return None;
    }
    let Some(word) = line.last_chunk() else {
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        return rest.iter().position(is_special).map(|found| at + found);
    };
    // The line's last word has bytes that were looked at.
    let marks = specials(*word) >> (8 * (8 - rest.len()));
    (marks != 0).then(|| at + first(marks))
}

/// The first tab from `at`.
#[inline]
pub(super) fn tab(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    // Most values are short.
    if let Some((low, rest)) = rest.split_first_chunk()
        && let Some((high, rest)) = rest.split_first_chunk()
    {
        let marks = tabs(*low);
        if marks != 0 {
            return Some(at + first(marks));
        }
        let marks = tabs(*high);
        if marks != 0 {
            return Some(at + 8 + first(marks));
        }
        return memchr(b'\t', rest).map(|found| at + 16 + found);
    }
    let found = rest.iter().position(|byte| *byte == b'\t')?;
    Some(at + found)
}

/// How many digits the text begins with.
#[inline]
pub(super) fn digits(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<8>();
    let mut length = 0;
    for word in words {
        let marks = non_digits(*word);
        if marks != 0 {
            return length + first(marks);
        }
        length += 8;
    }
    let rest = text.get(length..).unwrap_or_default();
    length + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The place of the lowest mark. It is exact, others are not: what is borrowed or carried comes
/// from a byte that is marked, and reaches only bytes above it.
#[inline]
fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

#[inline]
fn specials(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let controls = word.wrapping_sub(each(0x20));
    let quotes = (word ^ each(b'"')).wrapping_sub(each(1));
    let backslashes = (word ^ each(b'\\')).wrapping_sub(each(1));
    (controls | quotes | backslashes) & !word & TOPS
}

#[inline]
fn tabs(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    (word ^ each(b'\t')).wrapping_sub(each(1)) & !word & TOPS
}

#[inline]
fn non_digits(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let above = word.wrapping_add(each(0x7F - b'9'));
    let below = word.wrapping_sub(each(b'0'));
    (above | below | word) & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_of_a_set_is_found(
            text in proptest::collection::vec(prop_oneof![20 => Just(b'x'), 1 => any::<u8>(), 1 => Just(b'\t')], 0..70),
            at in 0..20_usize,
        ) {
            let first = |is_member: fn(u8) -> bool| {
                let found = text.iter().skip(at).position(|byte| is_member(*byte));
                found.map(|found| at + found)
            };
            prop_assert_eq!(special(&text, at), first(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)));
            prop_assert_eq!(tab(&text, at), first(|byte| byte == b'\t'));
        }

        #[test]
        fn digits_are_counted(
            text in proptest::collection::vec(prop_oneof![30 => b'0'..=b'9', 1 => b'/'..=b':', 1 => any::<u8>()], 0..30),
        ) {
            let expected = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(digits(&text), expected);
        }
    }
}
