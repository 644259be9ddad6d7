//! Reads lines of JSON, to find their keys, or the byte at which a line is not JSON and the cause.

use std::ops::Range;

use super::super::outcome::Cause;
use super::refusal::{Refusal, Values};

/// Deepest nesting that is followed.
const DEPTH: usize = 32;

/// Reads the values of a line that begins with `{`; returns the refusal of a line that is not JSON.
pub(super) fn read(line: &[u8], values: &mut Values) -> Option<Refusal> {
    let mut reader = Reader {
        line,
        at: 0,
        key: String::new(),
        values,
    };
    let flaw = reader.document().err()?;
    Some(reader.refusal(flaw))
}

/// Cause of a text that is not JSON.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// `-` for a number.
    Dash,
    /// No value.
    Nothing,
    /// Several numbers without quotes.
    List,
    /// An escape that JSON does not have.
    Escape,
    /// Text after the object.
    Behind,
    /// The end of the line.
    Cut,
    Other,
}

/// A line of JSON and the offset reached in it.
struct Reader<'l, 'v> {
    line: &'l [u8],
    at: usize,
    /// The key whose value is read, with those of the objects around it.
    key: String,
    values: &'v mut Values,
}

impl Reader<'_, '_> {
    fn document(&mut self) -> Result<(), Flaw> {
        self.blanks();
        self.object("", 1)?;
        self.blanks();
        if self.at < self.line.len() {
            return Err(Flaw::Behind);
        }
        Ok(())
    }

    fn object(&mut self, prefix: &str, depth: usize) -> Result<(), Flaw> {
        if self.is_empty(b'}') {
            return Ok(());
        }
        loop {
            let start = self.at;
            self.string()?;
            let name = String::from_utf8_lossy(&self.line[start + 1..self.at - 1]).into_owned();
            self.key = format!("{prefix}{name}");
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.other());
            }
            self.at += 1;
            self.blanks();
            let start = self.at;
            let key = self.key.clone();
            self.value(&key, depth)?;
            let text = match self.line.get(start..self.at) {
                Some([b'"', .., b'"']) => start + 1..self.at - 1,
                Some([b'-' | b'0'..=b'9' | b't' | b'f' | b'n', ..]) => start..self.at,
                _ => start..start,
            };
            self.values.push(&key, text);
            self.key = key;
            self.blanks();
            let is_number = self.line[start].is_ascii_digit() || self.line[start] == b'-';
            match self.peek() {
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b',') => {
                    let comma = self.at;
                    self.at += 1;
                    self.blanks();
                    let is_value = matches!(self.peek(), Some(b'-' | b'0'..=b'9'));
                    if is_number && is_value {
                        self.at = comma;
                        return Err(Flaw::List);
                    }
                }
                Some(b':') if is_number => return Err(Flaw::List),
                _ => return Err(self.other()),
            }
        }
    }

    /// Passes the opening of an object or an array, and its end if nothing is inside.
    fn is_empty(&mut self, end: u8) -> bool {
        self.at += 1;
        self.blanks();
        let is_empty = self.peek() == Some(end);
        self.at += usize::from(is_empty);
        is_empty
    }

    fn value(&mut self, key: &str, depth: usize) -> Result<(), Flaw> {
        let rest = self.line.get(self.at..).unwrap_or_default();
        match rest {
            [b'"', ..] => self.string(),
            [b'{' | b'[', ..] if depth >= DEPTH => Err(Flaw::Other),
            [b'{', ..] => self.object(&format!("{key}."), depth + 1),
            [b'[', ..] => self.array(key, depth + 1),
            [b'-', b'0'..=b'9', ..] | [b'0'..=b'9', ..] => {
                self.number();
                Ok(())
            }
            [b'-', ..] => Err(Flaw::Dash),
            [b',' | b'}' | b']', ..] => Err(Flaw::Nothing),
            [] => Err(Flaw::Cut),
            _ => {
                let words = [&b"true"[..], b"false", b"null"];
                let word = words.iter().find(|word| rest.starts_with(word));
                self.at += word.ok_or(Flaw::Other)?.len();
                Ok(())
            }
        }
    }

    fn array(&mut self, key: &str, depth: usize) -> Result<(), Flaw> {
        if self.is_empty(b']') {
            return Ok(());
        }
        loop {
            self.value(key, depth)?;
            self.blanks();
            let next = self.peek();
            if !matches!(next, Some(b']' | b',')) {
                return Err(self.other());
            }
            self.at += 1;
            if next == Some(b']') {
                return Ok(());
            }
            self.blanks();
        }
    }

    /// Reads a string with its quotes.
    fn string(&mut self) -> Result<(), Flaw> {
        if self.peek() != Some(b'"') {
            return Err(self.other());
        }
        let mut at = self.at + 1;
        loop {
            match self.line.get(at..).unwrap_or_default() {
                [b'"', ..] => {
                    self.at = at + 1;
                    return Ok(());
                }
                [
                    b'\\',
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u',
                    ..,
                ] => at += 2,
                [b'\\', _, ..] => {
                    self.at = at;
                    return Err(Flaw::Escape);
                }
                [0..=31, ..] => {
                    self.at = at;
                    return Err(Flaw::Other);
                }
                [] | [_] => {
                    self.at = self.line.len();
                    return Err(Flaw::Cut);
                }
                _ => at += 1,
            }
        }
    }

    fn number(&mut self) {
        let rest = &self.line[self.at..];
        let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        self.at += rest.iter().take_while(is_part).count();
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// Returns the flaw of an unexpected byte, or of the line's end.
    fn other(&self) -> Flaw {
        match self.peek() {
            Some(_) => Flaw::Other,
            None => Flaw::Cut,
        }
    }

    fn refusal(&self, flaw: Flaw) -> Refusal {
        let quotes = "put the variable in quotes in nginx's log_format, or give the log_format itself as `nginx = …`, which reads such lines";
        let (expected, cause, reason, remedy) = match flaw {
            Flaw::Dash => (
                "a value",
                Cause::Dash,
                "this is not JSON: nginx writes `-` here for an absent value",
                quotes,
            ),
            Flaw::Nothing => (
                "a value",
                Cause::Nothing,
                "this is not JSON: nginx writes nothing here for an absent value",
                quotes,
            ),
            Flaw::List => (
                "another key, or the end of the object",
                Cause::List,
                "this is not JSON: nginx writes several values here, one for each attempt",
                quotes,
            ),
            Flaw::Escape => (
                "an escape of JSON: `\\u0022`",
                Cause::Escape,
                "this is not JSON, which has no `\\x`: nginx writes it without escape=json",
                "add escape=json to nginx's log_format, or give the log_format itself as `nginx = …`, which reads such lines",
            ),
            Flaw::Behind => (
                "the end of the line",
                Cause::More,
                "text follows the object",
                "have the server write one object on each line, and nothing else",
            ),
            Flaw::Cut => (
                "the rest of the object",
                Cause::Unclosed,
                "the line ends inside of the object: it is cut short",
                "check for a full disk, a collector that splits lines, or a length limit",
            ),
            Flaw::Other => (
                "JSON",
                Cause::Unknown,
                "this is not JSON",
                "have the server write one JSON object on each line",
            ),
        };
        let end = match flaw {
            Flaw::Behind => self.line.len(),
            Flaw::Escape => (self.at + 2).min(self.line.len()),
            _ => (self.at + 1).min(self.line.len()),
        };
        let span: Range<usize> = self.at.min(end)..end;
        Refusal::new(span, expected, cause, reason, remedy).after(&self.key)
    }
}
