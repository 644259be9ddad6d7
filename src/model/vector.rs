//! Which bytes of sixteen are wanted ones.
//!
//! Invariant: the vector kernels say what their plain twins say.

/// Which bytes are among the wanted ones, lowest bit first.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
        _mm_setzero_si128,
    };

    #[expect(
        unsafe_code,
        reason = "the compiler asks for it although SSE2 is never absent"
    )]
    // SAFETY: every x86-64 processor has SSE2, and the load is of exactly the bytes of the array.
    unsafe {
        let chunk = _mm_loadu_si128(chunk.as_ptr().cast());
        let mut found = _mm_setzero_si128();
        for byte in wanted {
            let equal = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(byte.cast_signed()));
            found = _mm_or_si128(found, equal);
        }
        _mm_movemask_epi8(found).cast_unsigned()
    }
}

/// Which bytes are among the wanted ones, lowest bit first.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    plain_mask(chunk, wanted)
}

/// Which bytes are among the wanted ones or beyond ASCII, lowest bit first.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn mask_or_beyond_ascii<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
    };

    #[expect(unsafe_code, reason = "as in `mask`")]
    // SAFETY: as in `mask`.
    unsafe {
        let chunk = _mm_loadu_si128(chunk.as_ptr().cast());
        // What is beyond ASCII has the highest bit of its byte, which is all that the mask takes.
        let mut found = chunk;
        for byte in wanted {
            let equal = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(byte.cast_signed()));
            found = _mm_or_si128(found, equal);
        }
        _mm_movemask_epi8(found).cast_unsigned()
    }
}

/// Which bytes are among the wanted ones or beyond ASCII, lowest bit first.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn mask_or_beyond_ascii<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    plain_mask_or_beyond_ascii(chunk, wanted)
}

/// A set of bytes, as ranges of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranges(Box<[Range]>);

/// The first byte of a range, and how far the last is from it; written sixteen times.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: [u8; 16],
    span: [u8; 16],
}

impl Ranges {
    /// Of ranges with their ends included, the lower end first.
    pub(crate) fn new(ranges: &[(u8, u8)]) -> Self {
        let ranges = ranges.iter().map(|(first, last)| Range {
            first: [*first; 16],
            span: [last.saturating_sub(*first); 16],
        });
        Self(ranges.collect())
    }

    /// Which bytes are of the set, lowest bit first.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn mask(&self, chunk: &[u8; 16]) -> u32 {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
            _mm_setzero_si128, _mm_sub_epi8,
        };

        #[expect(unsafe_code, reason = "as in `mask`")]
        // SAFETY: as in `mask`; the bounds of a range are arrays of the same size.
        unsafe {
            let chunk = _mm_loadu_si128(chunk.as_ptr().cast());
            let mut found = _mm_setzero_si128();
            for range in &self.0 {
                let first = _mm_loadu_si128(range.first.as_ptr().cast());
                let span = _mm_loadu_si128(range.span.as_ptr().cast());
                let far = _mm_sub_epi8(chunk, first);
                let is_near = _mm_cmpeq_epi8(_mm_min_epu8(far, span), far);
                found = _mm_or_si128(found, is_near);
            }
            _mm_movemask_epi8(found).cast_unsigned()
        }
    }

    /// Which bytes are of the set, lowest bit first.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub(crate) fn mask(&self, chunk: &[u8; 16]) -> u32 {
        self.plain_mask(chunk)
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn plain_mask(&self, chunk: &[u8; 16]) -> u32 {
        bits(chunk, |byte| {
            let mut ranges = self.0.iter();
            ranges.any(|range| byte.wrapping_sub(range.first[0]) <= range.span[0])
        })
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    bits(chunk, |byte| wanted.contains(&byte))
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_mask_or_beyond_ascii<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    bits(chunk, |byte| byte >= 0x80 || wanted.contains(&byte))
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn bits(chunk: &[u8; 16], is_wanted: impl Fn(u8) -> bool) -> u32 {
    let bits = chunk.iter().zip(0..);
    bits.fold(0, |mask, (byte, at)| {
        mask | u32::from(is_wanted(*byte)) << at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_vector_kernels_agree_with_their_twins(
            chunk: [u8; 16],
            wanted: [u8; 2],
            ends in proptest::collection::vec((0..=255_u8, 0..=255_u8), 0..4),
        ) {
            proptest::prop_assert_eq!(mask(&chunk, wanted), plain_mask(&chunk, wanted));
            let beyond = mask_or_beyond_ascii(&chunk, wanted);
            proptest::prop_assert_eq!(beyond, plain_mask_or_beyond_ascii(&chunk, wanted));
            let ends: Vec<_> = ends.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
            let ranges = Ranges::new(&ends);
            let is_in = |byte| ends.iter().any(|(first, last)| (*first..=*last).contains(&byte));
            proptest::prop_assert_eq!(ranges.mask(&chunk), bits(&chunk, is_in));
            proptest::prop_assert_eq!(ranges.plain_mask(&chunk), bits(&chunk, is_in));
        }
    }
}
