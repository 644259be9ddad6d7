//! The request line, taken apart.
//!
//! Invariant: any bytes are a request; what is not there, or is no method, target or protocol, is
//! `None`, and never makes the line a reject.

use memchr::{memchr, memrchr};

use crate::model::Record;

/// Fills method, target and protocol from a request line as the server logged it: normal
/// (`GET / HTTP/1.1`), without a protocol (`GET /`), with blanks in the target, empty, or bytes
/// of another protocol.
#[inline]
pub fn split<'l>(line: &'l [u8], record: &mut Record<'l>) {
    let Some(blank) = memchr(b' ', line) else {
        return;
    };
    let (method, rest) = line.split_at(blank);
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return;
    }
    record.method = Some(method);
    let mut target = rest.trim_ascii();
    if let Some(at) = memrchr(b' ', target)
        && is_protocol(&target[at + 1..])
    {
        record.protocol = Some(&target[at + 1..]);
        target = target[..at].trim_ascii_end();
    } else if is_protocol(target) {
        record.protocol = Some(target);
        return;
    }
    record.target = (!target.is_empty()).then_some(target);
}

/// `HTTP/` and a version; what follows is the server's own business. Some that write JSON put a
/// backslash before the slash.
fn is_protocol(text: &[u8]) -> bool {
    text.starts_with(b"HTTP/") || text.starts_with(br"HTTP\/")
}

/// The bytes a method may have (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

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
        check(" GET / HTTP/1.1", "", "", "");
    }

    proptest! {
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
