//! The first sixteen bytes of a segment as two numbers.

/// First sixteen bytes of a segment, shorter segments filled up with a byte that UTF-8 never contains:
/// segments of at most sixteen bytes have equal words if and only if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) first: u64,
    pub(super) second: u64,
}

/// Bytes that [`Words`] hold.
pub(super) const WORDS_BYTES: usize = 16;

/// Fill of the bytes that a segment of each length lacks.
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
    /// Words that no segment has: as if it were empty and not empty.
    pub(super) const NONE: Self = Self {
        first: u64::MAX,
        second: 0,
    };

    /// Makes the words of a segment of `length` bytes, given the sixteen bytes from its start on.
    #[inline]
    pub(super) fn new(bytes: &[u8; 16], length: usize) -> Self {
        let fill = FILL[length.min(WORDS_BYTES)];
        let half = |half: Option<&[u8; 8]>| half.map_or(0, |half| u64::from_le_bytes(*half));
        Self {
            first: half(bytes.first_chunk()) | fill.first,
            second: half(bytes.last_chunk()) | fill.second,
        }
    }

    /// Makes the words of a segment.
    pub(super) fn from_segment(segment: &[u8]) -> Self {
        let bytes = segment.first_chunk().copied();
        Self::new(&bytes.unwrap_or_else(|| padded(segment)), segment.len())
    }
}

/// Pads a text of less than sixteen bytes with zeros.
#[inline]
pub(super) fn padded(text: &[u8]) -> [u8; 16] {
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
