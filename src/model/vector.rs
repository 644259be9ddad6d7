//! Kernels that test sixteen bytes at once.
//!
//! Invariant: each vector kernel returns the mask that its scalar twin returns.

use super::byte_set::ByteSet;

/// Returns a mask of the bytes that are among the wanted ones, the first byte in the lowest bit.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8,
        _mm_setzero_si128,
    };

    #[expect(unsafe_code, reason = "vector loads take a pointer")]
    // SAFETY: every x86-64 CPU has SSE2, and the load covers exactly the bytes of the array.
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

/// Returns a mask of the bytes that are among the wanted ones, the first byte in the lowest bit.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    plain_mask(chunk, wanted)
}

/// Returns a mask of the bytes that are among the wanted ones or not ASCII, the first byte in the
/// lowest bit.
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
        // The mask is made of the highest bit of each byte, which is set unless the byte is ASCII.
        let mut found = chunk;
        for byte in wanted {
            let equal = _mm_cmpeq_epi8(chunk, _mm_set1_epi8(byte.cast_signed()));
            found = _mm_or_si128(found, equal);
        }
        _mm_movemask_epi8(found).cast_unsigned()
    }
}

/// Returns a mask of the bytes that are among the wanted ones or not ASCII, the first byte in the
/// lowest bit.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn mask_or_beyond_ascii<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    plain_mask_or_beyond_ascii(chunk, wanted)
}

/// Tests sixteen bytes at once for the ASCII members of a byte set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AsciiMatcher {
    /// Bit `h` of item `l` is set if the byte with the high half `h` and the low half `l` is a member.
    halves: [u8; 16],
    #[cfg(target_arch = "x86_64")]
    ssse3: Option<Ssse3>,
}

/// Proof that this CPU has SSSE3, as nearly all have. Only `AsciiMatcher::new` makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ssse3(());

impl AsciiMatcher {
    /// Matches the ASCII members of a set and no other byte.
    pub(crate) fn new(set: &ByteSet) -> Self {
        let mut halves = [0; 16];
        for byte in (0..128_u8).filter(|byte| set.contains(*byte)) {
            halves[usize::from(byte & 15)] |= 1 << (byte >> 4);
        }
        Self {
            halves,
            #[cfg(target_arch = "x86_64")]
            ssse3: std::arch::is_x86_feature_detected!("ssse3").then_some(Ssse3(())),
        }
    }

    /// Returns a mask of the bytes that are members, the first byte in the lowest bit.
    #[inline]
    pub(crate) fn mask(&self, chunk: &[u8; 16]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if let Some(Ssse3(())) = self.ssse3 {
            #[expect(unsafe_code, reason = "`Ssse3` proves that the CPU has SSSE3")]
            // SAFETY: the function requires SSSE3 alone.
            return unsafe { mask_by_ssse3(&self.halves, chunk) };
        }
        self.plain_mask(chunk)
    }

    fn plain_mask(&self, chunk: &[u8; 16]) -> u32 {
        bits(chunk, |byte| {
            let upper = 1_u8.checked_shl(u32::from(byte >> 4)).unwrap_or(0);
            self.halves[usize::from(byte & 15)] & upper != 0
        })
    }
}

/// Returns a mask of the members by two shuffles: one looks up the low half of each byte in `halves`,
/// the other turns the high half into a bit.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "ssse3")]
fn mask_by_ssse3(halves: &[u8; 16], chunk: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{
        _mm_and_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
        _mm_setr_epi8, _mm_setzero_si128, _mm_shuffle_epi8, _mm_srli_epi16,
    };

    #[expect(unsafe_code, reason = "vector loads take a pointer")]
    // SAFETY: both pointers are to 16 readable bytes, and `loadu` has no alignment requirement.
    let (halves, chunk) = unsafe {
        (
            _mm_loadu_si128(halves.as_ptr().cast()),
            _mm_loadu_si128(chunk.as_ptr().cast()),
        )
    };
    // A shuffle yields 0 for an index with the highest bit: only ASCII is found.
    let wanted = _mm_shuffle_epi8(halves, chunk);
    let upper = _mm_and_si128(_mm_srli_epi16::<4>(chunk), _mm_set1_epi8(15));
    let bits = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, i8::MIN, 0, 0, 0, 0, 0, 0, 0, 0);
    let found = _mm_and_si128(wanted, _mm_shuffle_epi8(bits, upper));
    let missed = _mm_cmpeq_epi8(found, _mm_setzero_si128());
    !_mm_movemask_epi8(missed).cast_unsigned() & 0xffff
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    bits(chunk, |byte| wanted.contains(&byte))
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_mask_or_beyond_ascii<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    bits(chunk, |byte| byte >= 0x80 || wanted.contains(&byte))
}

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
        fn vector_kernels_agree_with_their_scalar_twins(
            chunk: [u8; 16],
            wanted: [u8; 2],
            ends in proptest::collection::vec((0..=255_u8, 0..=255_u8), 0..4),
        ) {
            proptest::prop_assert_eq!(mask(&chunk, wanted), plain_mask(&chunk, wanted));
            let beyond = mask_or_beyond_ascii(&chunk, wanted);
            proptest::prop_assert_eq!(beyond, plain_mask_or_beyond_ascii(&chunk, wanted));
            let ends: Vec<_> = ends.iter().map(|(a, b)| (*a.min(b), *a.max(b))).collect();
            let set = ByteSet::from_ranges(&ends);
            let is_in = |byte: u8| byte.is_ascii() && set.contains(byte);
            let matcher = AsciiMatcher::new(&set);
            proptest::prop_assert_eq!(matcher.mask(&chunk), bits(&chunk, is_in));
            proptest::prop_assert_eq!(matcher.plain_mask(&chunk), bits(&chunk, is_in));
        }
    }
}
