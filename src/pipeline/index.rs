//! Newlines and quotes of a buffer, found in one pass.
//!
//! Invariant: places ascend, and every newline and quote of the buffer is among them; the vector
//! kernel finds what its plain twin finds.

/// Places of the two bytes that lines are cut at; reused from buffer to buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub(super) newlines: Vec<u32>,
    pub(super) quotes: Vec<u32>,
}

impl Index {
    /// Finds all of them in `bytes`; a buffer is far smaller than 4 GiB.
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        self.newlines.clear();
        self.quotes.clear();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "the processor has just been asked for AVX2")]
            // SAFETY: `fill_by_avx2` needs nothing but AVX2.
            unsafe {
                self.fill_by_avx2(bytes);
            }
            return;
        }
        self.fill_by_bytes(bytes, 0);
    }

    /// 64 bytes at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn fill_by_avx2(&mut self, bytes: &[u8]) {
        use std::arch::x86_64::_mm256_set1_epi8;

        let newline = _mm256_set1_epi8(b'\n'.cast_signed());
        let quote = _mm256_set1_epi8(b'"'.cast_signed());
        let (blocks, rest) = bytes.as_chunks::<64>();
        let mut base = 0;
        for block in blocks {
            let (halves, _) = block.as_chunks::<32>();
            let [low, high] = halves else { return };
            let (low, high) = (load(low), load(high));
            push(
                equal(low, newline) | equal(high, newline) << 32,
                base,
                &mut self.newlines,
            );
            push(
                equal(low, quote) | equal(high, quote) << 32,
                base,
                &mut self.quotes,
            );
            base += 64;
        }
        self.fill_by_bytes(rest, base);
    }

    /// One byte at a time: the reference, and what is used elsewhere.
    fn fill_by_bytes(&mut self, bytes: &[u8], base: u32) {
        for (byte, place) in bytes.iter().zip(base..) {
            match byte {
                b'\n' => self.newlines.push(place),
                b'"' => self.quotes.push(place),
                _ => {}
            }
        }
    }
}

/// 32 bytes as a vector.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn load(bytes: &[u8; 32]) -> std::arch::x86_64::__m256i {
    #[expect(
        unsafe_code,
        reason = "an unaligned load of exactly the bytes of the array"
    )]
    // SAFETY: the pointer is to 32 readable bytes, and `loadu` asks for no alignment.
    unsafe {
        std::arch::x86_64::_mm256_loadu_si256(bytes.as_ptr().cast())
    }
}

/// Which bytes are equal, lowest bit first.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn equal(bytes: std::arch::x86_64::__m256i, wanted: std::arch::x86_64::__m256i) -> u64 {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_movemask_epi8};

    u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, wanted)).cast_unsigned())
}

/// The set bits of a mask, as places.
#[inline]
fn push(mut mask: u64, base: u32, places: &mut Vec<u32>) {
    while mask != 0 {
        places.push(base + mask.trailing_zeros());
        mask &= mask - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_newline_and_quote_is_found(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'"'), any::<u8>()], 0..300)) {
            let mut index = Index::default();
            index.fill(b"\"\"\n");
            index.fill(&bytes);
            let places = |byte| memchr::memchr_iter(byte, &bytes).map(|at| u32::try_from(at).unwrap()).collect::<Vec<_>>();
            prop_assert_eq!(&index.newlines, &places(b'\n'));
            let mut twin = Index::default();
            twin.fill_by_bytes(&bytes, 0);
            prop_assert_eq!((&twin.newlines, &twin.quotes), (&index.newlines, &index.quotes));
            prop_assert_eq!(&index.quotes, &places(b'"'));
        }
    }
}
