//! Lines that are JSON objects.
//!
//! Invariant: a line that is not one whole JSON object (RFC 8259) is rejected, wherever it goes
//! wrong; time is linear in its length, and nothing is allocated. Two tolerances: bytes that are not
//! UTF-8 may stand in strings, as nginx copies them from clients, and the status may begin with
//! zeros, as nginx writes 009.

mod lower;
#[cfg(test)]
mod tests;

use super::escape::Escaping;
use super::keys::{Found, KEY_BYTES, Keys, Prefix};
use super::reject::Reject;
use crate::model::Record;

pub(super) use lower::lower;

/// Objects and arrays inside one another, at most.
const DEPTH: usize = 32;

/// Reads lines of this format. A key finds its value whether its dots stand for nested objects or
/// for themselves; of several values the first is read. Objects and arrays are no values: a key
/// that holds one is as good as not there. `null` is one that says nothing, like `-`.
#[derive(Clone, Debug)]
pub(super) struct Json {
    pub(super) keys: Keys,
}

impl Json {
    /// Reads a line. Text is given as it stands, its escapes not undone.
    #[inline]
    pub(super) fn parse<'l>(&self, line: &'l [u8], record: &mut Record<'l>) -> Result<(), Reject> {
        let mut scanner = Scanner {
            keys: &self.keys,
            line,
            at: 0,
            found: Found::new(record),
        };
        scanner.document().ok_or(Reject::Mismatch)?;
        self.keys.finish(&scanner.found)
    }
}

/// A line and how far it was read. Every method reads one thing and stops behind it; `None` says
/// that it isn't there.
struct Scanner<'k, 'r, 'l> {
    keys: &'k Keys,
    line: &'l [u8],
    at: usize,
    found: Found<'r, 'l>,
}

/// A string without its quotes.
struct Text<'l> {
    raw: &'l [u8],
    is_escaped: bool,
}

impl<'l> Scanner<'_, '_, 'l> {
    fn document(&mut self) -> Option<()> {
        self.blanks();
        self.expect(b'{')?;
        self.object(Prefix::ROOT, 1)?;
        self.blanks();
        (self.at == self.line.len()).then_some(())
    }

    /// What follows `{`.
    fn object(&mut self, prefix: Prefix, depth: usize) -> Option<()> {
        self.blanks();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.expect(b'"')?;
            let key = self.string()?;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            if prefix.keys == 0 {
                self.value(0, depth)?;
            } else if key.is_escaped {
                self.escaped_member(prefix, &key, depth)?;
            } else {
                self.member(prefix, key.raw, depth)?;
            }
            if self.is_last(b'}')? {
                return Some(());
            }
        }
    }

    /// A value whose key is known.
    #[inline]
    fn member(&mut self, prefix: Prefix, key: &[u8], depth: usize) -> Option<()> {
        let keys = self.keys.at(prefix, key);
        if self.peek()? == b'{' {
            let below = self.keys.below(prefix, key);
            self.at += 1;
            (depth < DEPTH).then_some(())?;
            return self.object(below, depth + 1);
        }
        self.value(keys, depth)
    }

    /// The same where the line writes the key with escapes.
    #[cold]
    fn escaped_member(&mut self, prefix: Prefix, key: &Text<'_>, depth: usize) -> Option<()> {
        let mut buffer = [0; KEY_BYTES];
        let mut length = 0;
        Escaping::Json.write(key.raw, &mut |bytes| {
            let end = length + bytes.len();
            if let Some(place) = buffer.get_mut(length..end) {
                place.copy_from_slice(bytes);
            }
            length = end;
        });
        match buffer.get(..length) {
            Some(key) => self.member(prefix, key, depth),
            // Longer than any key of ours.
            None => self.value(0, depth),
        }
    }

    /// Any value; what it says goes to `keys`.
    fn value(&mut self, keys: u32, depth: usize) -> Option<()> {
        let start = self.at;
        self.at += 1;
        let text = match self.line.get(start)? {
            b'"' => Some(self.string()?.raw),
            b'{' | b'[' if depth >= DEPTH => return None,
            b'{' => return self.object(Prefix::NOWHERE, depth + 1),
            b'[' => return self.array(depth + 1),
            b't' => Some(self.word(start, b"true")?),
            b'f' => Some(self.word(start, b"false")?),
            b'n' => {
                self.word(start, b"null")?;
                None
            }
            b'-' | b'0'..=b'9' => Some(self.number(start, keys)?),
            _ => return None,
        };
        if keys != 0 {
            self.keys.give(keys, text, &mut self.found);
        }
        Some(())
    }

    /// What follows `[`.
    fn array(&mut self, depth: usize) -> Option<()> {
        self.blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(0, depth)?;
            if self.is_last(b']')? {
                return Some(());
            }
        }
    }

    /// Past the comma before another member, or past `close`.
    #[inline]
    fn is_last(&mut self, close: u8) -> Option<bool> {
        self.blanks();
        let byte = self.peek()?;
        self.at += 1;
        if byte == close {
            return Some(true);
        }
        self.blanks();
        (byte == b',').then_some(false)
    }

    /// What follows an opening quote.
    #[inline]
    fn string(&mut self) -> Option<Text<'l>> {
        let start = self.at;
        let mut is_escaped = false;
        loop {
            self.at = special(self.line, self.at)?;
            match *self.line.get(self.at)? {
                b'"' => {
                    let raw = &self.line[start..self.at];
                    self.at += 1;
                    return Some(Text { raw, is_escaped });
                }
                b'\\' => {
                    is_escaped = true;
                    self.at += escape_length(&self.line[self.at + 1..])?;
                }
                // A control character; JSON has them escaped.
                _ => return None,
            }
        }
    }

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, the first byte of which was read.
    fn number(&mut self, start: usize, keys: u32) -> Option<&'l [u8]> {
        let first = match self.line.get(start)? {
            b'-' => start + 1,
            _ => start,
        };
        self.at = first;
        self.digits()?;
        let length = self.at - first;
        let is_status = length == 3 && first == start && self.keys.tell_status(keys);
        if self.line[first] == b'0' && length > 1 && !is_status {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(&self.line[start..self.at])
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn word(&mut self, start: usize, word: &[u8]) -> Option<&'l [u8]> {
        self.at = start + word.len();
        self.line.get(start..self.at).filter(|found| *found == word)
    }

    #[inline]
    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }
}

/// The length of an escape, its backslash included, from what stands behind that.
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

/// The first quote, backslash or control character from `at`, eight bytes at a time.
#[inline]
fn special(line: &[u8], at: usize) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let rest = line.get(at..)?;
    let (chunks, tail) = rest.as_chunks::<8>();
    for (number, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // The lowest bit set is exact: a borrow reaches only bytes above a true one.
        let is_zero = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
        let controls = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
        let found = controls | is_zero(word ^ (LOW * 0x22)) | is_zero(word ^ (LOW * 0x5C));
        if found != 0 {
            return Some(at + number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    tail.iter()
        .position(is_special)
        .map(|found| line.len() - tail.len() + found)
}
