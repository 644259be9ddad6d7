//! Where keys stood in the lines before: lines of one log nearly always have the same keys in the
//! same order.
//!
//! Invariant: what a hint says of bytes at a place is what reading them there says, whatever line
//! it was learned from. So hints change what a line costs, never what is read from it; and they
//! are bounded, in number and in length.

use super::keys::Prefix;

/// Keys remembered at most; those of a line behind so many are looked up.
const MOST: usize = 64;
/// Bytes compared as one number.
const WIDTH: usize = 16;
/// Longest text remembered, in bytes.
const LEAD_BYTES: usize = 2 * WIDTH;
/// How many hints are tried for a key: all but one of them are of keys that the line leaves out.
const TRIED: usize = 4;

/// The keys of lines before, in their order. The default has room for none.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    all: Box<[Hint]>,
    /// Where in the order this line is.
    next: usize,
}

/// What stands before a value, from the end of the value before it.
#[derive(Clone, Copy, Debug)]
struct Hint {
    /// Zeros where it is shorter.
    lead: [u128; 2],
    /// Ones where the lead has bytes.
    mask: [u128; 2],
    length: usize,
    member: Member,
    place: Place,
}

/// What a key is known to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// The keys that it is.
    pub(super) keys: u32,
    /// Those below it.
    pub(super) below: Prefix,
}

impl Member {
    /// A key that nobody looks for.
    pub(super) const NONE: Self = Self {
        keys: 0,
        below: Prefix::NOWHERE,
    };
}

/// Where a key stands, as far as it matters: the keys that begin with what is above it, how long
/// that is, and whether it is the first of its object; in one number.
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
    /// Room for the keys of a line.
    pub(super) fn new() -> Self {
        let none = Hint {
            lead: [0; 2],
            mask: [0; 2],
            length: 0,
            member: Member::NONE,
            // Nobody asks what stands here.
            place: Place::new(Prefix::NOWHERE, false),
        };
        Self {
            all: [none; MOST].into(),
            next: 0,
        }
    }

    /// At the beginning of a line.
    #[inline]
    pub(super) fn rewind(&mut self) {
        self.next = 0;
    }

    /// The length of what stands before the next value, and what that is, if the key is the one
    /// that comes next.
    #[inline]
    pub(super) fn find(&mut self, rest: &[u8], place: Place) -> Option<(usize, Member)> {
        let hint = self.all.get(self.next)?;
        if hint.is_at(rest, place) {
            self.next += 1;
            return Some((hint.length, hint.member));
        }
        None
    }

    /// The same behind keys that this line leaves out.
    pub(super) fn find_further(&mut self, rest: &[u8], place: Place) -> Option<(usize, Member)> {
        let others = self.all.get(self.next + 1..)?.iter().take(TRIED - 1);
        let (skipped, hint) = (1..)
            .zip(others)
            .find(|(_, hint)| hint.is_at(rest, place))?;
        self.next += skipped + 1;
        Some((hint.length, hint.member))
    }

    /// Remembers what was found out about what stands before the next value.
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

/// Up to [`LEAD_BYTES`], and zeros behind them.
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

    /// The same near the end of the line.
    #[cold]
    fn is_at_end(&self, rest: &[u8]) -> bool {
        let lead = self.lead.map(u128::to_le_bytes);
        rest.starts_with(&lead.as_flattened()[..self.length])
    }
}

#[cfg(test)]
mod tests;
