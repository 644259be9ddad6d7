//! Exemplars: examples of the requests that the buckets of histograms count.
//!
//! Invariants:
//! - A bucket of a series has at most one exemplar. One takes the place of another only if it is later: Prometheus refuses an
//!   exemplar of a series that is not later than the one before.
//! - Exemplars that are too old to be shown are not kept, so that memory is bounded by the buckets of all series, and mostly
//!   far smaller.

use super::buckets::Buckets;
use super::definition::{Definition, Kind, Measure, Values};
use crate::model::{Exemplar, ExemplarId, Family, RequestIds, Timestamp, Value};

/// The exemplars of one family.
#[derive(Debug)]
pub(super) struct Exemplars {
    which: ExemplarId,
    measure: Measure,
    buckets: Buckets,
    /// For each value of the family's table, the place of its exemplar among `kept`.
    places: Vec<u32>,
    kept: Vec<Kept>,
}

/// The exemplar of a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// Place of the bucket among the values of the table.
    pub(super) cell: usize,
    /// Time of the request, in milliseconds since 1970.
    pub(super) time: u64,
    pub(super) value: u64,
    pub(super) ids: RequestIds,
}

/// An exemplar of a series of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Place of the series in its family.
    series: usize,
    bucket: usize,
    kept: Kept,
}

/// The time of the last line that had one: many lines are of the same second as the one before.
#[derive(Debug, Default)]
pub(super) struct LastTime {
    text: [u8; 32],
    length: usize,
    /// The time, in milliseconds since 1970; `None` if the text has no known notation.
    millis: Option<u64>,
}

/// Marks a bucket without an exemplar.
const NONE: u32 = u32::MAX;

impl LastTime {
    /// Parses the time of a line, in milliseconds since 1970.
    pub(super) fn parse(&mut self, text: &[u8]) -> Option<u64> {
        if self.text.get(..self.length) == Some(text) {
            return self.millis;
        }
        let millis = Timestamp::parse_millis(text);
        if let Some(place) = self.text.get_mut(..text.len()) {
            place.copy_from_slice(text);
            self.length = text.len();
            self.millis = millis;
        }
        millis
    }
}

impl Exemplars {
    /// Prepares exemplars of a family; `None` if it is not a histogram.
    pub(super) fn new(definition: &Definition, which: ExemplarId) -> Option<Self> {
        let Kind::Histogram(measure, bounds) = &definition.kind else {
            return None;
        };
        Some(Self {
            which,
            measure: *measure,
            buckets: Buckets::new(bounds),
            places: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Takes over the exemplars of a table, in place of its own, if they show the same id.
    pub(super) fn take_over(&mut self, other: Option<Box<Self>>) {
        if let Some(other) = other.filter(|other| other.which == self.which) {
            *self = *other;
        }
    }

    /// Returns the bucket of a line, and its value, if the line may be the exemplar there.
    #[inline]
    pub(super) fn find(
        &self,
        slot: usize,
        values: &Values,
        time: u64,
        now: u64,
    ) -> Option<(usize, u64)> {
        let value = values.get(self.measure)?;
        let cell = slot + self.buckets.find(value);
        let place = self.places.get(cell).copied().unwrap_or(NONE);
        let is_later = self.kept.get(place as usize).is_none_or(|kept| {
            // A clock that was set back must not keep an exemplar for good.
            kept.time < time || kept.time > now + Exemplar::MAX_AGE_MILLIS
        });
        is_later.then_some((cell, value))
    }

    pub(super) fn keep(&mut self, kept: Kept) {
        if self.places.len() <= kept.cell {
            self.places.resize(kept.cell + 1, NONE);
        }
        let place = &mut self.places[kept.cell];
        if let Some(before) = self.kept.get_mut(*place as usize) {
            *before = kept;
        } else if let Ok(next) = u32::try_from(self.kept.len()) {
            *place = next;
            self.kept.push(kept);
        }
    }

    /// Returns the bytes that are held.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Kept>() + self.places.capacity() * size_of::<u32>()
    }

    /// Forgets the exemplars of requests before a time.
    pub(super) fn forget_before(&mut self, time: u64) {
        let mut at = 0;
        while let Some(kept) = self.kept.get(at) {
            if kept.time >= time {
                at += 1;
                continue;
            }
            let cell = kept.cell;
            let place = std::mem::replace(&mut self.places[cell], NONE);
            self.kept.swap_remove(at);
            if let Some(moved) = self.kept.get(at) {
                self.places[moved.cell] = place;
            }
        }
    }

    /// Returns the exemplars of series whose slots are given in the sequence of a page.
    pub(super) fn shown(&self, slots: impl Iterator<Item = usize>) -> Vec<Shown> {
        let mut all = Vec::with_capacity(self.kept.len());
        if self.kept.is_empty() {
            return all;
        }
        for (series, slot) in slots.enumerate() {
            let places = self.places.get(slot..).unwrap_or_default().iter();
            for (bucket, place) in places.take(self.buckets.count()).enumerate() {
                if let Some(kept) = self.kept.get(*place as usize) {
                    all.push(Shown {
                        series,
                        bucket,
                        kept: *kept,
                    });
                }
            }
        }
        all
    }
}

/// Adds exemplars to the families of the same tables.
pub(super) fn attach(exemplars: &[Vec<Shown>], families: &mut [Family]) {
    for (family, exemplars) in families.iter_mut().zip(exemplars) {
        for shown in exemplars {
            let series = family.series.get_mut(shown.series);
            if let Some(Value::Histogram(histogram)) = series.map(|series| &mut series.value) {
                histogram.exemplars.push(Exemplar {
                    bucket: shown.bucket,
                    labels: shown.kept.ids.labels(),
                    value: shown.kept.value,
                    time: shown.kept.time,
                });
            }
        }
    }
}
