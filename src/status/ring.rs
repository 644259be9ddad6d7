//! Numbers of the last points, and what totals have grown by.
//!
//! Invariant: a number that does not fit is the greatest that does.

/// Numbers of the last `N` points. Points before the first one are 0.
#[derive(Clone, Debug)]
pub(super) struct Ring<const N: usize> {
    cells: Box<[u32; N]>,
    /// Place of the present point.
    at: usize,
    /// Sum of all points.
    sum: u64,
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self {
            cells: Box::new([0; N]),
            at: 0,
            sum: 0,
        }
    }
}

impl<const N: usize> Ring<N> {
    /// Begins a point with 0; the oldest is dropped.
    pub(super) fn begin(&mut self) {
        self.at = (self.at + 1) % N;
        self.sum -= u64::from(std::mem::take(&mut self.cells[self.at]));
    }

    /// Adds to the present point.
    pub(super) fn add(&mut self, count: u64) {
        let cell = &mut self.cells[self.at];
        let before = *cell;
        *cell = before.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.sum += u64::from(*cell - before);
    }

    /// Returns the last `count` points, at most `N`, the oldest first, in two parts.
    pub(super) fn last(&self, count: usize) -> [&[u32]; 2] {
        let (newer, older) = self.cells.split_at(self.at + 1);
        let left_out = N - count.min(N);
        match left_out.checked_sub(older.len()) {
            None => [&older[left_out..], newer],
            Some(left_out) => [&[], &newer[left_out..]],
        }
    }

    /// Returns the sum of all points.
    pub(super) fn sum(&self) -> u64 {
        self.sum
    }
}

/// A total that grows, or begins again at 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Growth {
    total: u64,
    next: u64,
}

impl Growth {
    /// Adds a part of the next total.
    pub(super) fn note(&mut self, part: u64) {
        self.next += part;
    }

    /// Replaces the total by the sum of the parts that were noted, and returns the growth.
    pub(super) fn advance(&mut self) -> u64 {
        let next = std::mem::take(&mut self.next);
        let grown = self.since(next);
        self.total = next;
        grown
    }

    /// Returns the growth from the total to another one.
    pub(super) fn since(self, total: u64) -> u64 {
        // A total that is less has begun again.
        total.checked_sub(self.total).unwrap_or(total)
    }

    /// Returns the total.
    pub(super) fn total(self) -> u64 {
        self.total
    }
}

/// Growth of a total in the last hour, in slots of five minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct LastHour {
    growth: Growth,
    slots: Ring<SLOTS>,
}

/// Slots of an hour.
pub(super) const SLOTS: usize = 12;

/// Points of an hour.
pub(super) const POINTS: usize = 360;

impl LastHour {
    /// Begins a slot.
    pub(super) fn begin(&mut self) {
        self.slots.begin();
    }

    /// Adds a part of the next total.
    pub(super) fn note(&mut self, part: u64) {
        self.growth.note(part);
    }

    /// Replaces the total by the sum of the parts that were noted. What was counted before a base does not count as growth.
    pub(super) fn advance(&mut self, is_base: bool) {
        let grown = self.growth.advance();
        if !is_base {
            self.slots.add(grown);
        }
    }

    /// Returns the growth of the last hour, up to the last sample.
    pub(super) fn sum(&self) -> u64 {
        self.slots.sum()
    }

    /// Returns the growth of the last hour, up to this total.
    pub(super) fn until(&self, total: u64) -> u64 {
        self.sum() + self.growth.since(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_point_is_dropped() {
        let mut ring = Ring::<3>::default();
        for count in 1..=5 {
            ring.begin();
            ring.add(count);
        }
        assert_eq!(ring.last(2).concat(), [4, 5]);
        assert_eq!(ring.last(9).concat(), [3, 4, 5]);
        assert!(ring.last(0).concat().is_empty());
        assert_eq!(ring.sum(), 12);
        ring.add(u64::MAX);
        ring.add(1);
        assert_eq!(ring.last(1).concat(), [u32::MAX]);
        assert_eq!(ring.sum(), 7 + u64::from(u32::MAX));
        ring.begin();
        assert_eq!(ring.last(3).concat(), [4, u32::MAX, 0]);
    }

    #[test]
    fn a_total_that_is_less_has_begun_again() {
        let mut growth = Growth::default();
        let mut grow = |parts: &[u64]| {
            for part in parts {
                growth.note(*part);
            }
            growth.advance()
        };
        assert_eq!(grow(&[2, 3]), 5);
        assert_eq!(grow(&[7]), 2);
        assert_eq!(grow(&[4]), 4);
        assert_eq!(grow(&[]), 0);
    }

    #[test]
    fn the_growth_of_an_hour_forgets_what_is_older() {
        let mut hour = LastHour::default();
        hour.note(100);
        hour.advance(true);
        assert_eq!((hour.sum(), hour.until(103), hour.until(2)), (0, 3, 2));
        for _ in 0..SLOTS {
            hour.note(107);
            hour.advance(false);
            assert_eq!(hour.sum(), 7);
            hour.begin();
        }
        assert_eq!(hour.sum(), 0);
    }
}
