//! Decimal digits parsed eight at a time.
//!
//! A *word* is a `u64` that holds eight bytes of a text, the first of them in the lowest byte.

/// Loads the eight bytes of `text` from `at`; bytes past its end are zero.
#[inline]
pub fn word(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(text, at),
    }
}

#[cold]
#[inline(never)]
fn last_word(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default().iter();
    rest.rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Returns the number of digits that a word begins with, 0 to 8.
#[inline]
pub fn leading(word: u64) -> usize {
    let values = word ^ 0x3030_3030_3030_3030;
    // The high bit of each byte over 9. A carry reaches only bytes after the first of these.
    let over = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    (over.trailing_zeros() / 8) as usize
}

/// Returns the number written in the first `count` bytes of a word, which are 1 to 8 digits.
#[inline]
pub fn number(word: u64, count: usize) -> u64 {
    // Pads with leading zeros, then combines digits to pairs, pairs to fours, fours to the number.
    let digits = (word & 0x0f0f_0f0f_0f0f_0f0f) << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

/// Returns the thousandths of a `d.ddd` that a word begins with, unless another digit follows. nginx
/// writes nearly all its times in this form.
#[inline]
pub fn thousandths(word: u64) -> Option<u64> {
    let values = word ^ 0x0030_3030_2e30;
    let wrong = (values.wrapping_add(0x0076_7676_7f76) | values) & 0x0080_8080_8080;
    if wrong != 0 || (word >> 40 & 0xff).wrapping_sub(0x30) <= 9 {
        return None;
    }
    Some(number(values & 0xff | values >> 8 & 0xffff_ff00, 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![8 => b'0'..=b'9', 1 => Just(b'.'), 1 => any::<u8>()],
            0..12,
        )
    }

    proptest! {
        #[test]
        fn a_word_is_the_next_eight_bytes(text: Vec<u8>, at in 0..20_usize) {
            let mut bytes = [0; 8];
            for (place, byte) in bytes.iter_mut().zip(text.get(at..).unwrap_or_default()) {
                *place = *byte;
            }
            prop_assert_eq!(word(&text, at).to_le_bytes(), bytes);
        }

        #[test]
        fn leading_digits_are_counted_and_read(text in text()) {
            let count = text.iter().take(8).take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(leading(word(&text, 0)), count);
            if count > 0 {
                let digits = std::str::from_utf8(&text[..count]).unwrap();
                prop_assert_eq!(number(word(&text, 0), count), digits.parse::<u64>().unwrap());
            }
        }

        #[test]
        fn thousandths_are_one_digit_a_point_and_three_digits(text in text()) {
            let expected = match text.as_slice() {
                [a, b'.', b, c, d, rest @ ..]
                    if [a, b, c, d].into_iter().all(u8::is_ascii_digit)
                        && !rest.first().is_some_and(u8::is_ascii_digit) =>
                {
                    let digits = [*a, *b, *c, *d];
                    Some(std::str::from_utf8(&digits).unwrap().parse::<u64>().unwrap())
                }
                _ => None,
            };
            prop_assert_eq!(thousandths(word(&text, 0)), expected);
        }
    }
}
