//! Numbers of texts that were looked up before.
//!
//! Invariant: a number that is remembered is the one that was stored for the same text.

use std::hint::select_unpredictable;

/// Remembers the numbers of short texts, of which most labels see few. The older of two texts that share a place gives way to a
/// third one: there are many more places than a label usually has texts, so that three seldom do.
#[derive(Clone, Debug)]
pub struct Memo {
    places: [[Entry; 2]; PLACES],
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            places: [[Entry::default(); 2]; PLACES],
        }
    }
}

/// Number of places, a power of two; a text has one of them.
const PLACES: usize = 64;
/// Longest text that is remembered, in bytes.
const MOST: usize = 15;
/// An odd number whose product with a text mixes its bits (the golden ratio).
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
/// Masks that keep the first bytes of 16, by their number.
static FIRST_BYTES: [u128; MOST + 1] = {
    let mut masks = [0; MOST + 1];
    let mut length = 1;
    while length <= MOST {
        masks[length] = masks[length - 1] << 8 | 0xFF;
        length += 1;
    }
    masks
};

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: Key,
    number: u16,
}

/// A short text as two integers: its bytes, then zeros, and one more than its length in the last byte, which an unused entry has
/// not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    low: u64,
    high: u64,
}

impl Memo {
    /// Returns the number of a text, if it is remembered. `around` is the text of which it is a part: where 16 bytes of it begin
    /// with the part, they are read at once, without a branch by its length.
    #[inline]
    pub fn get(&self, text: &[u8], around: &[u8]) -> Option<u16> {
        let key = Key::within(text, around)?;
        let [newer, older] = &self.places[key.place()];
        // Texts alternate at random: the only branch is whether it is one of the two.
        let is_newer = newer.key.difference(key) == 0;
        let entry = select_unpredictable(is_newer, newer, older);
        (entry.key.difference(key) == 0).then_some(entry.number)
    }

    /// Remembers the number of a text that is not too long.
    pub fn put(&mut self, text: &[u8], number: u16) {
        if let Some(key) = Key::of(text) {
            let [newer, older] = &mut self.places[key.place()];
            *older = std::mem::replace(newer, Entry { key, number });
        }
    }
}

impl Key {
    /// Returns the key of a part of `around`; `None` if it is too long.
    #[inline]
    fn within(text: &[u8], around: &[u8]) -> Option<Self> {
        let at = text.as_ptr().addr().wrapping_sub(around.as_ptr().addr());
        match around.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(wide) => Self::cut(wide, text.len()),
            None => Self::of(text),
        }
    }

    /// Returns the key of a text; `None` if it is too long.
    #[cold]
    fn of(text: &[u8]) -> Option<Self> {
        let mut wide = [0; 16];
        wide.get_mut(..text.len())?.copy_from_slice(text);
        Self::cut(&wide, text.len())
    }

    /// Returns the key of the first bytes; `None` if they are too many.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    #[inline]
    fn cut(wide: &[u8; 16], length: usize) -> Option<Self> {
        let kept = u128::from_le_bytes(*wide) & FIRST_BYTES.get(length)?;
        let (low, high) = (kept as u64, (kept >> 64) as u64);
        Some(Self {
            low,
            high: high | (length as u64 + 1) << 56,
        })
    }

    /// Returns 0 if the other key is equal.
    #[inline]
    fn difference(self, other: Self) -> u64 {
        (self.low ^ other.low) | (self.high ^ other.high)
    }

    /// Returns the place of its entry.
    #[inline]
    fn place(self) -> usize {
        let mixed = (self.low ^ self.high.rotate_left(23)).wrapping_mul(MIX);
        usize::from((mixed >> 56) as u8) % PLACES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_memo_answers_as_what_it_remembers(texts in proptest::collection::vec("[ab]{0,18}|[A-Z]{1,4}", 0..200)) {
            let number = |text: &[u8]| text.iter().fold(7_u16, |sum, byte| sum.wrapping_mul(31) ^ u16::from(*byte));
            let all = texts.concat();
            let (mut memo, mut rest) = (Memo::default(), all.as_bytes());
            for text in &texts {
                let (text, after) = rest.split_at(text.len());
                let found = memo.get(text, rest);
                prop_assert!(found.is_none_or(|found| found == number(text)));
                if found.is_none() {
                    memo.put(text, number(text));
                    prop_assert_eq!(memo.get(text, rest), (text.len() <= MOST).then(|| number(text)));
                }
                rest = after;
            }
        }

        #[test]
        fn texts_with_one_key_are_equal(one: Vec<u8>, other: Vec<u8>) {
            if let (Some(first), Some(second)) = (Key::of(&one), Key::of(&other)) {
                prop_assert_eq!(first == second, one == other);
            }
        }

        #[test]
        fn a_key_does_not_depend_on_what_stands_around(all: [u8; 40], from in 0_usize..40, length in 0_usize..40, elsewhere: Vec<u8>) {
            let text = &all[from..(from + length).min(40)];
            let key = Key::of(text);
            prop_assert_eq!(key.is_some(), text.len() <= MOST);
            prop_assert_ne!(key, Some(Key::default()));
            for around in [&all[..], &all[from..], text, &elsewhere, &all[20..], &[]] {
                prop_assert_eq!(Key::within(text, around), key);
            }
        }
    }
}
