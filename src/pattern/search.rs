//! Searches for the first of a few bytes, sixteen or more at a time.
//!
//! Invariant: a vector kernel finds what its plain twin finds; neither reads more than one vector past
//! the byte found.

use crate::model::vector::mask;

/// Returns the offset of the first of these bytes at or after `at`, or the text's length without one.
#[expect(
    clippy::inline_always,
    reason = "a call costs more than the search of most values"
)]
#[inline(always)]
pub(super) fn first_of<const N: usize>(text: &[u8], mut at: usize, wanted: [u8; N]) -> usize {
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let mask = mask(chunk, wanted);
        if mask != 0 {
            return at + mask.trailing_zeros() as usize;
        }
        at += chunk.len();
    }
    plain(text, at, wanted)
}

/// A kernel that finds the quotes and newlines of 64 bytes.
pub(super) trait Kernel: Copy {
    /// Returns a bit for each byte, the first one lowest.
    fn quotes_and_newlines(self, block: &[u8; 64]) -> u64;
}

/// The kernel for every CPU.
#[derive(Clone, Copy)]
pub(super) struct Plain;

/// Proof that this CPU has AVX2. Only [`Avx2::detect`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    /// Detects AVX2; the standard library caches the answer.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

/// The quotes and newlines of 64 bytes of a text; moves forward as later bytes are searched.
pub(super) struct Window<K> {
    start: usize,
    mask: u64,
    kernel: K,
}

impl Kernel for Plain {
    #[inline]
    fn quotes_and_newlines(self, block: &[u8; 64]) -> u64 {
        let (quarters, _) = block.as_chunks();
        quarters.iter().rev().fold(0, |all, quarter| {
            all << 16 | u64::from(mask(quarter, [b'"', b'\n']))
        })
    }
}

#[cfg(target_arch = "x86_64")]
impl Kernel for Avx2 {
    #[expect(clippy::inline_always, reason = "see `first_of`")]
    #[inline(always)]
    fn quotes_and_newlines(self, block: &[u8; 64]) -> u64 {
        #[expect(unsafe_code, reason = "the type proves that the CPU has AVX2")]
        // SAFETY: the function requires AVX2 alone.
        unsafe {
            quotes_and_newlines_by_avx2(block)
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn quotes_and_newlines_by_avx2(block: &[u8; 64]) -> u64 {
    let (halves, _) = block.as_chunks::<32>();
    let [low, high] = halves else { return 0 };
    u64::from(half_by_avx2(low)) | u64::from(half_by_avx2(high)) << 32
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn half_by_avx2(half: &[u8; 32]) -> u32 {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };

    #[expect(unsafe_code, reason = "a load of exactly the bytes of the array")]
    // SAFETY: the pointer is to 32 readable bytes, and `loadu` requires no alignment.
    let half = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
    let quote = _mm256_cmpeq_epi8(half, _mm256_set1_epi8(b'"'.cast_signed()));
    let newline = _mm256_cmpeq_epi8(half, _mm256_set1_epi8(b'\n'.cast_signed()));
    _mm256_movemask_epi8(_mm256_or_si256(quote, newline)).cast_unsigned()
}

impl<K: Kernel> Window<K> {
    /// Creates a window that has not read anything.
    pub(super) fn new(kernel: K) -> Self {
        Self {
            start: 1 << 63,
            mask: 0,
            kernel,
        }
    }

    /// Returns the offset of the first quote or newline at or after `at`, or the text's length without
    /// one. All calls must be for the same text.
    #[expect(clippy::inline_always, reason = "see `first_of`")]
    #[inline(always)]
    pub(super) fn find(&mut self, text: &[u8], mut at: usize) -> usize {
        loop {
            let passed = at.wrapping_sub(self.start);
            if passed < 64 {
                let mask = self.mask >> passed;
                if mask != 0 {
                    return at + mask.trailing_zeros() as usize;
                }
                at = self.start + 64;
            }
            let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<64>) else {
                return first_of(text, at, [b'"', b'\n']);
            };
            self.start = at;
            self.mask = self.kernel.quotes_and_newlines(block);
        }
    }
}

/// Searches a byte at a time, for the end of a text.
#[cold]
#[inline(never)]
fn plain<const N: usize>(text: &[u8], at: usize, wanted: [u8; N]) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let found = rest.iter().position(|byte| wanted.contains(byte));
    found.map_or(text.len(), |length| at + length)
}

/// Returns the first quote, backslash or control character from `at`: the end of a JSON string, or of
/// its part without escapes.
#[inline]
pub(super) fn first_special(text: &[u8], mut at: usize) -> Option<usize> {
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let mask = mask(chunk, [b'"', b'\\']) | controls(chunk);
        if mask != 0 {
            return Some(at + mask.trailing_zeros() as usize);
        }
        at += chunk.len();
    }
    last_special(text, at)
}

#[cold]
#[inline(never)]
fn last_special(text: &[u8], at: usize) -> Option<usize> {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let found = text.get(at..)?.iter().position(is_special)?;
    Some(at + found)
}

/// Returns a bit for each byte below 0x20, the first one lowest.
#[cfg(target_arch = "x86_64")]
#[inline]
fn controls(chunk: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_movemask_epi8, _mm_set1_epi8,
    };

    #[expect(unsafe_code, reason = "as in `vector::mask`")]
    // SAFETY: as in `vector::mask`.
    unsafe {
        let last = _mm_set1_epi8(0x1f);
        let most = _mm_max_epu8(_mm_loadu_si128(chunk.as_ptr().cast()), last);
        _mm_movemask_epi8(_mm_cmpeq_epi8(most, last)).cast_unsigned()
    }
}

/// Returns a bit for each byte below 0x20, the first one lowest.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn controls(chunk: &[u8; 16]) -> u32 {
    let bits = chunk.iter().zip(0..);
    bits.fold(0, |mask, (byte, at)| mask | u32::from(*byte < 0x20) << at)
}

/// Returns whether each byte is at its lower bound, or above it by no more than its span.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn within(bytes: &[u8; 16], low: &[u8; 16], span: &[u8; 16]) -> bool {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_max_epu8, _mm_movemask_epi8, _mm_sub_epi8,
    };

    #[expect(unsafe_code, reason = "as in `vector::mask`")]
    // SAFETY: as in `vector::mask`.
    unsafe {
        let span = _mm_loadu_si128(span.as_ptr().cast());
        let above = _mm_sub_epi8(
            _mm_loadu_si128(bytes.as_ptr().cast()),
            _mm_loadu_si128(low.as_ptr().cast()),
        );
        _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(above, span), span)) == 0xffff
    }
}

/// Returns whether each byte is at its lower bound, or above it by no more than its span.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn within(bytes: &[u8; 16], low: &[u8; 16], span: &[u8; 16]) -> bool {
    plain_within(bytes, low, span)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_within(bytes: &[u8; 16], low: &[u8; 16], span: &[u8; 16]) -> bool {
    let bounds = low.iter().zip(span);
    bytes
        .iter()
        .zip(bounds)
        .all(|(byte, (low, span))| byte.wrapping_sub(*low) <= *span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![9 => any::<u8>(), 1 => Just(b'"'), 1 => Just(b'\n')],
            0..100,
        )
    }

    proptest! {
        #[test]
        fn the_first_wanted_byte_is_found_at_any_offset(text in bytes(), at in 0..110_usize) {
            let wanted = [b'"', b'\n', 0xff];
            prop_assert_eq!(first_of(&text, at, wanted), plain(&text, at, wanted));
        }

        #[test]
        fn the_first_special_byte_is_found(text in proptest::collection::vec(prop_oneof![20 => Just(b'x'), 1 => any::<u8>()], 0..70), at in 0..80_usize) {
            prop_assert_eq!(first_special(&text, at), last_special(&text, at));
        }

        #[test]
        fn a_window_finds_the_same_as_a_search(text in bytes(), mut steps in proptest::collection::vec(0..40_usize, 1..10)) {
            let mut window = Window::new(Plain);
            let mut at = 0;
            for step in steps.drain(..) {
                at += step;
                prop_assert_eq!(window.find(&text, at), first_of(&text, at, [b'"', b'\n']));
            }
        }

        #[test]
        #[cfg(target_arch = "x86_64")]
        fn both_kernels_find_the_same(block in proptest::array::uniform::<_, 64>(prop_oneof![any::<u8>(), Just(b'"'), Just(b'\n')])) {
            if let Some(avx2) = Avx2::detect() {
                prop_assert_eq!(avx2.quotes_and_newlines(&block), Plain.quotes_and_newlines(&block));
            }
        }

        #[test]
        fn bounds_are_inclusive_and_agree_with_the_twin(bytes: [u8; 16], low: [u8; 16], span: [u8; 16], place in 0..16_usize) {
            prop_assert_eq!(within(&bytes, &low, &span), plain_within(&bytes, &low, &span));
            let mut text = low;
            text[place] = low[place].wrapping_add(span[place]);
            prop_assert!(within(&text, &low, &span));
            text[place] = text[place].wrapping_add(1);
            prop_assert_eq!(within(&text, &low, &span), span[place] == 255);
        }
    }
}
