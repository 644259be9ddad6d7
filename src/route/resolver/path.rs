//! From a request target to the path that Django resolves.
//!
//! Invariant: the path is what the WSGI server and Django make of the target: its query gone, its
//! escapes undone, bytes that are no UTF-8 escaped again; so it is always UTF-8.

use memchr::memchr;

use crate::model::digits::word;
use crate::model::vector::{mask, mask_or_beyond_ascii};

/// Bytes that are copied, so that sixteen can be read from each of the first 64 on.
const NEAR: usize = 80;

/// Where a path goes on behind its first slash, which Django takes off.
pub(super) const START: usize = 1;

/// A path, and where its first segments end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    pub(super) bytes: &'p [u8],
    /// Bits for the slashes and for the end of it, as far as these are among its first 64 bytes.
    ends: u64,
    /// The first bytes of it, and anything behind its end.
    near: [u8; NEAR],
}

/// A segment of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) at: usize,
    pub(super) end: usize,
}

/// The first sixteen bytes of a segment, what it does not have filled by a byte that UTF-8 never has: so
/// segments of no more bytes have the same words if and only if they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) first: u64,
    pub(super) second: u64,
}

/// Bytes of two words.
pub(super) const WORDS_BYTES: usize = 16;

/// What a segment of so many bytes does not have of two words.
const FILL: [Words; WORDS_BYTES + 1] = {
    let none = Words {
        first: 0,
        second: 0,
    };
    let mut fill = [none; WORDS_BYTES + 1];
    let mut length: u32 = 0;
    while length as usize <= WORDS_BYTES {
        fill[length as usize] = Words {
            first: u64::MAX.unbounded_shl(8 * length),
            second: u64::MAX.unbounded_shl(8 * length.saturating_sub(8)),
        };
        length += 1;
    }
    fill
};

impl Words {
    /// Of a segment of so many bytes and the sixteen that begin with it, anything behind it.
    #[inline]
    fn new(bytes: &[u8; 16], length: usize) -> Self {
        let fill = FILL[length.min(WORDS_BYTES)];
        let half = |half: Option<&[u8; 8]>| half.map_or(0, |half| u64::from_le_bytes(*half));
        Self {
            first: half(bytes.first_chunk()) | fill.first,
            second: half(bytes.last_chunk()) | fill.second,
        }
    }

    /// Of a segment.
    pub(super) fn of(segment: &[u8]) -> Self {
        let bytes = segment.first_chunk().copied();
        Self::new(&bytes.unwrap_or_else(|| padded(segment)), segment.len())
    }
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
            ends: 0,
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
        let end = self.scan(target);
        match target.get(end) {
            None | Some(b'?' | b'#') => self.bytes = target.get(..end).unwrap_or_default(),
            Some(_) => self.undo(target, scratch),
        }
        true
    }

    /// Becomes the path of a target that has escapes, or bytes beyond ASCII.
    #[cold]
    fn undo(&mut self, target: &[u8], scratch: &'p mut Vec<u8>) {
        let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
        decode(&target[..end], scratch);
        *self = Self::decoded(scratch);
    }

    /// A path as it is, its escapes undone.
    pub(super) fn decoded(bytes: &'p [u8]) -> Self {
        let mut path = Self::empty();
        let length = bytes.len().min(NEAR);
        path.near[..length].copy_from_slice(&bytes[..length]);
        path.bytes = bytes;
        let (chunks, _) = path.near.as_chunks();
        let slashes = (0..4).zip(chunks).fold(0, |slashes, (place, chunk)| {
            slashes | u64::from(mask(chunk, [b'/'])) << (16 * place)
        });
        path.end(bytes.len(), slashes);
        path
    }

    /// Looks at sixteen bytes at once, up to a query, a fragment, an escape or a byte beyond ASCII:
    /// where that stands, or where the target ends.
    #[inline]
    fn scan(&mut self, target: &[u8]) -> usize {
        let (chunks, rest) = target.as_chunks();
        let (places, _) = self.near.as_chunks_mut();
        let (mut base, mut slashes) = (0_usize, 0_u64);
        for (place, chunk) in places.iter_mut().zip(chunks) {
            *place = *chunk;
            let (found, stops) = looked(chunk);
            if base < 64 {
                slashes |= u64::from(found) << base;
            }
            if stops != 0 {
                let end = base + stops.trailing_zeros() as usize;
                self.end(end, slashes);
                return end;
            }
            base += 16;
        }
        let end = if base >= NEAR {
            far_stop(target)
        } else if rest.is_empty() {
            base
        } else {
            // Some were seen already, and say the same again.
            let start = target.len().saturating_sub(16);
            let last = target.last_chunk().copied();
            let last = last.unwrap_or_else(|| padded(target));
            if let Some(place) = self.near.get_mut(start..start + 16) {
                place.copy_from_slice(&last);
            }
            let (found, stops) = looked(&last);
            slashes |= u64::from(found) << (start & 63);
            if stops == 0 {
                target.len()
            } else {
                start + stops.trailing_zeros() as usize
            }
        };
        self.end(end, slashes);
        end
    }

    #[inline]
    fn end(&mut self, end: usize, slashes: u64) {
        let last = if end < 64 { 1 << end } else { 0_u64 };
        self.ends = slashes & last.wrapping_sub(1) | last;
    }

    /// The ends of segments from `at` on, as far as these are among the first 64 bytes.
    #[inline]
    pub(super) fn ends(&self, at: usize) -> u64 {
        if at < 64 { self.ends >> at << at } else { 0 }
    }

    /// The segment that begins at `at`, the ends from there on known.
    #[inline]
    pub(super) fn segment(&self, at: usize, ends: u64) -> Segment {
        let end = if ends == 0 {
            self.far_end(at)
        } else {
            ends.trailing_zeros() as usize
        };
        Segment { at, end }
    }

    #[cold]
    #[inline(never)]
    fn far_end(&self, at: usize) -> usize {
        let far = self.bytes.get(at..).unwrap_or_default();
        memchr(b'/', far).map_or(self.bytes.len(), |far| at + far)
    }

    /// The first bytes of a segment.
    #[inline]
    pub(super) fn words(&self, segment: Segment) -> Words {
        let length = segment.end - segment.at;
        if segment.at < 64
            && let Some(near) = self.near[segment.at & 63..].first_chunk()
        {
            return Words::new(near, length);
        }
        Words::new(&self.far_sixteen(segment.at), length)
    }

    /// The eight bytes from `at` on, the first lowest, and anything behind the path's end.
    #[inline]
    pub(super) fn word(&self, at: usize) -> u64 {
        if at < 64
            && let Some(near) = self.near[at & 63..].first_chunk()
        {
            return u64::from_le_bytes(*near);
        }
        word(self.bytes, at)
    }

    /// The sixteen bytes from `at` on, and anything behind the path's end.
    #[inline]
    fn sixteen(&self, at: usize) -> [u8; 16] {
        if at < 64
            && let Some(near) = self.near[at & 63..].first_chunk()
        {
            return *near;
        }
        self.far_sixteen(at)
    }

    #[cold]
    #[inline(never)]
    fn far_sixteen(&self, at: usize) -> [u8; 16] {
        let far = self.bytes.get(at..).unwrap_or_default();
        let chunk = far.first_chunk().copied();
        chunk.unwrap_or_else(|| padded(far))
    }

    /// Which of a segment's bytes, at most sixteen from `at` on, are wanted ones.
    #[inline]
    pub(super) fn mask(&self, at: usize, wanted: impl Fn(&[u8; 16]) -> u32) -> u32 {
        wanted(&self.sixteen(at))
    }
}

/// Which of sixteen bytes are slashes, and where a path may end.
#[inline]
fn looked(chunk: &[u8; 16]) -> (u32, u32) {
    let stops = mask_or_beyond_ascii(chunk, [b'?', b'#', b'%']);
    (mask(chunk, [b'/']), stops)
}

/// Behind the bytes that are copied, where the path may end.
#[cold]
fn far_stop(target: &[u8]) -> usize {
    let far = target.iter().skip(NEAR);
    let stop = far
        .clone()
        .position(|byte| !byte.is_ascii() || b"?#%".contains(byte));
    NEAR + stop.unwrap_or(far.len())
}

/// Writes the path of a target, then the same with its first `cut` bytes replaced. Where that begins in
/// `scratch`; `None` if the target has no path.
#[inline(never)]
pub(super) fn replaced(
    target: &[u8],
    cut: usize,
    by: &[u8],
    scratch: &mut Vec<u8>,
) -> Option<usize> {
    let target = match target.first() {
        Some(b'/') => target,
        _ => path_of_absolute(target)?,
    };
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    decode(&target[..end], scratch);
    let whole = scratch.len();
    scratch.extend_from_slice(by);
    scratch.extend_from_within(cut.min(whole)..whole);
    Some(whole)
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
        return Some(START.min(path.len()));
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

    fn target() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![8 => b'a'..=b'z', 3 => Just(b'/'), 1 => any::<u8>()];
        let odd = prop_oneof![8 => b'a'..=b'z', 2 => prop::sample::select(&b"/?#%"[..])];
        prop_oneof![
            prop::collection::vec(byte, 0..150),
            prop::collection::vec(odd, 0..40),
            "[a-z/]{0,150}".prop_map(String::into_bytes),
        ]
    }

    /// A path is these bytes, and its segments are where a plain search finds them.
    fn check(path: &Path<'_>, bytes: &[u8]) {
        assert_eq!(path.bytes, bytes);
        for at in 0..=bytes.len() {
            let segment = path.segment(at, path.ends(at));
            let end = bytes[at..].iter().position(|byte| *byte == b'/');
            assert_eq!(
                (segment.at, segment.end),
                (at, end.map_or(bytes.len(), |far| at + far))
            );
            let expected = &bytes[at..segment.end];
            let near = expected.len().min(8);
            assert_eq!(path.word(at).to_le_bytes()[..near], expected[..near]);
            let mut filled = [0xff; 16];
            let near = expected.len().min(16);
            filled[..near].copy_from_slice(&expected[..near]);
            let words = path.words(segment);
            assert_eq!(words, Words::of(expected));
            let both = [words.first.to_le_bytes(), words.second.to_le_bytes()];
            assert_eq!(both.as_flattened(), filled);
            let slashes = path.mask(at, |chunk| mask(chunk, [b'/']));
            for (place, byte) in bytes[at..].iter().take(16).enumerate() {
                assert_eq!(slashes >> place & 1 == 1, *byte == b'/');
            }
        }
    }

    proptest! {
        #[test]
        fn sixteen_bytes_at_once_see_what_a_byte_by_byte_look_sees(target in target()) {
            let stops = |byte: &u8| b"?#%".contains(byte) || *byte >= 0x80;
            let end = target.iter().position(stops).unwrap_or(target.len());
            let mut path = Path::empty();
            prop_assert_eq!(path.scan(&target), end);
            path.bytes = &target[..end];
            check(&path, &target[..end]);
            check(&Path::decoded(&target), &target);
        }

        #[test]
        fn a_path_that_is_odd_is_undone(target in target()) {
            let target = [b"/", &*target].concat();
            let end = target.iter().position(|byte| b"?#".contains(byte)).unwrap_or(target.len());
            let mut expected = Vec::new();
            decode(&target[..end], &mut expected);
            let mut scratch = Vec::new();
            check(&Path::of(&target, &mut scratch).unwrap(), &expected);
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
