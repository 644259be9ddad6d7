//! Lines that are JSON objects.
//!
//! Invariant: a line that is not exactly one JSON object (RFC 8259) is rejected, wherever the error is;
//! time is linear in its length, and nothing is allocated. Two exceptions: strings may contain bytes
//! that are not UTF-8, which nginx copies from clients, and the status may begin with zeros, as in
//! nginx's 009.

mod lexeme;
mod lower;

use super::Ahead;
use super::escape::Escaping;
use super::hints::{Hints, Member, Place};
use super::keys::{Found, KEY_BYTES, Keys, Prefix};
use super::search::first_special;
use crate::model::Record;

use lexeme::{escaped_end, number_end};

pub(super) use lower::lower;

/// Deepest nesting of objects and arrays.
const DEPTH: usize = 32;

/// Reads the line that `text` begins with, which ends at the first newline or the text's end.
/// [`Ahead::Undecided`] if the line is not an object. Values keep their escapes.
///
/// A dot in a key may stand for a nested object or for itself, and the first value of a key is
/// read. Objects are not values: a key that holds one counts as missing. An array of one value is that
/// value, and the first ten items of any array have the keys `0` to `9`. `null` is a missing value, like `-`.
#[inline]
pub(super) fn read<'l>(
    keys: &Keys,
    hints: &mut Hints,
    text: &'l [u8],
    record: &mut Record<'l>,
) -> Ahead {
    hints.rewind();
    let mut scanner = Scanner {
        keys,
        hints,
        line: text,
        at: 0,
        found: Found::new(record),
    };
    match scanner.document() {
        Some(()) => keys.finish(&scanner.found, scanner.at),
        None => Ahead::Undecided,
    }
}

/// A line and the offset reached in it. Every method reads one item and stops after it; `None` if
/// the line has something else there.
struct Scanner<'k, 'r, 'l> {
    keys: &'k Keys,
    hints: &'k mut Hints,
    line: &'l [u8],
    at: usize,
    found: Found<'r, 'l>,
}

/// The item after the opening brace or a member of an object.
enum Next {
    Member(Member),
    End,
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
        matches!(self.line.get(self.at), None | Some(b'\n')).then_some(())
    }

    /// Reads an object that may contain keys with bindings.
    fn object(&mut self, prefix: Prefix, depth: usize) -> Option<()> {
        let line = self.line;
        let mut is_first = true;
        loop {
            let place = Place::new(prefix, is_first);
            let rest = line.get(self.at..)?;
            let member = if let Some((length, member)) = self.hints.find(rest, place) {
                self.at += length;
                member
            } else {
                match self.next(prefix, is_first)? {
                    Next::End => return Some(()),
                    Next::Member(member) => member,
                }
            };
            let start = self.at;
            let (text, end) = match *line.get(start)? {
                b'"' => {
                    let quote = first_special(line, start + 1)?;
                    let end = match line.get(quote)? {
                        b'"' => quote,
                        _ => escaped_end(line, quote)?,
                    };
                    (line.get(start + 1..end)?, end + 1)
                }
                b'-' | b'0'..=b'9' => {
                    let end = number_end(line, start, self.keys.include_status(member.keys))?;
                    (line.get(start..end)?, end)
                }
                _ => {
                    self.nested(member, depth)?;
                    is_first = false;
                    continue;
                }
            };
            self.at = end;
            self.keys.give(member.keys, Some(text), &mut self.found);
            is_first = false;
        }
    }

    /// Reads up to the next value of an object without the nearest hint.
    #[inline(never)]
    fn next(&mut self, prefix: Prefix, is_first: bool) -> Option<Next> {
        let start = self.at;
        let is_end = if is_first {
            self.is_empty(b'{', b'}')?
        } else {
            self.is_last(b'}')?
        };
        if is_end {
            return Some(Next::End);
        }
        let place = Place::new(prefix, is_first);
        let known = self.hints.find_further(self.line.get(start..)?, place);
        if let Some((length, member)) = known {
            self.at = start + length;
            return Some(Next::Member(member));
        }
        let member = self.key(prefix)?;
        let lead = self.line.get(start..self.at)?;
        self.hints.learn(lead, place, member);
        Some(Next::Member(member))
    }

    /// Reads a value after blanks, or one that is neither a string nor a number.
    #[inline(never)]
    fn nested(&mut self, member: Member, depth: usize) -> Option<()> {
        self.blanks();
        if self.peek()? == b'{' && member.below.keys != 0 {
            (depth < DEPTH).then_some(())?;
            self.object(member.below, depth + 1)
        } else if self.peek()? == b'[' && (member.keys | member.below.keys) != 0 {
            (depth < DEPTH).then_some(())?;
            self.wanted_array(member, depth + 1)
        } else {
            self.value(member.keys, depth)
        }
    }

    /// Reads an array whose value or items have bindings.
    #[inline(never)]
    fn wanted_array(&mut self, array: Member, depth: usize) -> Option<()> {
        if self.is_empty(b'[', b']')? {
            return Some(());
        }
        let mut only = None;
        for index in 0_usize.. {
            let member = match (array.below.keys, u8::try_from(index)) {
                (1.., Ok(index @ 0..=9)) => self.member(array.below, &[b'0' + index]),
                _ => Member::NONE,
            };
            let start = self.at;
            self.nested(member, depth)?;
            only = (index == 0)
                .then(|| self.line.get(start..self.at))
                .flatten();
            if self.is_last(b']')? {
                break;
            }
        }
        // Several values are none.
        let text = match only {
            Some([b'"', inside @ .., b'"']) => inside,
            Some(number @ [b'-' | b'0'..=b'9' | b't' | b'f', ..]) => number,
            Some(b"null") => b"",
            _ => return Some(()),
        };
        self.keys.give(array.keys, Some(text), &mut self.found);
        Some(())
    }

    /// Reads a key and its colon, and looks the key up.
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
            keys: self.keys.find(prefix, key),
            below: self.keys.below(prefix, key),
        }
    }

    /// Looks up a key that is written with escapes.
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
            // Longer than any key with a binding.
            None => Member::NONE,
        }
    }

    /// Reads any value of these keys.
    fn value(&mut self, keys: u32, depth: usize) -> Option<()> {
        let text = match self.peek()? {
            b'"' => {
                self.at += 1;
                Some(self.string()?.raw)
            }
            b'-' | b'0'..=b'9' => Some(self.number(keys)?),
            _ => return self.other_value(keys, depth),
        };
        self.keys.give(keys, text, &mut self.found);
        Some(())
    }

    /// Reads a value that is neither a string nor a number.
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

    /// Reads an object without bindings.
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

    /// Reads a key and its colon.
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

    /// Skips `open`, and `close` if it follows at once; returns whether it does.
    #[inline]
    fn is_empty(&mut self, open: u8, close: u8) -> Option<bool> {
        self.expect(open)?;
        self.blanks();
        let is_empty = self.peek()? == close;
        self.at += usize::from(is_empty);
        Some(is_empty)
    }

    /// Skips `close`, or the comma before another item; returns whether it was `close`.
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

    /// Reads a string after its opening quote.
    #[inline]
    fn string(&mut self) -> Option<Text<'l>> {
        let start = self.at;
        let mut end = first_special(self.line, start)?;
        let is_escaped = self.line.get(end) != Some(&b'"');
        if is_escaped {
            end = escaped_end(self.line, end)?;
        }
        self.at = end + 1;
        let raw = self.line.get(start..end)?;
        Some(Text { raw, is_escaped })
    }

    #[inline]
    fn number(&mut self, keys: u32) -> Option<&'l [u8]> {
        let start = self.at;
        self.at = number_end(self.line, start, self.keys.include_status(keys))?;
        self.line.get(start..self.at)
    }

    fn word(&mut self, word: &[u8]) -> Option<&'l [u8]> {
        let start = self.at;
        self.at += word.len();
        self.line.get(start..self.at).filter(|found| *found == word)
    }

    #[inline]
    fn blanks(&mut self) {
        // JSON allows newlines here too, but they end the line.
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
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

#[cfg(test)]
mod tests;
