//! Lines of CRI runtimes: `2026-11-22T10:00:00.123456789Z stdout F LINE`.

use memchr::memchr;

use super::piece::{Output, Piece};

/// Bytes of a date and a time without fractions of a second.
const SECONDS: usize = 19;
/// Most bytes of a time: nine digits of fractions, and an offset.
const TIME: usize = SECONDS + 16;
/// The notation of a date and a time; `0` stands for a digit.
const SHAPE: &[u8; SECONDS] = b"0000-00-00T00:00:00";

/// Eight bytes of a date and a time, which are compared at once.
struct Shape {
    at: usize,
    bytes: u64,
    most: u64,
}

/// All bytes of a date and a time.
const PIECES: [Shape; 3] = [Shape::at(0), Shape::at(8), Shape::at(SECONDS - 8)];

/// Returns the wrapper of a line, given without its newline, and the text in it; `None` if it has none.
pub(super) fn unwrap(line: &[u8]) -> Option<(Piece, &[u8])> {
    let rest = after_time(line)?;
    let (output, rest) = if let Some(rest) = rest.strip_prefix(b"stdout ") {
        (Output::Stdout, rest)
    } else {
        (Output::Stderr, rest.strip_prefix(b"stderr ")?)
    };
    let (first, rest) = rest.split_first()?;
    let is_last = match first {
        b'F' => true,
        b'P' => false,
        _ => return None,
    };
    let text = match rest {
        [] => rest,
        [b' ', text @ ..] => text,
        // More tags follow.
        [b':', more @ ..] => match memchr(b' ', more) {
            Some(blank) => more.get(blank + 1..)?,
            None => &[],
        },
        _ => return None,
    };
    Some((Piece { output, is_last }, text))
}

/// Returns the text behind a time and a blank.
fn after_time(line: &[u8]) -> Option<&[u8]> {
    let head = line.first_chunk::<SECONDS>()?;
    if !PIECES.iter().all(|piece| piece.is_in(head)) {
        return None;
    }
    let most = line.len().min(TIME + 1);
    let end = SECONDS + memchr(b' ', &line[SECONDS..most])?;
    is_zone(&line[SECONDS..end]).then(|| &line[end + 1..])
}

impl Shape {
    const fn at(at: usize) -> Self {
        let (mut bytes, mut most) = ([0; 8], [0; 8]);
        let mut index = 0;
        while index < bytes.len() {
            bytes[index] = SHAPE[at + index];
            // A value that is too large reaches the highest bit of its byte by this.
            most[index] = if bytes[index] == b'0' { 0x76 } else { 0x7f };
            index += 1;
        }
        Self {
            at,
            bytes: u64::from_ne_bytes(bytes),
            most: u64::from_ne_bytes(most),
        }
    }

    #[inline]
    fn is_in(&self, head: &[u8; SECONDS]) -> bool {
        const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
        let Some(piece) = head.get(self.at..).and_then(|rest| rest.first_chunk()) else {
            return false;
        };
        // A digit becomes its value, and any other byte of the shape 0.
        let value = u64::from_ne_bytes(*piece) ^ self.bytes;
        (value | ((value & !HIGH) + self.most)) & HIGH == 0
    }
}

/// Returns whether a text is what follows the seconds of a time: a fraction, if any, and a zone.
fn is_zone(text: &[u8]) -> bool {
    let zone = match text {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &rest[digits..]
        }
        zone => zone,
    };
    match zone {
        [b'Z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<(Output, bool, &str)>) {
        let found = unwrap(line.as_bytes());
        let found = found.map(|(piece, text)| {
            let text = std::str::from_utf8(text).unwrap();
            (piece.output, piece.is_last, text)
        });
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn times_streams_and_tags_are_removed() {
        use Output::{Stderr, Stdout};
        let time = "2026-11-22T10:00:00.123456789Z";
        check(&format!("{time} stdout F a b"), Some((Stdout, true, "a b")));
        check(&format!("{time} stderr P a"), Some((Stderr, false, "a")));
        check(
            &format!("{time} stdout P:x:y a"),
            Some((Stdout, false, "a")),
        );
        check(&format!("{time} stdout F  a"), Some((Stdout, true, " a")));
        check(&format!("{time} stdout F "), Some((Stdout, true, "")));
        check(&format!("{time} stdout F"), Some((Stdout, true, "")));
        check("2026-11-22T10:00:00Z stdout F a", Some((Stdout, true, "a")));
        check(
            "2026-11-22T10:00:00.1+01:00 stdout F a",
            Some((Stdout, true, "a")),
        );
    }

    #[test]
    fn a_line_that_is_cut_anywhere_is_not_a_wrapper() {
        let whole = "2026-11-22T10:00:00.123456789Z stdout F a";
        for end in 0..whole.len() - 2 {
            check(&whole[..end], None);
        }
        for line in [
            "",
            "2026-11-22T10:00:00.123456789Z stdin F a",
            "2026-11-22T10:00:00.123456789Z stdout X a",
            "2026-11-22T10:00:00.123456789Z stdout Full a",
            "2026-11-22 10:00:00.123456789Z stdout F a",
            "2026-11-22T10:00:00. stdout F a",
            "2026-11-22T10:00:00.123456789012345678901Z stdout F a",
            "192.0.2.1 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 10",
        ] {
            check(line, None);
        }
    }
}
