//! Hints: the keys of earlier lines, in their order, which the next line nearly always repeats.
//!
//! Invariant: a hint equals the result of reading the same bytes at the same place, whatever line
//! it was learned from. So hints change what a line costs, never what is read from it; and they
//! are bounded in number and in length.

use super::keys::Prefix;

/// Most hints; the keys of a line beyond these are looked up.
const MOST: usize = 64;
/// Bytes that are compared as one number.
const WIDTH: usize = 16;
/// Longest text remembered, in bytes.
const LEAD_BYTES: usize = 2 * WIDTH;
/// Hints tried for a key; all but the last belong to keys that the line leaves out.
const TRIED: usize = 4;

/// The keys of earlier lines, in their order. The default has no room for any.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    all: Box<[Hint]>,
    /// Index of the hint for the line's next key.
    next: usize,
}

/// The bytes between two values: separator, key and colon.
#[derive(Clone, Copy, Debug)]
struct Hint {
    /// The bytes, then zeros.
    lead: [u128; 2],
    /// Ones where the lead has bytes, zeros elsewhere.
    mask: [u128; 2],
    length: usize,
    member: Member,
    place: Place,
}

/// The result of looking up a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// The bound keys that the key is.
    pub(super) keys: u32,
    /// The bound keys below it.
    pub(super) below: Prefix,
}

impl Member {
    /// A key without a binding.
    pub(super) const NONE: Self = Self {
        keys: 0,
        below: Prefix::NOWHERE,
    };
}

/// The place of a key, packed into one number: the prefix that leads to it, and whether it is the first
/// key of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u64);

impl Place {
    #[inline]
    pub(super) fn new(prefix: Prefix, is_first: bool) -> Self {
        let length = u64::from(prefix.length & (u32::MAX >> 1));
        Self(u64::from(prefix.keys) << 32 | length << 1 | u64::from(is_first))
    }
}

impl Hints {
    /// Creates room for the keys of a line.
    pub(super) fn new() -> Self {
        let none = Hint {
            lead: [0; 2],
            mask: [0; 2],
            length: 0,
            member: Member::NONE,
            // A place that is never looked up.
            place: Place::new(Prefix::NOWHERE, false),
        };
        Self {
            all: [none; MOST].into(),
            next: 0,
        }
    }

    /// Starts a line.
    #[inline]
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// Returns the length of the lead and the key's member if the line repeats the next hint.
    #[inline]
    pub(super) fn find(&mut self, rest: &[u8], place: Place) -> Option<(usize, Member)> {
        let hint = self.all.get(self.next)?;
        if hint.is_at(rest, place) {
            self.next += 1;
            return Some((hint.length, hint.member));
        }
        None
    }

    /// Finds a hint after the next one, as [`Hints::find`] does. The line lacks the keys of the hints between.
    pub(super) fn find_further(&mut self, rest: &[u8], place: Place) -> Option<(usize, Member)> {
        let others = self.all.get(self.next + 1..)?.iter().take(TRIED - 1);
        let (skipped, hint) = (1..)
            .zip(others)
            .find(|(_, hint)| hint.is_at(rest, place))?;
        self.next += skipped + 1;
        Some((hint.length, hint.member))
    }

    /// Stores the member that was looked up for the lead of the next value.
    pub(super) fn learn(&mut self, lead: &[u8], place: Place, member: Member) {
        if let Some(hint) = self.all.get_mut(self.next)
            && lead.len() <= LEAD_BYTES
        {
            *hint = Hint {
                lead: padded(lead.iter().copied()),
                mask: padded(lead.iter().map(|_| 0xFF)),
                length: lead.len(),
                member,
                place,
            };
        }
        self.next += 1;
    }
}

/// Returns up to [`LEAD_BYTES`] bytes, padded with zeros.
fn padded(bytes: impl Iterator<Item = u8>) -> [u128; 2] {
    let mut places = [[0; WIDTH]; 2];
    for (place, byte) in places.as_flattened_mut().iter_mut().zip(bytes) {
        *place = byte;
    }
    places.map(u128::from_le_bytes)
}

impl Hint {
    #[expect(clippy::inline_always, reason = "once for each key of each line")]
    #[inline(always)]
    fn is_at(&self, rest: &[u8], place: Place) -> bool {
        let is_half = |half: usize, chunk: &[u8; WIDTH]| {
            u128::from_le_bytes(*chunk) & self.mask[half] == self.lead[half]
        };
        let Some((first, after)) = rest.split_first_chunk() else {
            return self.place == place && self.is_at_end(rest);
        };
        if self.place != place || !is_half(0, first) {
            return false;
        }
        match after.first_chunk() {
            _ if self.length <= WIDTH => true,
            Some(second) => is_half(1, second),
            None => self.is_at_end(rest),
        }
    }

    /// Compares the lead with a text that may be shorter than a vector.
    #[cold]
    fn is_at_end(&self, rest: &[u8]) -> bool {
        let lead = self.lead.map(u128::to_le_bytes);
        rest.starts_with(&lead.as_flattened()[..self.length])
    }
}

#[cfg(test)]
mod tests;
