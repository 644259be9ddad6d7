//! From a request target to the path that Django resolves.
//!
//! Invariant: the path is what the WSGI server and Django make of the target: its query gone, its
//! escapes undone, bytes that are no UTF-8 escaped again; so it is always UTF-8.

use memchr::memchr;

use crate::model::digits;
use crate::model::vector::{beyond_ascii, mask};

/// Bytes that are copied, so that a word begins at each of the first 64.
const NEAR: usize = 80;

/// A path, and where its first slashes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    pub(super) bytes: &'p [u8],
    /// One bit for each of the first 64 bytes.
    slashes: u64,
    /// The first bytes of it, and anything behind its end.
    near: [u8; NEAR],
}

impl<'p> Path<'p> {
    /// The path of a target; where it has to be rewritten, `scratch` holds it.
    pub(super) fn of(target: &'p [u8], scratch: &'p mut Vec<u8>) -> Option<Self> {
        let mut path = Self::empty();
        path.read(target, scratch).then_some(path)
    }

    /// A path to be read.
    #[inline]
    pub(super) fn empty() -> Self {
        Self {
            bytes: &[],
            slashes: 0,
            near: [0; NEAR],
        }
    }

    /// Becomes the path of a target if that has one. It was empty.
    #[inline]
    pub(super) fn read(&mut self, target: &'p [u8], scratch: &'p mut Vec<u8>) -> bool {
        let target = match target.first() {
            Some(b'/') => target,
            _ => match path_of_absolute(target) {
                Some(path) => path,
                None => return false,
            },
        };
        let is_odd = self.scan(target);
        if is_odd {
            decode(self.bytes, scratch);
            *self = Self::decoded(scratch);
        }
        true
    }

    /// A path as it is.
    pub(super) fn decoded(bytes: &'p [u8]) -> Self {
        let places = bytes.iter().zip(0..64);
        let slashes = places
            .filter(|(byte, _)| **byte == b'/')
            .fold(0, |slashes, (_, place)| slashes | 1 << place);
        let mut near = [0; NEAR];
        let length = bytes.len().min(NEAR);
        near[..length].copy_from_slice(&bytes[..length]);
        Self {
            bytes,
            slashes,
            near,
        }
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
        if self.bytes.len() <= 64 {
            return self.bytes.len();
        }
        let from = at.max(64);
        let far = self.bytes.get(from..).unwrap_or_default();
        memchr(b'/', far).map_or(self.bytes.len(), |far| from + far)
    }

    /// The eight bytes from `at` on, the first of them lowest; anything may stand behind the end.
    #[inline]
    pub(super) fn word(&self, at: usize) -> u64 {
        if at < 64
            && let Some(word) = self.near[at & 63..].first_chunk()
        {
            return u64::from_le_bytes(*word);
        }
        digits::word(self.bytes, at)
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

impl<'p> Path<'p> {
    /// Finds the end of the path that a target begins with, and its slashes; says whether an escape or a byte
    /// beyond ASCII stands before the end.
    #[inline]
    fn scan(&mut self, target: &'p [u8]) -> bool {
        self.bytes = target;
        let (chunks, rest) = target.as_chunks();
        let (mut base, mut is_odd) = (0, false);
        for chunk in chunks {
            if self.look(target, chunk, base, &mut is_odd) {
                return is_odd;
            }
            base += 16;
        }
        if let Some(last) = target.last_chunk() {
            if !rest.is_empty() {
                // Some were seen already, and say the same again.
                self.look(target, last, target.len() - 16, &mut is_odd);
            }
        } else {
            self.look(target, &padded(target), 0, &mut is_odd);
        }
        is_odd
    }

    /// Looks at sixteen bytes at once; `true` if the path ends there.
    #[inline]
    fn look(&mut self, target: &'p [u8], chunk: &[u8; 16], base: usize, is_odd: &mut bool) -> bool {
        let mut slashes = mask(chunk, [b'/']);
        let odd = mask(chunk, [b'%']) | beyond_ascii(chunk);
        let stops = mask(chunk, [b'?', b'#']);
        // Bits below the first stop; all if there is none.
        let before = stops.wrapping_sub(1) & !stops;
        if odd | stops != 0 {
            *is_odd |= odd & before != 0;
            slashes &= before;
            if stops != 0 {
                self.bytes = &target[..base + stops.trailing_zeros() as usize];
            }
        }
        if let Some(near) = self.near.get_mut(base..base + 16) {
            near.copy_from_slice(chunk);
            self.slashes |= if base < 64 {
                u64::from(slashes) << base
            } else {
                0
            };
        }
        stops != 0
    }
}

/// A text of less than sixteen bytes, zeros behind it.
#[inline]
fn padded(text: &[u8]) -> [u8; 16] {
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        let both = u128::from(first) | u128::from(last) << (8 * (length - 8));
        return both.to_le_bytes();
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        let both = u128::from(first) | u128::from(last) << (8 * (length - 4));
        return both.to_le_bytes();
    }
    let mut padded = [0; 16];
    for (to, byte) in padded.iter_mut().zip(text) {
        *to = *byte;
    }
    padded
}

/// Whether `path` lies below `prefix`, and where what is left of it begins.
#[inline]
pub(super) fn below(path: &[u8], prefix: &[u8]) -> Option<usize> {
    if prefix.is_empty() {
        return Some(1.min(path.len()));
    }
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
            let mut seen = Path::empty();
            let is_odd = seen.scan(&target);
            prop_assert_eq!(seen.bytes, &target[..end]);
            prop_assert_eq!(is_odd, target[..end].iter().any(|byte| *byte == b'%' || *byte >= 128));
            let path = Path::decoded(&target[..end]);
            prop_assert_eq!(seen.slashes, path.slashes);
            for at in 0..=end {
                let expected = memchr(b'/', &target[at..end]).map_or(end, |far| at + far);
                prop_assert_eq!(path.segment_end(at), expected);
            }
        }

        #[test]
        fn a_word_is_the_next_eight_bytes(text in "/[a-z/]{0,100}", at in 0..110_usize, length in 0..9_usize) {
            let mut scratch = Vec::new();
            for path in [Path::of(text.as_bytes(), &mut scratch).unwrap(), Path::decoded(text.as_bytes())] {
                let length = length.min(text.len().saturating_sub(at));
                prop_assert_eq!(&path.word(at).to_le_bytes()[..length], &text.as_bytes().get(at..).unwrap_or_default()[..length]);
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
