//! From a request target to the path that Django resolves.
//!
//! Invariant: the path is what the WSGI server and Django make of the target: its query gone, its
//! escapes undone, bytes that are no UTF-8 escaped again; so it is always UTF-8.

use memchr::memchr;

/// A path, and where its first slashes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    pub(super) bytes: &'p [u8],
    /// One bit for each of the first 64 bytes.
    slashes: u64,
}

/// What a target is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// Slashes among the first 64 bytes.
    slashes: u64,
    /// Where the path ends.
    end: usize,
    /// Whether an escape or a byte beyond ASCII stands before the end.
    is_odd: bool,
}

impl<'p> Path<'p> {
    /// The path of a target; where it has to be rewritten, `scratch` holds it.
    #[inline]
    pub(super) fn of(target: &'p [u8], scratch: &'p mut Vec<u8>) -> Option<Self> {
        let target = if target.first() == Some(&b'/') {
            target
        } else {
            path_of_absolute(target)?
        };
        let seen = Seen::of(target);
        let bytes = &target[..seen.end];
        if !seen.is_odd {
            let slashes = seen.slashes;
            return Some(Self { bytes, slashes });
        }
        decode(bytes, scratch);
        Some(Self::decoded(scratch))
    }

    /// A path as it is.
    pub(super) fn decoded(bytes: &'p [u8]) -> Self {
        let places = bytes.iter().zip(0..64);
        let slashes = places
            .filter(|(byte, _)| **byte == b'/')
            .fold(0, |slashes, (_, place)| slashes | 1 << place);
        Self { bytes, slashes }
    }

    /// Where the segment that begins at `at` ends.
    #[inline]
    pub(super) fn segment_end(&self, at: usize) -> usize {
        if at < 64 {
            let slashes = self.slashes >> at;
            if slashes != 0 {
                return at + slashes.trailing_zeros() as usize;
            }
        }
        let from = at.max(64);
        match self.bytes.get(from..) {
            Some(far) if !far.is_empty() => {
                memchr(b'/', far).map_or(self.bytes.len(), |far| from + far)
            }
            _ => self.bytes.len(),
        }
    }
}

/// What is left of an absolute form (RFC 9112, 3.2.2) without scheme and authority.
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

/// Undoes escapes, then escapes what is no UTF-8.
fn decode(path: &[u8], decoded: &mut Vec<u8>) {
    decoded.clear();
    let mut rest = path;
    while let Some(escape) = memchr(b'%', rest) {
        decoded.extend_from_slice(&rest[..escape]);
        rest = &rest[escape + 1..];
        if let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(b'%');
        }
    }
    decoded.extend_from_slice(rest);
    let Err(error) = std::str::from_utf8(decoded) else {
        return;
    };
    // What is right so far stays; the rest is written behind it, then moved down.
    let right = error.valid_up_to();
    let whole = decoded.len();
    let mut at = right;
    while at < whole {
        let (valid, bad) = match std::str::from_utf8(&decoded[at..whole]) {
            Ok(_) => (whole - at, 0),
            Err(error) => {
                let valid = error.valid_up_to();
                (valid, error.error_len().unwrap_or(whole - at - valid))
            }
        };
        decoded.extend_from_within(at..at + valid);
        for place in at + valid..at + valid + bad {
            let byte = decoded[place];
            decoded.extend([
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
        at += valid + bad;
    }
    decoded.drain(right..whole);
}

const HEX: [u8; 16] = *b"0123456789ABCDEF";

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

impl Seen {
    #[inline]
    fn of(target: &[u8]) -> Self {
        let mut seen = Self {
            slashes: 0,
            end: target.len(),
            is_odd: false,
        };
        let (words, rest) = target.as_chunks();
        let mut base = 0;
        for word in words {
            if seen.look(u64::from_le_bytes(*word), base) {
                return seen;
            }
            base += 8;
        }
        if !rest.is_empty() {
            let word = if let Some(last) = target.last_chunk() {
                // Of the last eight bytes some were seen already.
                u64::from_le_bytes(*last) >> (64 - 8 * rest.len())
            } else {
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(word)
            };
            seen.look(word, base);
        }
        seen
    }

    /// Looks at eight bytes at once; `true` if the path ends there.
    #[inline]
    fn look(&mut self, word: u64, base: usize) -> bool {
        let slashes = equal(word, b'/');
        let odd = equal(word, b'%') | (word & HIGHEST);
        let stops = equal(word, b'?') | equal(word, b'#');
        if odd | stops == 0 {
            self.add(slashes, base);
            return false;
        }
        // Bits below the first stop; all if there is none.
        let before = stops.wrapping_sub(1) & !stops;
        self.is_odd |= odd & before != 0;
        self.add(slashes & before, base);
        if stops != 0 {
            self.end = base + stops.trailing_zeros() as usize / 8;
        }
        stops != 0
    }

    /// Slashes of eight bytes, told by the highest bit of each.
    #[inline]
    fn add(&mut self, slashes: u64, base: usize) {
        if base < 64 {
            // Each bit is moved to its place in the highest byte, and meets no other there.
            let bits = (slashes >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            self.slashes |= bits << base;
        }
    }
}

const HIGHEST: u64 = 0x8080_8080_8080_8080;

/// The highest bit of each byte of a word that is this one.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    let other = word ^ (byte as u64 * 0x0101_0101_0101_0101);
    !(((other & !HIGHEST) + !HIGHEST) | other | !HIGHEST)
}

/// Whether `path` lies below `prefix`, and where what is left of it begins.
#[inline]
pub(super) fn below(path: &[u8], prefix: &[u8]) -> Option<usize> {
    let left = path.strip_prefix(prefix)?;
    match left.first() {
        None => Some(path.len()),
        Some(b'/') => Some(prefix.len() + 1),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(target: &[u8]) -> Option<String> {
        let mut scratch = Vec::new();
        let path = Path::of(target, &mut scratch)?;
        Some(String::from_utf8(path.bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_target_becomes_the_path_that_django_sees() {
        let check = |target: &[u8], expected: &str| {
            assert_eq!(path(target).as_deref().unwrap_or("-"), expected);
        };
        check(b"/", "/");
        check(b"/a/?x=/b#c", "/a/");
        check(b"/a/#c?d", "/a/");
        check(b"//a//b", "//a//b");
        check(b"/caf%C3%A9/%2e%2F%zz%4", "/café/./%zz%4");
        check("/café/".as_bytes(), "/café/");
        check(
            b"/\xff\xe2\x82a%c3%28\xed\xa0\x80\xe2\x82",
            "/%FF%E2%82a%C3(%ED%A0%80%E2%82",
        );
        check(b"/ok/%ff%C3%A9", "/ok/%FFé");
        check(b"http://x.test/a?b", "/a");
        check(b"http://x.test", "/");
        check(b"http://x.test?a/b", "/");
        check(b"x:/a", "/a");
        check(b"x.test:443", "-");
        check(b"*", "-");
        check(b"", "-");
        check(b"a/b", "-");
        check(b"1:/a", "-");
    }

    #[test]
    fn only_whole_segments_are_a_prefix() {
        assert_eq!(below(b"/app/x", b"/app"), Some(5));
        assert_eq!(below(b"/app", b"/app"), Some(4));
        assert_eq!(below(b"/apple", b"/app"), None);
        assert_eq!(below(b"/x", b""), Some(1));
    }

    proptest! {
        #[test]
        fn words_see_what_a_byte_by_byte_look_sees(target in proptest::collection::vec(prop_oneof![Just(b'/'), Just(b'?'), Just(b'#'), Just(b'%'), b'a'..=b'z', any::<u8>()], 0..150)) {
            let end = memchr::memchr2(b'?', b'#', &target).unwrap_or(target.len());
            let seen = Seen::of(&target);
            prop_assert_eq!(seen.end, end);
            prop_assert_eq!(seen.is_odd, target[..end].iter().any(|byte| *byte == b'%' || *byte >= 128));
            let path = Path::decoded(&target[..end]);
            prop_assert_eq!(seen.slashes, path.slashes);
            for at in 0..=end {
                let expected = memchr(b'/', &target[at..end]).map_or(end, |far| at + far);
                prop_assert_eq!(path.segment_end(at), expected);
            }
        }

        #[test]
        fn a_decoded_path_is_utf8(target in proptest::collection::vec(any::<u8>(), 0..40), escaped: Vec<u8>) {
            use std::fmt::Write as _;
            let mut text = vec![b'/'];
            text.extend(target);
            let mut escapes = String::new();
            for byte in escaped {
                let _ = write!(escapes, "%{byte:02x}");
            }
            text.extend(escapes.bytes());
            path(&text).unwrap();
        }
    }
}
