//! What looks like data in a path becomes a placeholder.
//!
//! Invariant: the query, the fragment, the authority, and any segment that looks like an id, an
//! e-mail address or a token leave no trace in the result, which is ASCII.

use memchr::{memchr, memchr2, memmem};

use super::Router;

/// Segments kept; deeper ones become one `<path>`.
const SEGMENTS: usize = 8;
/// Longest segment taken literally.
const LITERAL_BYTES: usize = 32;

/// Writes the template of `target` to `folded`; `false` when it has no path.
pub(super) fn fold(target: &[u8], folded: &mut Vec<u8>) -> bool {
    folded.clear();
    let Some(path) = path(target) else {
        return false;
    };
    for (at, segment) in path.split(|byte| *byte == b'/').enumerate() {
        folded.push(b'/');
        if at == SEGMENTS {
            folded.extend_from_slice(b"<path>");
            break;
        }
        folded.extend_from_slice(placeholder(segment).unwrap_or(segment));
    }
    folded.len() <= Router::NAME_BYTES
}

/// The path without its first slash, query and fragment.
fn path(target: &[u8]) -> Option<&[u8]> {
    let path = match memchr2(b'?', b'#', target) {
        Some(end) => &target[..end],
        None => target,
    };
    if let Some(path) = path.strip_prefix(b"/") {
        return Some(path);
    }
    // The absolute form (RFC 9112, 3.2.2).
    let authority = &path[memmem::find(path, b"://")? + 3..];
    match memchr(b'/', authority) {
        Some(slash) => Some(&authority[slash + 1..]),
        None => Some(b""),
    }
}

/// What stands for a segment; `None` when it stands for itself.
fn placeholder(segment: &[u8]) -> Option<&'static [u8]> {
    let (mut digits, mut letters, mut hex, mut upper, mut lower) = (0, 0, 0, 0, 0);
    for byte in segment {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'f' => (letters, hex, lower) = (letters + 1, hex + 1, lower + 1),
            b'A'..=b'F' => (letters, hex, upper) = (letters + 1, hex + 1, upper + 1),
            b'g'..=b'z' => (letters, lower) = (letters + 1, lower + 1),
            b'G'..=b'Z' => (letters, upper) = (letters + 1, upper + 1),
            b'-' | b'_' | b'.' | b'~' => {}
            b'@' => return Some(b"<email>"),
            b'%' if memmem::find(segment, b"%40").is_some() => return Some(b"<email>"),
            _ => return Some(b"<str>"),
        }
    }
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
    } else {
        None
    }
}

/// `v1`, `v12`: part of an interface's name.
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
            let found =
                fold(target.as_bytes(), &mut folded).then(|| String::from_utf8(folded).unwrap());
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
        check("//", "//");
        check("*", "-");
        check("example.com:443", "-");
        check("articles", "-");
        check("?x=://y", "-");
    }
}
