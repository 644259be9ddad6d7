//! Numbers of texts that were looked up before.
//!
//! Invariant: a number that is remembered is the one that was stored for the same text.

/// Remembers the numbers of short texts, of which most labels see few. The older of two texts that share a place gives way to
/// a third one.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    places: [[Entry; 2]; PLACES],
}

/// Number of places; a text has one of them.
const PLACES: usize = 32;
/// Longest text that is remembered, in bytes.
const MOST: usize = 15;
/// An odd number whose product with a text mixes its bits (the golden ratio).
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    key: Key,
    number: u16,
}

/// A short text as two integers: its bytes, then zeros, and its length in the last byte. The empty text is not remembered: an
/// unused entry has its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    low: u64,
    high: u64,
}

impl Memo {
    /// Returns the number of a text, if it is remembered.
    #[inline]
    pub fn get(&self, text: &[u8]) -> Option<u16> {
        let key = Key::of(text)?;
        let [newer, older] = &self.places[key.place()];
        if newer.key == key {
            Some(newer.number)
        } else {
            (older.key == key).then_some(older.number)
        }
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
    /// Returns the key of a text; `None` if it is empty or too long.
    #[inline]
    fn of(text: &[u8]) -> Option<Self> {
        let length = text.len();
        let (low, high) = if let (Some(first), Some(last)) =
            (text.first_chunk::<8>(), text.last_chunk::<8>())
        {
            if length > MOST {
                return None;
            }
            let last = u64::from_le_bytes(*last);
            // Of both, some bytes are the same; all of them if there are eight.
            (
                u64::from_le_bytes(*first),
                last >> (8 * (MOST - length)) >> 8,
            )
        } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>())
        {
            let [first, last] = [*first, *last].map(|four| u64::from(u32::from_le_bytes(four)));
            (first | last << (8 * (length - 4)), 0)
        } else {
            let [first, middle, last] = [0, length / 2, length.wrapping_sub(1)].map(|at| {
                let byte = text.get(at).copied()?;
                Some(u64::from(byte) << (8 * at))
            });
            (first? | middle? | last?, 0)
        };
        Some(Self {
            low,
            high: high | (length as u64) << 56,
        })
    }

    /// Returns the place of its entry.
    #[inline]
    fn place(self) -> usize {
        let mixed = (self.low ^ self.high.rotate_left(23)).wrapping_mul(MIX);
        (mixed >> 59) as usize % PLACES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_memo_answers_as_what_it_remembers(texts in proptest::collection::vec("[ab]{0,18}|[A-Z]{1,4}", 0..200)) {
            let number = |text: &str| text.bytes().fold(7_u16, |sum, byte| sum.wrapping_mul(31) ^ u16::from(byte));
            let mut memo = Memo::default();
            for text in &texts {
                let found = memo.get(text.as_bytes());
                prop_assert!(found.is_none_or(|found| found == number(text)));
                if found.is_none() {
                    memo.put(text.as_bytes(), number(text));
                    let is_short = (1..=MOST).contains(&text.len());
                    prop_assert_eq!(memo.get(text.as_bytes()), is_short.then(|| number(text)));
                }
            }
        }

        #[test]
        fn texts_with_one_key_are_equal(one: Vec<u8>, other: Vec<u8>) {
            if let (Some(first), Some(second)) = (Key::of(&one), Key::of(&other)) {
                prop_assert_eq!(first == second, one == other);
            }
        }
    }
}
