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
use super::hints::{Hints, Member, Place};
use super::keys::{Found, KEY_BYTES, Keys, Prefix};
use super::reject::Reject;
use super::word;
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
    /// Reads a line; `hints` are those of the lines before it. Text is given as it stands, its
    /// escapes not undone.
    #[inline]
    pub(super) fn parse<'l>(
        &self,
        hints: &mut Hints,
        line: &'l [u8],
        record: &mut Record<'l>,
    ) -> Result<(), Reject> {
        hints.rewind();
        let mut scanner = Scanner {
            keys: &self.keys,
            hints,
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
    hints: &'k mut Hints,
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
        self.object(Prefix::ROOT, 1)?;
        self.blanks();
        (self.at == self.line.len()).then_some(())
    }

    /// An object that may hold what is looked for.
    fn object(&mut self, prefix: Prefix, depth: usize) -> Option<()> {
        let mut is_first = true;
        loop {
            let place = Place::new(prefix, is_first);
            let start = self.at;
            let known = self.hints.find(self.line.get(start..)?, place);
            let member = if let Some((length, member)) = known {
                self.at += length;
                member
            } else {
                if self.is_end(is_first)? {
                    return Some(());
                }
                let member = self.key(prefix)?;
                let lead = self.line.get(start..self.at)?;
                self.hints.learn(lead, place, member);
                member
            };
            self.blanks();
            if self.peek()? == b'{' && member.below.keys != 0 {
                (depth < DEPTH).then_some(())?;
                self.object(member.below, depth + 1)?;
            } else {
                self.value(member.keys, depth)?;
            }
            if self.peek()? == b'}' {
                self.at += 1;
                return Some(());
            }
            is_first = false;
        }
    }

    /// Past what stands before a key, or past the end of the object.
    fn is_end(&mut self, is_first: bool) -> Option<bool> {
        if is_first {
            self.is_empty(b'{', b'}')
        } else {
            self.is_last(b'}')
        }
    }

    /// What a key and its colon are.
    #[inline(never)]
    fn key(&mut self, prefix: Prefix) -> Option<Member> {
        let key = self.name()?;
        Some(if key.is_escaped {
            self.escaped_member(prefix, &key)
        } else {
            self.member(prefix, key.raw)
        })
    }

    fn member(&self, prefix: Prefix, key: &[u8]) -> Member {
        Member {
            keys: self.keys.at(prefix, key),
            below: self.keys.below(prefix, key),
        }
    }

    /// The same where the line writes the key with escapes.
    #[cold]
    fn escaped_member(&self, prefix: Prefix, key: &Text<'_>) -> Member {
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
            Some(key) => self.member(prefix, key),
            // Longer than any key of ours.
            None => Member::NONE,
        }
    }

    /// Any value; what it says goes to `keys`.
    #[inline]
    fn value(&mut self, keys: u32, depth: usize) -> Option<()> {
        let text = match self.peek()? {
            b'"' => {
                self.at += 1;
                Some(self.string()?.raw)
            }
            b'-' | b'0'..=b'9' => Some(self.number(keys)?),
            _ => return self.other_value(keys, depth),
        };
        if keys != 0 {
            self.keys.give(keys, text, &mut self.found);
        }
        Some(())
    }

    /// What is neither a string nor a number.
    #[inline(never)]
    fn other_value(&mut self, keys: u32, depth: usize) -> Option<()> {
        let text = match self.peek()? {
            b'{' | b'[' if depth >= DEPTH => return None,
            b'{' => return self.other_object(depth + 1),
            b'[' => return self.array(depth + 1),
            b't' => Some(self.word(b"true")?),
            b'f' => Some(self.word(b"false")?),
            b'n' => {
                self.word(b"null")?;
                None
            }
            _ => return None,
        };
        self.keys.give(keys, text, &mut self.found);
        Some(())
    }

    /// An object that holds nothing of what is looked for.
    fn other_object(&mut self, depth: usize) -> Option<()> {
        if self.is_empty(b'{', b'}')? {
            return Some(());
        }
        loop {
            self.name()?;
            self.blanks();
            self.value(0, depth)?;
            if self.is_last(b'}')? {
                return Some(());
            }
        }
    }

    /// A key and the colon behind it.
    #[inline]
    fn name(&mut self) -> Option<Text<'l>> {
        self.expect(b'"')?;
        let name = self.string()?;
        self.blanks();
        self.expect(b':')?;
        Some(name)
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        if self.is_empty(b'[', b']')? {
            return Some(());
        }
        loop {
            self.value(0, depth)?;
            if self.is_last(b']')? {
                return Some(());
            }
        }
    }

    /// Past `open`, and past `close` if that follows.
    #[inline]
    fn is_empty(&mut self, open: u8, close: u8) -> Option<bool> {
        self.expect(open)?;
        self.blanks();
        let is_empty = self.peek()? == close;
        self.at += usize::from(is_empty);
        Some(is_empty)
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
            self.at = word::special(self.line, self.at)?;
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

    /// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, the first byte of which was seen.
    fn number(&mut self, keys: u32) -> Option<&'l [u8]> {
        let start = self.at;
        let first = match self.peek()? {
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
        let length = word::digits(self.line.get(self.at..)?);
        self.at += length;
        (length > 0).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<&'l [u8]> {
        let start = self.at;
        self.at += word.len();
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
