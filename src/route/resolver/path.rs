//! A path and its segments.
//!
//! Invariant: a path is UTF-8, as [`target`] makes it; reads of a fixed width never leave its buffer.

use memchr::memchr;

use super::target;
use super::words::{Words, padded};
use crate::model::vector::{mask, mask_or_beyond_ascii};

/// Offset behind the first slash, which Django strips.
pub(super) const START: u32 = 1;

/// A path and the ends of its first segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    /// The path and the bytes behind it in the target, so that most reads of sixteen bytes need no copy.
    around: &'p [u8],
    /// The last sixteen bytes of `around`, or all of them if there are fewer, then arbitrary bytes.
    last: [u8; 32],
    /// Length of the path in bytes.
    length: u32,
    /// One bit for each slash and for the end of the path, among its first 64 bytes.
    ends: u64,
}

/// Offsets of one segment of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) at: u32,
    pub(super) end: u32,
}

impl Segment {
    /// Returns the length in bytes.
    #[inline]
    pub(super) fn length(self) -> usize {
        (self.end - self.at) as usize
    }
}

impl<'p> Path<'p> {
    /// Makes the path of a target, in `scratch` if it has escapes or bytes beyond ASCII; `None` if the
    /// target has no path.
    pub(super) fn from_target(target: &'p [u8], scratch: &'p mut Vec<u8>) -> Option<Self> {
        let target = target::from_path(target)?;
        let path = Self::scan(target);
        Some(if path.is_plain() {
            path
        } else {
            Self::unescaped(target, scratch)
        })
    }

    /// Makes the path of what [`target::from_path`] returned, writing it to `scratch`.
    pub(super) fn unescaped(target: &[u8], scratch: &'p mut Vec<u8>) -> Self {
        target::unescape(target, scratch);
        Self::from_unescaped(scratch)
    }

    /// Returns whether a scanned path is complete: the target's path has neither escapes nor bytes beyond
    /// ASCII.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let end = self.around.get(self.length as usize);
        matches!(end, None | Some(b'?' | b'#'))
    }

    /// Makes a path of bytes whose escapes are undone.
    pub(super) fn from_unescaped(bytes: &'p [u8]) -> Self {
        let first = bytes.iter().take(64).zip(0..);
        let slashes = first.fold(0, |slashes, (byte, place)| {
            slashes | u64::from(*byte == b'/') << place
        });
        Self::new(bytes, offset(bytes.len()), slashes, last(bytes))
    }

    /// Scans what [`target::from_path`] returned, sixteen bytes at a time. The path ends before the first
    /// `?`, `#`, `%` or byte beyond ASCII.
    #[inline]
    pub(super) fn scan(target: &'p [u8]) -> Self {
        let last = last(target);
        let (chunks, rest) = target.as_chunks();
        let (mut base, mut slashes) = (0_u32, 0_u64);
        for chunk in chunks {
            let (found, stops) = slashes_and_stops(chunk);
            slashes |= u64::from(found).unbounded_shl(base);
            if stops != 0 {
                return Self::new(target, base + stops.trailing_zeros(), slashes, last);
            }
            base += 16;
        }
        let whole = offset(target.len());
        if rest.is_empty() {
            return Self::new(target, whole, slashes, last);
        }
        // Overlaps the last chunk, whose bytes set the same bits again.
        let begin = whole.saturating_sub(16);
        let (found, stops) = slashes_and_stops(&last);
        slashes |= u64::from(found).unbounded_shl(begin);
        let end = if stops == 0 {
            whole
        } else {
            begin + stops.trailing_zeros()
        };
        Self::new(target, end, slashes, last)
    }

    #[inline]
    fn new(around: &'p [u8], length: u32, slashes: u64, chunk: [u8; 16]) -> Self {
        let end = 1_u64.unbounded_shl(length);
        let mut last = [0; 32];
        if let Some(first) = last.first_chunk_mut() {
            *first = chunk;
        }
        Self {
            around,
            last,
            length,
            ends: slashes & end.wrapping_sub(1) | end,
        }
    }

    /// Returns the length in bytes.
    #[inline]
    pub(super) fn length(&self) -> u32 {
        self.length
    }

    /// Returns the whole path.
    #[inline]
    pub(super) fn bytes(&self) -> &'p [u8] {
        self.around.get(..self.length as usize).unwrap_or_default()
    }

    /// Returns the path from `at` on.
    #[inline]
    pub(super) fn rest(&self, at: u32) -> &'p [u8] {
        self.bytes().get(at as usize..).unwrap_or_default()
    }

    /// Returns the offset of what Django resolves under `prefix`; `None` if the path is outside it.
    pub(super) fn below(&self, prefix: &[u8]) -> Option<u32> {
        Some(self.length - offset(below(self.bytes(), prefix)?.len()))
    }

    /// Returns the bytes of a segment.
    #[inline]
    pub(super) fn text(&self, segment: Segment) -> &'p [u8] {
        let place = segment.at as usize..segment.end as usize;
        self.around.get(place).unwrap_or_default()
    }

    /// Returns the ends of segments from `at` on, one bit each, among the first 64 bytes.
    #[inline]
    pub(super) fn ends(&self, at: u32) -> u64 {
        if at < 64 { self.ends >> at << at } else { 0 }
    }

    /// Returns the segment that begins at `at`, given [`Path::ends`] from there on.
    #[inline]
    pub(super) fn segment(&self, at: u32, ends: u64) -> Segment {
        let end = if ends == 0 {
            self.far_end(at)
        } else {
            ends.trailing_zeros()
        };
        Segment { at, end }
    }

    #[cold]
    #[inline(never)]
    fn far_end(&self, at: u32) -> u32 {
        memchr(b'/', self.rest(at)).map_or(self.length, |far| at + offset(far))
    }

    /// Returns the first bytes of a segment.
    #[inline]
    pub(super) fn words(&self, segment: Segment) -> Words {
        Words::new(self.sixteen(segment.at), segment.length())
    }

    /// Returns the eight bytes from `at` on as a little-endian number; those past the path's end are
    /// arbitrary.
    #[inline]
    pub(super) fn word(&self, at: u32) -> u64 {
        let eight = self.sixteen(at).first_chunk();
        eight.map_or(0, |eight| u64::from_le_bytes(*eight))
    }

    /// Returns the sixteen bytes from `at` on; those past the path's end are arbitrary.
    #[inline]
    pub(super) fn sixteen(&self, at: u32) -> &[u8; 16] {
        let at = at as usize;
        let near = self.around.get(at..at + 16);
        let chunk = near.or_else(|| {
            let start = self.around.len().saturating_sub(16);
            // At most sixteen bytes are left, none at the end.
            let at = at.wrapping_sub(start) & 15;
            self.last.get(at..at + 16)
        });
        chunk.and_then(<[u8]>::first_chunk).unwrap_or(&[0; 16])
    }
}

/// Returns an offset or length of a path as 32 bits.
#[inline]
#[expect(
    clippy::expect_used,
    reason = "`target::from_path` refuses targets over 1 GiB, and escapes are three bytes"
)]
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a path is shorter than 4 GiB")
}

/// Returns the last sixteen bytes of a text, padded with zeros if it is shorter.
#[inline]
fn last(text: &[u8]) -> [u8; 16] {
    let last = text.last_chunk().copied();
    last.unwrap_or_else(|| padded(text))
}

/// Returns the slashes of a chunk and the bytes at which a path may end, one bit each.
#[inline]
fn slashes_and_stops(chunk: &[u8; 16]) -> (u32, u32) {
    let stops = mask_or_beyond_ascii(chunk, [b'?', b'#', b'%']);
    (mask(chunk, [b'/']), stops)
}

/// Strips `prefix` and the slash behind it from a path; `None` if the path is outside the prefix.
pub(super) fn below<'p>(path: &'p [u8], prefix: &[u8]) -> Option<&'p [u8]> {
    if prefix.is_empty() {
        return Some(path.get(START as usize..).unwrap_or_default());
    }
    let left = path.strip_prefix(prefix)?;
    match left.first() {
        None => Some(left),
        Some(b'/') => Some(&left[1..]),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(target: &[u8]) -> Option<String> {
        let mut scratch = Vec::new();
        let path = Path::from_target(target, &mut scratch)?;
        Some(String::from_utf8(path.bytes().to_vec()).unwrap())
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
        let at = |path: &[u8], prefix| Path::from_unescaped(path).below(prefix);
        assert_eq!(at(b"/app/x", b"/app"), Some(5));
        assert_eq!(at(b"/app", b"/app"), Some(4));
        assert_eq!(at(b"/apple", b"/app"), None);
        assert_eq!(at(b"/x", b""), Some(1));
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

    /// Asserts that a path has these bytes, and the segments that a plain search finds.
    fn check(path: &Path<'_>, bytes: &[u8]) {
        assert_eq!(path.bytes(), bytes);
        assert_eq!(path.length() as usize, bytes.len());
        for (place, at) in (0..=bytes.len()).zip(0..) {
            let segment = path.segment(at, path.ends(at));
            let expected = bytes[place..].split(|byte| *byte == b'/').next().unwrap();
            assert_eq!(segment.at, at);
            assert_eq!(path.text(segment), expected);
            assert_eq!(path.rest(at), &bytes[place..]);
            let near = expected.len().min(8);
            assert_eq!(path.word(at).to_le_bytes()[..near], expected[..near]);
            let mut filled = [0xff; 16];
            let near = expected.len().min(16);
            filled[..near].copy_from_slice(&expected[..near]);
            let words = path.words(segment);
            assert_eq!(words, Words::from_segment(expected));
            let both = [words.first.to_le_bytes(), words.second.to_le_bytes()];
            assert_eq!(both.as_flattened(), filled);
            let left = bytes[place..].iter();
            assert!(left.zip(path.sixteen(at)).all(|(byte, seen)| byte == seen));
        }
    }

    proptest! {
        #[test]
        fn a_scan_agrees_with_a_byte_by_byte_search(target in target()) {
            let stops = |byte: &u8| b"?#%".contains(byte) || *byte >= 0x80;
            let end = target.iter().position(stops).unwrap_or(target.len());
            let path = Path::scan(&target);
            check(&path, &target[..end]);
            let is_plain = target.get(end).is_none_or(|byte| b"?#".contains(byte));
            prop_assert_eq!(path.is_plain(), is_plain);
            check(&Path::from_unescaped(&target), &target);
        }

        #[test]
        fn escapes_are_undone_up_to_the_query(target in target()) {
            let target = [b"/", &*target].concat();
            let mut expected = Vec::new();
            target::unescape(&target, &mut expected);
            let mut scratch = Vec::new();
            check(&Path::from_target(&target, &mut scratch).unwrap(), &expected);
        }

        #[test]
        fn an_unescaped_path_is_utf8(target in proptest::collection::vec(any::<u8>(), 0..40), escaped: Vec<u8>) {
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
