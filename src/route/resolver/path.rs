//! From a request target to the path that Django resolves.
//!
//! Invariant: the path is what the WSGI server and Django make of the target: its query gone, its
//! escapes undone, bytes that are no UTF-8 escaped again; so it is always UTF-8.

use memchr::memchr;

use crate::model::vector::{mask, mask_or_beyond_ascii};

/// Where a path goes on behind its first slash, which Django takes off.
pub(super) const START: u32 = 1;

/// A path, and where its first segments end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    /// The path and what stands behind it: so sixteen bytes can be read at once from most of it.
    around: &'p [u8],
    /// The last sixteen bytes of that, or all if it has less, and anything behind them.
    last: [u8; 32],
    /// How much of it is the path, in bytes.
    length: u32,
    /// Bits for the slashes and for the end of the path, as far as these are among its first 64 bytes.
    ends: u64,
}

/// A segment of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) at: u32,
    pub(super) end: u32,
}

impl Segment {
    /// In bytes.
    #[inline]
    pub(super) fn length(self) -> usize {
        (self.end - self.at) as usize
    }
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
        let target = start(target)?;
        let path = Self::scan(target);
        Some(if path.is_plain() {
            path
        } else {
            Self::undone(target, scratch)
        })
    }

    /// The path of a target that has escapes, or bytes beyond ASCII. This was what [`start`] gave.
    pub(super) fn undone(target: &[u8], scratch: &'p mut Vec<u8>) -> Self {
        undo(target, scratch);
        Self::decoded(scratch)
    }

    /// Whether it ends where the path of the target does that was scanned: there is neither an escape nor
    /// a byte beyond ASCII.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let end = self.around.get(self.length as usize);
        matches!(end, None | Some(b'?' | b'#'))
    }

    /// A path as it is, its escapes undone.
    pub(super) fn decoded(bytes: &'p [u8]) -> Self {
        let first = bytes.iter().take(64).zip(0..);
        let slashes = first.fold(0, |slashes, (byte, place)| {
            slashes | u64::from(*byte == b'/') << place
        });
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self::new(bytes, length, slashes, last(bytes))
    }

    /// Looks at sixteen bytes at once, up to a query, a fragment, an escape or a byte beyond ASCII: the
    /// path ends there, or where the target does. This was what [`start`] gave.
    #[inline]
    pub(super) fn scan(target: &'p [u8]) -> Self {
        let last = last(target);
        let (chunks, rest) = target.as_chunks();
        let (mut base, mut slashes) = (0_u32, 0_u64);
        for chunk in chunks {
            let (found, stops) = looked(chunk);
            slashes |= u64::from(found).unbounded_shl(base);
            if stops != 0 {
                return Self::new(target, base + stops.trailing_zeros(), slashes, last);
            }
            base += 16;
        }
        let whole = u32::try_from(target.len()).unwrap_or(u32::MAX);
        if rest.is_empty() {
            return Self::new(target, whole, slashes, last);
        }
        // Some were seen already, and say the same again.
        let begin = whole.saturating_sub(16);
        let (found, stops) = looked(&last);
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

    /// In bytes.
    #[inline]
    pub(super) fn length(&self) -> u32 {
        self.length
    }

    /// The whole of it.
    #[inline]
    pub(super) fn bytes(&self) -> &'p [u8] {
        self.around.get(..self.length as usize).unwrap_or_default()
    }

    /// What is left of it from `at` on.
    #[inline]
    pub(super) fn rest(&self, at: u32) -> &'p [u8] {
        self.bytes().get(at as usize..).unwrap_or_default()
    }

    /// Where what is left of it begins if it lies below `prefix`.
    pub(super) fn below(&self, prefix: &[u8]) -> Option<u32> {
        let left = below(self.bytes(), prefix)?;
        Some(self.length - u32::try_from(left.len()).ok()?)
    }

    /// The bytes of a segment.
    #[inline]
    pub(super) fn text(&self, segment: Segment) -> &'p [u8] {
        let place = segment.at as usize..segment.end as usize;
        self.around.get(place).unwrap_or_default()
    }

    /// The ends of segments from `at` on, as far as these are among the first 64 bytes.
    #[inline]
    pub(super) fn ends(&self, at: u32) -> u64 {
        if at < 64 { self.ends >> at << at } else { 0 }
    }

    /// The segment that begins at `at`, the ends from there on known.
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
        let far = memchr(b'/', self.rest(at)).and_then(|far| u32::try_from(far).ok());
        far.map_or(self.length, |far| at + far)
    }

    /// The first bytes of a segment.
    #[inline]
    pub(super) fn words(&self, segment: Segment) -> Words {
        Words::new(self.sixteen(segment.at), segment.length())
    }

    /// The eight bytes from `at` on, the first lowest, and anything behind the path's end.
    #[inline]
    pub(super) fn word(&self, at: u32) -> u64 {
        let eight = self.sixteen(at).first_chunk();
        eight.map_or(0, |eight| u64::from_le_bytes(*eight))
    }

    /// The sixteen bytes from `at` on, and anything behind the path's end.
    #[inline]
    pub(super) fn sixteen(&self, at: u32) -> &[u8; 16] {
        let at = at as usize;
        let near = self.around.get(at..at + 16);
        let chunk = near.or_else(|| {
            let start = self.around.len().saturating_sub(16);
            // Sixteen bytes are left at most, of the end none.
            let at = at.wrapping_sub(start) & 15;
            self.last.get(at..at + 16)
        });
        chunk.and_then(<[u8]>::first_chunk).unwrap_or(&[0; 16])
    }
}

/// A target without what stands before its path; `None` if it has no path, or takes 4 GiB.
#[inline]
pub(super) fn start(target: &[u8]) -> Option<&[u8]> {
    u32::try_from(target.len()).ok()?;
    match target.first() {
        Some(b'/') => Some(target),
        _ => path_of_absolute(target),
    }
}

/// The last sixteen bytes of a text, or all of it and zeros.
#[inline]
fn last(text: &[u8]) -> [u8; 16] {
    let last = text.last_chunk().copied();
    last.unwrap_or_else(|| padded(text))
}

/// Which of sixteen bytes are slashes, and where a path may end.
#[inline]
fn looked(chunk: &[u8; 16]) -> (u32, u32) {
    let stops = mask_or_beyond_ascii(chunk, [b'?', b'#', b'%']);
    (mask(chunk, [b'/']), stops)
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
    undo(start(target)?, scratch);
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

/// Writes the path of a target.
fn undo(target: &[u8], path: &mut Vec<u8>) {
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    decode(&target[..end], path);
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

/// What is left of a path if it lies below `prefix`, without the slash between them.
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
        let path = Path::of(target, &mut scratch)?;
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
        let at = |path: &[u8], prefix| Path::decoded(path).below(prefix);
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

    /// A path is these bytes, and its segments are where a plain search finds them.
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
            assert_eq!(words, Words::of(expected));
            let both = [words.first.to_le_bytes(), words.second.to_le_bytes()];
            assert_eq!(both.as_flattened(), filled);
            let left = bytes[place..].iter();
            assert!(left.zip(path.sixteen(at)).all(|(byte, seen)| byte == seen));
        }
    }

    proptest! {
        #[test]
        fn sixteen_bytes_at_once_see_what_a_byte_by_byte_look_sees(target in target()) {
            let stops = |byte: &u8| b"?#%".contains(byte) || *byte >= 0x80;
            let end = target.iter().position(stops).unwrap_or(target.len());
            let path = Path::scan(&target);
            check(&path, &target[..end]);
            let is_plain = target.get(end).is_none_or(|byte| b"?#".contains(byte));
            prop_assert_eq!(path.is_plain(), is_plain);
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
