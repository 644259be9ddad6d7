//! Lines of Docker's json-file driver: `{"log":"LINE\n","stream":"stdout","time":"…"}`.

use memchr::memchr2;

use super::piece::{Output, Piece};

/// Deepest nesting of values that are skipped.
const DEPTH: usize = 16;

/// Behind the text, of lines as Docker writes them.
const AS_WRITTEN: [(Output, &[u8]); 2] = [
    (Output::Stdout, b",\"stream\":\"stdout\",\"time\":\""),
    (Output::Stderr, b",\"stream\":\"stderr\",\"time\":\""),
];

/// Reads JSON from its first byte.
struct Reader<'l> {
    rest: &'l [u8],
}

/// A string without its escapes.
struct Text {
    /// Start in the output.
    start: usize,
    /// Number of newlines in it.
    newlines: usize,
}

/// Removes the wrapper of a line, given without its newline, and appends the text in it to `out`. Returns `None` if the line
/// has no whole wrapper; `out` may have grown then.
pub(super) fn unwrap(line: &[u8], out: &mut Vec<u8>) -> Option<Piece> {
    let start = out.len();
    if let Some(rest) = line.strip_prefix(b"{\"log\":") {
        let mut reader = Reader { rest };
        let text = reader.string(out)?;
        for (output, behind) in AS_WRITTEN {
            if let Some(time) = reader.rest.strip_prefix(behind)
                && let [time @ .., b'"', b'}'] = time
                && memchr2(b'"', b'\\', time).is_none()
            {
                let is_last = text.end_line(out)?;
                return Some(Piece { output, is_last });
            }
        }
        out.truncate(start);
    }
    unwrap_any(line, out)
}

/// Removes a wrapper whose members stand in any sequence, with others.
#[cold]
fn unwrap_any(line: &[u8], out: &mut Vec<u8>) -> Option<Piece> {
    let mut reader = Reader { rest: line };
    let mut output = None;
    let mut is_last = None;
    reader.byte(b'{')?;
    loop {
        let key = reader.plain_string()?;
        reader.byte(b':')?;
        match key {
            b"log" if is_last.is_none() => {
                let text = reader.string(out)?;
                is_last = Some(text.end_line(out)?);
            }
            b"stream" if output.is_none() => {
                output = Some(match reader.plain_string()? {
                    b"stdout" => Output::Stdout,
                    b"stderr" => Output::Stderr,
                    _ => return None,
                });
            }
            b"log" | b"stream" => return None,
            _ => reader.skip_value(DEPTH)?,
        }
        reader.blanks();
        match reader.take()? {
            b',' => reader.blanks(),
            b'}' => break,
            _ => return None,
        }
    }
    reader.blanks();
    let is_whole = reader.rest.is_empty();
    is_whole.then_some(())?;
    Some(Piece {
        output: output?,
        is_last: is_last?,
    })
}

impl Text {
    /// Removes the newline that ends the text, which is the last of the output; returns whether there was one. `None` if there
    /// are others: Docker writes one line at a time.
    fn end_line(&self, out: &mut Vec<u8>) -> Option<bool> {
        match self.newlines {
            0 => Some(false),
            1 if out.len() > self.start && out.last() == Some(&b'\n') => {
                out.pop();
                Some(true)
            }
            _ => None,
        }
    }
}

impl<'l> Reader<'l> {
    fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Takes a byte, and blanks around it.
    fn byte(&mut self, wanted: u8) -> Option<()> {
        self.blanks();
        (self.take()? == wanted).then_some(())?;
        self.blanks();
        Some(())
    }

    /// Takes a string without escapes.
    fn plain_string(&mut self) -> Option<&'l [u8]> {
        let text = self.rest.strip_prefix(b"\"")?;
        let end = memchr2(b'"', b'\\', text)?;
        (text[end] == b'"').then_some(())?;
        self.rest = &text[end + 1..];
        Some(&text[..end])
    }

    /// Takes a string, and appends it without its escapes.
    fn string(&mut self, out: &mut Vec<u8>) -> Option<Text> {
        const WORD: usize = size_of::<u64>();
        let mut text = self.rest.strip_prefix(b"\"")?;
        let start = out.len();
        // No escape is shorter than what it stands for.
        out.resize(start + text.len() + WORD, 0);
        let into = &mut out[start..];
        let (mut at, mut newlines) = (0, 0);
        loop {
            while let Some(word) = text.first_chunk::<WORD>() {
                into[at..at + WORD].copy_from_slice(word);
                let plain = plain_bytes(u64::from_le_bytes(*word));
                at += plain;
                text = &text[plain..];
                if plain < WORD {
                    break;
                }
            }
            let (byte, rest) = text.split_first()?;
            text = rest;
            match byte {
                b'"' => {
                    self.rest = text;
                    out.truncate(start + at);
                    return Some(Text { start, newlines });
                }
                b'\\' => {
                    let (escape, rest) = text.split_first()?;
                    text = rest;
                    let plain = match escape {
                        b'"' | b'\\' | b'/' => *escape,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'f' => 12,
                        b'u' => {
                            let (character, rest) = character(text)?;
                            text = rest;
                            newlines += usize::from(character == '\n');
                            at += character.encode_utf8(&mut into[at..]).len();
                            continue;
                        }
                        _ => return None,
                    };
                    newlines += usize::from(plain == b'\n');
                    into[at] = plain;
                    at += 1;
                }
                other => {
                    into[at] = *other;
                    at += 1;
                }
            }
        }
    }

    /// Skips a value of any kind.
    fn skip_value(&mut self, depth: usize) -> Option<()> {
        match self.rest.first()? {
            b'"' => loop {
                let text = self.rest.get(1..)?;
                let end = memchr2(b'"', b'\\', text)?;
                // The byte behind a backslash is read with it.
                let is_end = text[end] == b'"';
                self.rest = text.get(end + usize::from(is_end)..)?;
                if is_end {
                    return Some(());
                }
                self.rest = self.rest.get(1..)?;
            },
            open @ (b'{' | b'[') => {
                let is_object = *open == b'{';
                let close = if is_object { b'}' } else { b']' };
                let depth = depth.checked_sub(1)?;
                self.take();
                self.blanks();
                if self.rest.first() == Some(&close) {
                    self.take();
                    return Some(());
                }
                loop {
                    if is_object {
                        (self.rest.first() == Some(&b'"')).then_some(())?;
                        self.skip_value(depth)?;
                        self.byte(b':')?;
                    }
                    self.skip_value(depth)?;
                    self.blanks();
                    match self.take()? {
                        b',' => self.blanks(),
                        byte if byte == close => return Some(()),
                        _ => return None,
                    }
                }
            }
            _ => {
                let is_of_word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let length = self.rest.iter().take_while(is_of_word).count();
                (length > 0).then_some(())?;
                self.rest = &self.rest[length..];
                Some(())
            }
        }
    }
}

/// Returns the number of bytes before the first quote or backslash of eight, the first of which is the lowest.
fn plain_bytes(word: u64) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let zeros = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let quotes = zeros(word ^ (LOW * u64::from(b'"')));
    let backslashes = zeros(word ^ (LOW * u64::from(b'\\')));
    // Above the first one, others may be found that are not there.
    ((quotes | backslashes).trailing_zeros() / u8::BITS) as usize
}

/// Returns the character of `\uXXXX`, of which `text` begins with the digits, and the text behind it. Half of a pair stands
/// for a replacement character.
fn character(text: &[u8]) -> Option<(char, &[u8])> {
    let (unit, rest) = unit(text)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, rest));
    }
    if unit < 0xdc00
        && let Some(second) = rest.strip_prefix(b"\\u")
        && let Some((low @ 0xdc00..0xe000, rest)) = self::unit(second)
        && let Some(character) = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    {
        return Some((character, rest));
    }
    Some((char::REPLACEMENT_CHARACTER, rest))
}

fn unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let unit = digits
        .iter()
        .try_fold(0, |unit, byte| Some(unit * 16 + digit(byte)?));
    Some((unit?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(Output, bool, &str)>) {
        let mut out = b"before".to_vec();
        let piece = unwrap(line.as_bytes(), &mut out);
        let text = std::str::from_utf8(&out[6..]).unwrap();
        let found = piece.map(|piece| (piece.output, piece.is_last, text));
        assert_eq!(found, expected, "{line:?}");
    }

    const WHOLE: &str = r#"{"log":"a \"b\"\n","stream":"stdout","attrs":{"a":"}","b":[1,{}]},"time":"2026-11-22T10:00:00.1Z"}"#;

    #[test]
    fn members_may_stand_in_any_sequence_and_others_between_them() {
        use Output::{Stderr, Stdout};
        check(WHOLE, Some((Stdout, true, "a \"b\"")));
        check(
            r#"{"time":"x","stream":"stderr","log":"a"}"#,
            Some((Stderr, false, "a")),
        );
        check(
            r#" { "log" : "" , "stream" : "stdout" , "n" : -1.5e3 , "t" : true } "#,
            Some((Stdout, false, "")),
        );
        check(
            r#"{"log":"\n","stream":"stdout","s":"\\\""}"#,
            Some((Stdout, true, "")),
        );
    }

    #[test]
    fn escapes_are_undone() {
        let text =
            r#"{"log":"\u003c\u0026\t\/\\x22\u00e9\ud83d\ude00\ud83dx\r\n","stream":"stdout"}"#;
        let plain = "<&\t/\\x22é😀\u{fffd}x\r";
        check(text, Some((Output::Stdout, true, plain)));
    }

    #[test]
    fn a_line_that_is_cut_anywhere_is_not_a_wrapper() {
        for end in 0..WHOLE.len() {
            check(&WHOLE[..end], None);
        }
        for line in [
            r#"{"log":"a\n"}"#,
            r#"{"stream":"stdout"}"#,
            r#"{"log":"a\n","stream":"stdin"}"#,
            r#"{"log":1,"stream":"stdout"}"#,
            r#"{"log":"a\nb\n","stream":"stdout"}"#,
            r#"{"log":"a\n","log":"b\n","stream":"stdout"}"#,
            r#"{"log":"\x","stream":"stdout"}"#,
            r#"{"log":"\u00","stream":"stdout"}"#,
            r#"{"log":"a\n","stream":"stdout"}x"#,
            r#"{"log":"a\n","stream":"stdout"}{"log":"b\n","stream":"stdout"}"#,
            r#"{"log":"a\n","stream":"stdout","#,
            "{}",
            "192.0.2.1 - -",
        ] {
            check(line, None);
        }
        let deep = format!(
            r#"{{"a":{}1{},"log":"","stream":"stdout"}}"#,
            "[".repeat(20),
            "]".repeat(20)
        );
        check(&deep, None);
    }
}
