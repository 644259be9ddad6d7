//! Extracts the path of a request target and undoes its escapes.
//!
//! Invariant: the path is what the WSGI server and Django make of the target: without its query, escapes
//! undone, bytes that are not UTF-8 escaped again. So it is always UTF-8.

use memchr::memchr;

/// Longest target that is resolved, in bytes: with every byte escaped, its path still counts in 32 bits.
const TARGET_BYTES: usize = 1 << 30;

/// Returns a target from its path on; `None` if it has no path, or is longer than 1 GiB.
#[inline]
pub(super) fn from_path(target: &[u8]) -> Option<&[u8]> {
    if target.len() > TARGET_BYTES {
        return None;
    }
    match target.first() {
        Some(b'/') => Some(target),
        _ => path_of_absolute(target),
    }
}

/// Strips scheme and authority from a target in absolute form (RFC 9112, 3.2.2).
fn path_of_absolute(target: &[u8]) -> Option<&[u8]> {
    let rest = match memchr(b':', target) {
        Some(colon) if is_scheme(&target[..colon]) => &target[colon + 1..],
        _ => return None,
    };
    let Some(rest) = rest.strip_prefix(b"//") else {
        return rest.starts_with(b"/").then_some(rest);
    };
    let start = memchr::memchr3(b'/', b'?', b'#', rest);
    match start.map(|start| &rest[start..]) {
        Some(path) if path.starts_with(b"/") => Some(path),
        _ => Some(b"/"),
    }
}

fn is_scheme(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
}

/// Writes the path of a target to `scratch`, then once more with its first `cut` bytes replaced. Returns
/// the offset of the second; `None` if the target has no path.
#[inline(never)]
pub(super) fn write_rewritten(
    target: &[u8],
    cut: usize,
    by: &[u8],
    scratch: &mut Vec<u8>,
) -> Option<usize> {
    unescape(from_path(target)?, scratch);
    let whole = scratch.len();
    scratch.extend_from_slice(by);
    scratch.extend_from_within(cut.min(whole)..whole);
    Some(whole)
}

/// Writes the path of what [`from_path`] returned: its escapes undone, and what is not UTF-8 escaped.
pub(super) fn unescape(target: &[u8], path: &mut Vec<u8>) {
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    path.clear();
    let mut rest = &target[..end];
    while let Some(escape) = memchr(b'%', rest) {
        path.extend_from_slice(&rest[..escape]);
        rest = &rest[escape + 1..];
        if let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            path.push(high << 4 | low);
            rest = after;
        } else {
            path.push(b'%');
        }
    }
    path.extend_from_slice(rest);
    escape_invalid(path);
}

/// Escapes the bytes of a path that are not UTF-8.
fn escape_invalid(path: &mut Vec<u8>) {
    let Err(error) = std::str::from_utf8(path) else {
        return;
    };
    // The valid beginning stays; the rest is appended with its escapes, then moved down.
    let right = error.valid_up_to();
    let whole = path.len();
    let mut at = right;
    while at < whole {
        let (valid, bad) = match std::str::from_utf8(&path[at..whole]) {
            Ok(_) => (whole - at, 0),
            Err(error) => {
                let valid = error.valid_up_to();
                (valid, error.error_len().unwrap_or(whole - at - valid))
            }
        };
        path.extend_from_within(at..at + valid);
        for place in at + valid..at + valid + bad {
            let byte = path[place];
            path.extend([
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
        at += valid + bad;
    }
    path.drain(right..whole);
}

const HEX: [u8; 16] = *b"0123456789ABCDEF";

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
