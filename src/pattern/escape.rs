//! Escaping: how servers write bytes that their notation cannot hold, and how to undo it.
//!
//! Invariant: unescaping restores the server's bytes; a sequence that the server never writes stays as it
//! is. Text without escapes is not copied.

use memchr::memchr;

use crate::model::vector::mask;

/// The escaping of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escaping {
    /// No escaping: a client can write any byte that its protocol allows.
    #[default]
    None,
    /// nginx's default: `\xHH`, with capitals, for `"`, `\` and everything that is not printable
    /// ASCII (`src/http/modules/ngx_http_log_module.c`, `ngx_http_log_escape`).
    Nginx,
    /// gunicorn's: `"` as `\"`, and a backslash as itself (`gunicorn/glogging.py`, `SafeAtoms`).
    Quotes,
    /// Apache's: `\"`, `\\`, `\b`, `\n`, `\r`, `\t`, `\v`, and `\xhh`
    /// (`server/util.c`, `ap_escape_logitem`).
    C,
    /// JSON's (RFC 8259, 7).
    Json,
}

/// Returns whether a text contains a backslash. Most texts are too short for the call of a search.
#[inline]
fn holds_backslash(text: &[u8]) -> bool {
    let (chunks, _) = text.as_chunks();
    match text.last_chunk() {
        Some(last) => (chunks.iter().chain([last])).any(|chunk| mask(chunk, [b'\\']) != 0),
        None => text.contains(&b'\\'),
    }
}

impl Escaping {
    /// Returns the server's bytes. `buffer` holds them where they differ from `text`.
    #[inline]
    pub fn undo<'t>(self, text: &'t [u8], buffer: &'t mut Vec<u8>) -> &'t [u8] {
        if self == Self::None || !holds_backslash(text) {
            return text;
        }
        buffer.clear();
        self.write(text, &mut |bytes| buffer.extend_from_slice(bytes));
        buffer
    }

    /// Passes the server's bytes to `write`, in pieces.
    #[cold]
    pub(super) fn write(self, mut text: &[u8], write: &mut impl FnMut(&[u8])) {
        let undo: fn(&[u8]) -> Option<(Character, usize)> = match self {
            Self::None => |_| None,
            Self::Nginx => nginx,
            Self::Quotes => |rest| (rest.first() == Some(&b'"')).then(|| (byte(b'"'), 1)),
            Self::C => c,
            Self::Json => json,
        };
        while let Some(backslash) = memchr(b'\\', text) {
            write(&text[..backslash]);
            let rest = &text[backslash + 1..];
            text = if let Some((character, length)) = undo(rest) {
                write(character.bytes());
                &rest[length..]
            } else {
                write(b"\\");
                rest
            };
        }
        write(text);
    }
}

/// An unescaped character of one to four bytes.
struct Character {
    bytes: [u8; 4],
    length: usize,
}

impl Character {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn byte(byte: u8) -> Character {
    Character {
        bytes: [byte, 0, 0, 0],
        length: 1,
    }
}

/// Parses nginx's escape after its backslash, and returns its length.
fn nginx(rest: &[u8]) -> Option<(Character, usize)> {
    match rest {
        [b'x', high, low, ..] if !high.is_ascii_lowercase() && !low.is_ascii_lowercase() => {
            Some((byte(hex(*high)? << 4 | hex(*low)?), 3))
        }
        _ => None,
    }
}

fn c(rest: &[u8]) -> Option<(Character, usize)> {
    let plain = match rest.first()? {
        b'x' => {
            let (high, low) = (hex(*rest.get(1)?)?, hex(*rest.get(2)?)?);
            return Some((byte(high << 4 | low), 3));
        }
        b'b' => b'\x08',
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => b'\x0B',
        same @ (b'"' | b'\\') => *same,
        _ => return None,
    };
    Some((byte(plain), 1))
}

/// Parses JSON's escape; half of a surrogate pair, which is not a character, becomes U+FFFD.
fn json(rest: &[u8]) -> Option<(Character, usize)> {
    let plain = match rest.first()? {
        b'u' => {
            let first = code_unit(rest.get(1..)?)?;
            let second = match rest.get(5..) {
                Some([b'\\', b'u', digits @ ..]) => code_unit(digits),
                _ => None,
            };
            let units = [first, second.unwrap_or_default()];
            return Some(match char::decode_utf16(units).next() {
                Some(Ok(character)) => {
                    (utf8(character), if character > '\u{FFFF}' { 11 } else { 5 })
                }
                _ => (utf8(char::REPLACEMENT_CHARACTER), 5),
            });
        }
        b'b' => b'\x08',
        b'f' => b'\x0C',
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        same @ (b'"' | b'\\' | b'/') => *same,
        _ => return None,
    };
    Some((byte(plain), 1))
}

fn utf8(character: char) -> Character {
    let mut bytes = [0; 4];
    let length = character.encode_utf8(&mut bytes).len();
    Character { bytes, length }
}

/// Parses four hexadecimal digits.
fn code_unit(digits: &[u8]) -> Option<u16> {
    digits
        .first_chunk::<4>()?
        .iter()
        .try_fold(0, |unit, digit| Some(unit << 4 | u16::from(hex(*digit)?)))
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_server_s_escapes_are_undone() {
        let check = |escaping: Escaping, text: &[u8], expected: &[u8]| {
            let mut buffer = b"left over".to_vec();
            let found = escaping.undo(text, &mut buffer);
            assert_eq!(
                found.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{escaping:?} {}",
                text.escape_ascii()
            );
        };
        check(Escaping::None, br"\x22\n", br"\x22\n");
        check(Escaping::Nginx, br"/u/jos\xC3\xA9/", "/u/josé/".as_bytes());
        check(Escaping::Nginx, br"\x5Cx22", br"\x22");
        check(Escaping::Nginx, br#"\xc3\n\"\x4"#, br#"\xc3\n\"\x4"#);
        check(Escaping::Quotes, br#"a\"b\\"c\n\"#, br#"a"b\"c\n\"#);
        check(
            Escaping::C,
            br#"\"\\x22\t\n\r\v\b\xc3\xA9\q\x4"#,
            b"\"\\x22\t\n\r\x0B\x08\xc3\xa9\\q\\x4",
        );
        check(Escaping::Json, br#"\/a\/\"\\n\b\f"#, b"/a/\"\\n\x08\x0C");
        check(
            Escaping::Json,
            br"\u00e9\u20ac\uD83D\uDE00!",
            "é€😀!".as_bytes(),
        );
        check(
            Escaping::Json,
            br"\uD83Dx\uDE00\uD83D\u0041",
            "\u{FFFD}x\u{FFFD}\u{FFFD}A".as_bytes(),
        );
        check(Escaping::Json, br"\u12g4\u12", br"\u12g4\u12");
    }

    proptest! {
        #[test]
        fn escaped_bytes_are_restored(bytes: Vec<u8>) {
            let check = |escaping: Escaping, written: String| {
                let mut buffer = Vec::new();
                prop_assert_eq!(escaping.undo(written.as_bytes(), &mut buffer), &bytes[..]);
                Ok(())
            };
            let escape = |as_is: &dyn Fn(u8) -> Option<&'static str>, hex: &dyn Fn(u8) -> String| {
                bytes.iter().fold(String::new(), |mut written, byte| {
                    match as_is(*byte) {
                        Some(text) => written.push_str(text),
                        None if matches!(byte, b' '..=b'~') => written.push(char::from(*byte)),
                        None => { let _ = write!(written, "{}", hex(*byte)); }
                    }
                    written
                })
            };
            let nginx = |byte| match byte { b'"' => Some(r"\x22"), b'\\' => Some(r"\x5C"), _ => None };
            check(Escaping::Nginx, escape(&nginx, &|byte| format!("\\x{byte:02X}")))?;
            let c = |byte| match byte {
                b'"' => Some("\\\""), b'\\' => Some(r"\\"), b'\n' => Some(r"\n"), b'\t' => Some(r"\t"),
                b'\r' => Some(r"\r"), 8 => Some(r"\b"), 11 => Some(r"\v"), _ => None,
            };
            check(Escaping::C, escape(&c, &|byte| format!("\\x{byte:02x}")))?;
        }

        #[test]
        fn json_strings_and_gunicorns_quotes_are_restored(text in any::<String>()) {
            let mut buffer = Vec::new();
            let written = serde_json::to_string(&text).unwrap();
            let inside = &written[1..written.len() - 1];
            prop_assert_eq!(Escaping::Json.undo(inside.as_bytes(), &mut buffer), text.as_bytes());
            let ascii: String = text.encode_utf16().fold(String::new(), |mut ascii, unit| {
                let _ = write!(ascii, "\\u{unit:04x}");
                ascii
            });
            let mut buffer = Vec::new();
            prop_assert_eq!(Escaping::Json.undo(ascii.as_bytes(), &mut buffer), text.as_bytes());
            let quoted = text.replace('"', "\\\"");
            let mut buffer = Vec::new();
            prop_assert_eq!(Escaping::Quotes.undo(quoted.as_bytes(), &mut buffer), text.as_bytes());
        }

        #[test]
        fn a_backslash_is_found_anywhere(text in "[a-c]{0,70}", at in 0..70_usize) {
            prop_assert!(!holds_backslash(text.as_bytes()));
            let mut text = text.into_bytes();
            if let Some(byte) = text.get_mut(at) {
                *byte = b'\\';
                prop_assert!(holds_backslash(&text));
            }
        }

        #[test]
        fn unescaping_never_lengthens_a_text(text: Vec<u8>) {
            for escaping in [Escaping::None, Escaping::Nginx, Escaping::Quotes, Escaping::C, Escaping::Json] {
                let mut buffer = Vec::new();
                prop_assert!(escaping.undo(&text, &mut buffer).len() <= text.len());
            }
        }
    }
}
