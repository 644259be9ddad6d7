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

/// Which bytes are beyond ASCII, lowest bit first.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn beyond_ascii(chunk: &[u8; 16]) -> u32 {
    use std::arch::x86_64::{_mm_loadu_si128, _mm_movemask_epi8};

    #[expect(unsafe_code, reason = "as in `mask`")]
    // SAFETY: as in `mask`.
    unsafe {
        _mm_movemask_epi8(_mm_loadu_si128(chunk.as_ptr().cast())).cast_unsigned()
    }
}

/// Which bytes are beyond ASCII, lowest bit first.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn beyond_ascii(chunk: &[u8; 16]) -> u32 {
    plain_beyond_ascii(chunk)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_mask<const N: usize>(chunk: &[u8; 16], wanted: [u8; N]) -> u32 {
    let bits = chunk
        .iter()
        .zip(0..)
        .map(|(byte, at)| u32::from(wanted.contains(byte)) << at);
    bits.fold(0, |mask, bit| mask | bit)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_beyond_ascii(chunk: &[u8; 16]) -> u32 {
    let bits = chunk.iter().zip(0..);
    bits.fold(0, |mask, (byte, at)| mask | u32::from(*byte >= 0x80) << at)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_vector_kernel_agrees_with_its_twin(chunk: [u8; 16], wanted: [u8; 2]) {
            proptest::prop_assert_eq!(mask(&chunk, wanted), plain_mask(&chunk, wanted));
            proptest::prop_assert_eq!(beyond_ascii(&chunk), plain_beyond_ascii(&chunk));
        }
    }
}
