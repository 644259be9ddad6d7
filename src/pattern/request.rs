//! Splits a request line.
//!
//! Invariant: any bytes are a request; a missing or invalid method, target or protocol is `None`, and
//! never rejects the line.

use memchr::memrchr;

use crate::model::Record;
use crate::model::byte_set::ByteSet;

/// Fills in method, target and protocol from a request line as the server logged it: normal
/// (`GET / HTTP/1.1`), without a protocol (`GET /`), with blanks in the target, empty, or bytes
/// of another protocol.
#[inline]
pub fn split<'l>(line: &'l [u8], record: &mut Record<'l>) {
    // Nearly all clients send this form; `split_any` gives the same result.
    if let Some(rest) = before_version(line)
        && let Some(blank) = common_method(line)
        && let Some(target) = rest.get(blank + 1..)
        && target.first().is_some_and(u8::is_ascii_graphic)
        && target.last().is_some_and(u8::is_ascii_graphic)
    {
        record.method = Some(&line[..blank]);
        record.target = Some(target);
        record.protocol = Some(&line[rest.len() + 1..]);
        return;
    }
    split_any(line, record);
}

/// Returns the bytes before the blank and the `HTTP/d.d` that a line ends with.
#[inline]
fn before_version(line: &[u8]) -> Option<&[u8]> {
    const VERSION: u64 = u64::from_le_bytes(*b" HTTP/\0.");
    const MAJOR: u64 = 0xff << 48;
    let (rest, [version @ .., minor]) = line.split_last_chunk::<9>()?;
    let is_version = u64::from_le_bytes(*version) & !MAJOR == VERSION;
    let has_digits = version[6].is_ascii_digit() && minor.is_ascii_digit();
    (is_version && has_digits).then_some(rest)
}

/// Returns the length of a common method that a blank follows.
#[inline]
fn common_method(line: &[u8]) -> Option<usize> {
    const fn word(text: [u8; 4]) -> u32 {
        u32::from_le_bytes(text)
    }
    let first = u32::from_le_bytes(*line.first_chunk()?);
    if first == word(*b"GET ") || first == word(*b"PUT ") {
        Some(3)
    } else if (first == word(*b"POST") || first == word(*b"HEAD")) && line.get(4) == Some(&b' ') {
        Some(4)
    } else {
        None
    }
}

#[inline(never)]
fn split_any<'l>(line: &'l [u8], record: &mut Record<'l>) {
    let (method, rest) = line.split_at(method_length(line));
    if method.is_empty() || rest.first() != Some(&b' ') {
        return;
    }
    record.method = Some(method);
    let rest = rest.trim_ascii();
    let (target, last) = match memrchr(b' ', rest) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&rest[..0], rest),
    };
    // Some JSON writers escape each slash; Hypercorn writes the version alone.
    let is_version = !target.is_empty() && matches!(last, b"1.0" | b"1.1" | b"2" | b"3" | b"ws");
    if last.starts_with(b"HTTP/") || last.starts_with(br"HTTP\/") || is_version {
        record.protocol = Some(last);
        let target = target.trim_ascii_end();
        record.target = (!target.is_empty()).then_some(target);
    } else {
        record.target = (!rest.is_empty()).then_some(rest);
    }
}

fn method_length(line: &[u8]) -> usize {
    line.iter()
        .take_while(|byte| TOKEN.contains(**byte))
        .count()
}

/// The bytes of a method (RFC 9110, 5.6.2).
static TOKEN: ByteSet = ByteSet::ALPHANUMERIC.plus(b"!#$%&'*+-.^_`|~");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn odd_requests_are_requests() {
        let check = |line: &str, method: &str, target: &str, protocol: &str| {
            let mut record = Record::default();
            split(line.as_bytes(), &mut record);
            let text = |field: Option<&[u8]>| {
                field.map_or(String::new(), |bytes| String::from_utf8_lossy(bytes).into())
            };
            let found = [
                text(record.method),
                text(record.target),
                text(record.protocol),
            ];
            assert_eq!(found, [method, target, protocol], "{line:?}");
        };
        check("GET / HTTP/1.1", "GET", "/", "HTTP/1.1");
        check(
            "GET /articles/?q=a%20b HTTP/2.0",
            "GET",
            "/articles/?q=a%20b",
            "HTTP/2.0",
        );
        check("", "", "", "");
        check("-", "", "", "");
        check(r"\x16\x03\x01\x00\xC8", "", "", "");
        check(r"\x00\x01 garbage HTTP/1.1", "", "", "");
        check("GET /articles/", "GET", "/articles/", "");
        check(
            "GET /articles/1 OR 1=1/ HTTP/1.1",
            "GET",
            "/articles/1 OR 1=1/",
            "HTTP/1.1",
        );
        check("GET  /  HTTP/1.1", "GET", "/", "HTTP/1.1");
        check(r"GE\x22T / HTTP/1.1", "", "", "");
        check("get / HTTP/1.1", "get", "/", "HTTP/1.1");
        check("PRI * HTTP/2.0", "PRI", "*", "HTTP/2.0");
        check(
            "GET http://shop.test/a?b HTTP/1.1",
            "GET",
            "http://shop.test/a?b",
            "HTTP/1.1",
        );
        check("GET / HTTP/9.9", "GET", "/", "HTTP/9.9");
        check("GET HTTP/1.1", "GET", "", "HTTP/1.1");
        check(r"GET \/a\/b HTTP\/1.1", "GET", r"\/a\/b", r"HTTP\/1.1");
        check("GET ", "GET", "", "");
        check("GET /a b/ 1.1", "GET", "/a b/", "1.1");
        check("GET /live/ ws", "GET", "/live/", "ws");
        check("GET 2", "GET", "2", "");
        check(" GET / HTTP/1.1", "", "", "");
    }

    proptest! {
        #[test]
        fn the_fast_path_splits_like_the_general_one(
            line in r"(GET|PUT|POST|HEAD|HEADS|get)( |\t)?[/a \t\x80]{0,4} HTTP/[0-9x]\.[0-9]{1,2}",
        ) {
            let (mut record, mut any) = (Record::default(), Record::default());
            split(line.as_bytes(), &mut record);
            split_any(line.as_bytes(), &mut any);
            prop_assert_eq!(record, any);
        }

        #[test]
        fn parts_are_pieces_of_the_line_in_order(line: Vec<u8>) {
            let mut record = Record::default();
            split(&line, &mut record);
            let mut after = line.as_ptr() as usize;
            for part in [record.method, record.target, record.protocol].into_iter().flatten() {
                prop_assert!(!part.is_empty());
                prop_assert!(part.as_ptr() as usize >= after);
                after = part.as_ptr() as usize + part.len();
            }
            prop_assert!(after <= line.as_ptr() as usize + line.len());
        }
    }
}
