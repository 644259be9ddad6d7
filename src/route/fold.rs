//! Replaces what looks like data in a path by placeholders.
//!
//! Invariant: the result is ASCII and holds nothing of the query, the fragment, the authority, or of a
//! segment that looks like an id, an e-mail address or a token.

use memchr::{memchr, memchr2, memchr3, memmem};

use super::word::has_only_words;

/// Longest folded path, in bytes.
pub(super) const NAME_BYTES: usize = 128;
/// Segments kept; deeper ones become one `<path>`.
const SEGMENTS: usize = 8;
/// Longest segment that is classified, in bytes; a longer one is a token.
const LONG_BYTES: usize = 128;
/// Longest segment kept as it is, in bytes.
const LITERAL_BYTES: usize = 32;

/// Folds the path of a target: returns a slice of the target where nothing is folded, otherwise of `folded`.
/// `None` if the target has no path, or the result is longer than [`NAME_BYTES`].
#[inline]
pub(super) fn fold<'f>(target: &'f [u8], folded: &'f mut Vec<u8>) -> Option<&'f [u8]> {
    let path = if target.first() == Some(&b'/') {
        target
    } else {
        absolute(target)?
    };
    let mut seen = Seen::default();
    let (mut start, mut segments, mut copied) = (1, 0, 0);
    folded.clear();
    let mut at = 1;
    loop {
        // Indices instead of an iterator: without a test for null, the loop is six instructions a byte.
        let end = path.len().min(start + LONG_BYTES + 1);
        while at < end {
            seen.0 += CLASS[usize::from(path[at])];
            if seen.0 & STOP != 0 {
                break;
            }
            at += 1;
        }
        seen.0 &= !STOP;
        if at - start > LONG_BYTES {
            at += memchr3(b'/', b'?', b'#', &path[at..]).unwrap_or(path.len() - at);
        }
        let is_last = path.get(at) != Some(&b'/');
        let placeholder = if segments == SEGMENTS {
            Some(&b"<path>"[..])
        } else if seen.is_literal(at - start) {
            None
        } else {
            seen.placeholder(&path[start..at])
        };
        if let Some(placeholder) = placeholder {
            folded.extend_from_slice(&path[copied..start]);
            folded.extend_from_slice(placeholder);
            copied = at;
        }
        if is_last || segments == SEGMENTS {
            break;
        }
        segments += 1;
        at += 1;
        start = at;
        seen = Seen::default();
    }
    if folded.is_empty() && segments < SEGMENTS {
        return path.get(..at).filter(|path| path.len() <= NAME_BYTES);
    }
    if segments < SEGMENTS {
        folded.extend_from_slice(&path[copied..at]);
    }
    Some(&**folded).filter(|folded| folded.len() <= NAME_BYTES)
}

/// Returns the path of a target in absolute form (RFC 9112, 3.2.2), `/` if it has none.
fn absolute(target: &[u8]) -> Option<&[u8]> {
    let origin = match memchr2(b'?', b'#', target) {
        Some(end) => &target[..end],
        None => target,
    };
    let authority = &origin[memmem::find(origin, b"://")? + 3..];
    Some(memchr(b'/', authority).map_or(b"/", |slash| &authority[slash..]))
}

/// Bytes of each kind in a segment of up to [`LONG_BYTES`]: five counters of eight bits.
#[derive(Clone, Copy, Default)]
struct Seen(u64);

const DIGIT: u64 = 1;
const LOWER: u64 = 1 << 8;
const UPPER: u64 = 1 << 16;
const HEX: u64 = 1 << 24;
const ODD: u64 = 1 << 32;
/// Ends a segment.
const STOP: u64 = 1 << 63;

static CLASS: [u64; 256] = {
    let mut class = [ODD; 256];
    let mut byte = 0_u8;
    loop {
        class[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LOWER + HEX,
            b'g'..=b'z' => LOWER,
            b'A'..=b'F' => UPPER + HEX,
            b'G'..=b'Z' => UPPER,
            b'-' | b'_' | b'.' | b'~' => 0,
            b'/' | b'?' | b'#' => STOP,
            _ => ODD,
        };
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    class
};

impl Seen {
    fn count(self, kind: u64) -> usize {
        ((self.0 / kind) & 0xff) as usize
    }

    /// Returns whether a segment of `length` bytes is kept because it has only small letters and marks.
    #[inline]
    fn is_literal(self, length: usize) -> bool {
        length <= LITERAL_BYTES && self.0 & !((0xff * LOWER) | (0xff * HEX)) == 0
    }

    /// Returns the placeholder of a segment that is not a literal; `None` if the segment is kept.
    fn placeholder(self, segment: &[u8]) -> Option<&'static [u8]> {
        if segment.len() > LONG_BYTES {
            return Some(b"<token>");
        }
        if self.count(ODD) > 0 {
            let is_email =
                memchr(b'@', segment).is_some() || memmem::find(segment, b"%40").is_some();
            return Some(if is_email { b"<email>" } else { b"<str>" });
        }
        let (digits, hex) = (self.count(DIGIT), self.count(HEX));
        let (lower, upper) = (self.count(LOWER), self.count(UPPER));
        let letters = lower + upper;
        let marks = segment.len() - digits - letters;
        if digits == segment.len() && digits > 0 {
            Some(b"<int>")
        } else if segment.len() == 36 && marks == 4 && digits + hex == 32 {
            Some(b"<uuid>")
        } else if marks == 0 && digits > 0 && letters == hex && segment.len() >= 8 {
            Some(b"<hex>")
        } else if segment.len() > LITERAL_BYTES
            || (marks == 0 && segment.len() >= 16 && upper > 1 && lower > 1)
        {
            Some(b"<token>")
        } else if digits > 0 && !is_version(segment) {
            Some(b"<slug>")
        } else if upper > 0 && !has_only_words(segment) {
            Some(b"<token>")
        } else {
            None
        }
    }
}

/// Matches `v1` and `v12`, as in the name of an API.
fn is_version(segment: &[u8]) -> bool {
    matches!(segment, [b'v', rest @ ..] if rest.len() <= 2 && rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_folded_and_structure_is_kept() {
        let check = |target: &str, expected: &str| {
            let mut folded = Vec::new();
            let found = fold(target.as_bytes(), &mut folded);
            let found = found.map(|name| String::from_utf8(name.to_vec()).unwrap());
            assert_eq!(found.as_deref().unwrap_or("-"), expected, "{target}");
        };
        check("/", "/");
        check("/articles/", "/articles/");
        check(
            "/articles/2020/11/slug-17/",
            "/articles/<int>/<int>/<slug>/",
        );
        check("/api/v1/users/", "/api/v1/users/");
        check(
            "/items/0e984725-c51c-4bf4-9960-e1c80e27aba0/",
            "/items/<uuid>/",
        );
        check("/c/3f2a1b9c", "/c/<hex>");
        check("/u/jane.doe@example.com/", "/u/<email>/");
        check("/u/jane.doe%40example.com/", "/u/<email>/");
        check("/u/jos%C3%A9/", "/u/<str>/");
        check(r"/u/jos\xC3\xA9/", "/u/<str>/");
        check("/reset/MjQabcdefGHIjklmnoPQ/", "/reset/<token>/");
        check(
            "/reset/abcdefghijklmnopqrstuvwxyzabcdefgh/",
            "/reset/<token>/",
        );
        check("/a?token=secret", "/a");
        check("/a#frag", "/a");
        check("http://shop.example.test/a/?x=http://y/", "/a/");
        check("http://shop.example.test", "/");
        check(
            "/1/2/3/4/5/6/7/8/9/10",
            "/<int>/<int>/<int>/<int>/<int>/<int>/<int>/<int>/<path>",
        );
        check(
            "/1/2/3/4/5/6/7/8",
            "/<int>/<int>/<int>/<int>/<int>/<int>/<int>/<int>",
        );
        check("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/g/h");
        check("/a/b/c/d/e/f/g/h/", "/a/b/c/d/e/f/g/h/<path>");
        check("/a/b/c/d/e/f/g/h/i?q", "/a/b/c/d/e/f/g/h/<path>");
        check(&format!("/files/{}", "a".repeat(300)), "/files/<token>");
        check(
            &format!("/files/{}%20?x", "a".repeat(300)),
            "/files/<token>",
        );
        check(&format!("/{}/x", "@".repeat(129)), "/<token>/x");
        check(&format!("/files/{}@x", "a".repeat(126)), "/files/<email>");
        check("/README/x", "/README/x");
        check("/pt-BR/FAQ", "/pt-BR/FAQ");
        check("/reset/MTI/", "/reset/<token>/");
        check("/t/eyJhbGciOiJIUzI/", "/t/<token>/");
        check("/jane@example.com?x", "/<email>");
        check("//", "//");
        check("*", "-");
        check("example.com:443", "-");
        check("articles", "-");
        check("?x=://y", "-");
    }
}
