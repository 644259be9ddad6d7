//! The series of one family, in one flat array.
//!
//! Invariant: each label set has one series, and each series its own `stride` values.

use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::block::{Place, is_added, sum_at};
use super::definition::{Definition, Values};
use super::exemplars::Exemplars;
use super::frame::Frame;
use super::native::Natives;
use super::past::cell;
use crate::label::{Label, OTHER};
use crate::model::{Change, Course, Family, NativeHistogram, Track};

/// Label values, in the order of the definition's labels.
pub type LabelValues = Box<[Arc<str>]>;

/// The series of one family.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) frame: Frame,
    /// The place in a block of what the family counts.
    place: Place,
    /// The label sets, in the order of their slots.
    series: Vec<LabelValues>,
    /// The time at which each of them was made, in milliseconds since 1970; 0 if that is not known.
    created: Vec<u64>,
    /// The place of each label set among `series`, by the hash of its values.
    index: HashTable<usize>,
    hasher: RandomState,
    /// The places of the label sets that existed at the last scrape, sorted by their values.
    sorted: Vec<usize>,
    /// The values of all series; the slot of a label set is the offset of its first one.
    values: Vec<u64>,
    /// Number of values of a series.
    stride: usize,
    /// Exemplars of a histogram, if they are kept.
    pub(super) exemplars: Option<Box<Exemplars>>,
    /// The native histograms of all series, if the family has them.
    natives: Option<Natives>,
}

/// A series of a table.
pub(super) struct TableSeries<'t> {
    pub(super) labels: &'t LabelValues,
    /// The time at which it was made, in milliseconds since 1970; 0 if that is not known.
    pub(super) created: u64,
    pub(super) values: &'t [u64],
    pub(super) native: Option<&'t NativeHistogram>,
}

impl Table {
    /// In place of a slot: the family excludes the row.
    pub(super) const EXCLUDED: usize = usize::MAX;

    pub(super) fn new(definition: Definition, place: Place) -> Self {
        Self {
            place,
            stride: definition.stride(),
            natives: Natives::new(&definition),
            frame: Frame::new(definition),
            series: Vec::new(),
            created: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            sorted: Vec::new(),
            values: Vec::new(),
            exemplars: None,
        }
    }

    /// Returns the number of series.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Returns the slot of a label set that has a series.
    pub(super) fn find(&self, labels: &LabelValues) -> Option<usize> {
        let is_it = |place: &usize| self.series[*place] == *labels;
        let found = self.index.find(self.hasher.hash_one(labels), is_it);
        found.map(|place| place * self.stride)
    }

    /// Returns the slot of a label set; makes its series at 0 if there was none, as created `now`.
    pub(super) fn slot(&mut self, labels: LabelValues, now: u64) -> usize {
        match self.find(&labels) {
            Some(slot) => slot,
            None => self.add_series(labels, now),
        }
    }

    /// Makes a series at 0 for a label set that has none, as created `now`; returns its slot.
    pub(super) fn add_series(&mut self, labels: LabelValues, now: u64) -> usize {
        let (place, slot) = (self.series.len(), self.values.len());
        let hash = self.hasher.hash_one(&labels);
        self.series.push(labels);
        self.created.push(now);
        let rehash = |place: &usize| self.hasher.hash_one(&self.series[*place]);
        self.index.insert_unique(hash, place, rehash);
        self.values.resize(slot + self.stride, 0);
        if let Some(natives) = &mut self.natives {
            natives.make_room(place + 1);
        }
        slot
    }

    /// Returns the slot of the series for overflow, whose labels are all `<other>` but for those that are the same in all
    /// lines.
    pub(super) fn overflow_slot(&mut self, source: &Arc<str>, now: u64) -> usize {
        let labels = self.frame.definition.labels.iter();
        let labels = labels.map(|label| match label {
            Label::Source => Arc::clone(source),
            Label::Own(own) => own.constant().cloned().unwrap_or_else(|| OTHER.into()),
            _ => OTHER.into(),
        });
        self.slot(labels.collect(), now)
    }

    /// Returns the label values of a slot; `None` if the family excludes the row.
    pub(super) fn labels_at(&self, slot: usize) -> Option<&[Arc<str>]> {
        let labels = self.series.get(slot / self.stride)?;
        Some(labels)
    }

    /// Returns the values in a slot.
    pub(super) fn values_at(&self, slot: usize) -> &[u64] {
        &self.values[slot..][..self.stride]
    }

    /// Adds what was counted in a block, given its bytes; nothing if the family excludes the row.
    pub(super) fn add(&mut self, slot: usize, block: &[u8]) {
        let place = self.place;
        let Some(values) = self.series_mut(slot) else {
            return;
        };
        match (place, values) {
            (Place::Lines(at), [lines, ..]) => *lines += u64::from(block[at]),
            (Place::Sum(_, at), [sum, ..]) => *sum = sum.wrapping_add(sum_at(block, at)),
            (Place::Histogram { first, sum: at, .. }, [counts @ .., sum]) => {
                for (count, added) in counts.iter_mut().zip(&block[first..]) {
                    *count += u64::from(*added);
                }
                *sum = sum.wrapping_add(sum_at(block, at));
            }
            (_, []) => {}
        }
    }

    /// Adds the value of a line that is too large for the sum in a block.
    pub(super) fn add_large(&mut self, slot: usize, line: &Values) {
        if let Place::Sum(measure, _) | Place::Histogram { measure, .. } = self.place
            && let Some(value) = line.get(measure).filter(|value| !is_added(*value))
            && let Some([.., sum]) = self.series_mut(slot)
        {
            *sum = sum.wrapping_add(value);
        }
    }

    /// Returns whether the family has native histograms.
    pub(super) fn has_natives(&self) -> bool {
        self.natives.is_some()
    }

    /// Keeps no native histograms.
    pub(super) fn without_natives(&mut self) {
        self.natives = None;
    }

    /// Observes a line in the native histogram of a slot, if the family has them and does not exclude the row.
    pub(super) fn observe(&mut self, slot: usize, line: &Values) {
        if let Some(natives) = &mut self.natives {
            natives.observe(slot / self.stride, line);
        }
    }

    /// Returns the values in a slot; `None` if the family excludes the row.
    fn series_mut(&mut self, slot: usize) -> Option<&mut [u64]> {
        let values = self.values.get_mut(slot..)?;
        values.get_mut(..self.stride)
    }

    /// Takes over the series of a table whose labels, bounds and conditions are the same, in place of its own.
    pub(super) fn take_over(&mut self, other: Self) {
        let Self {
            series,
            created,
            index,
            hasher,
            sorted,
            values,
            exemplars,
            natives,
            ..
        } = other;
        self.series = series;
        self.created = created;
        self.index = index;
        self.hasher = hasher;
        self.sorted = sorted;
        self.values = values;
        if let Some(mine) = &mut self.exemplars {
            mine.take_over(exemplars);
        }
        self.natives = natives;
    }

    /// Adds the counts of a series.
    pub(super) fn merge_series(
        &mut self,
        labels: LabelValues,
        created: u64,
        theirs: &[u64],
        native: Option<&NativeHistogram>,
    ) {
        let slot = self.slot(labels, created);
        let known = &mut self.created[slot / self.stride];
        *known = created.min(*known);
        for (mine, theirs) in self.values[slot..].iter_mut().zip(theirs) {
            *mine = mine.wrapping_add(*theirs);
        }
        if let Some((natives, native)) = self.natives.as_mut().zip(native) {
            natives.add(slot / self.stride, native);
        }
    }

    /// Makes room for a slot that another table with the same definition gave out.
    pub(super) fn make_room(&mut self, slot: usize) {
        let end = slot.saturating_add(self.stride);
        if slot != Self::EXCLUDED && self.values.len() < end {
            self.values.resize(end, 0);
        }
        if slot != Self::EXCLUDED
            && let Some(natives) = &mut self.natives
        {
            natives.make_room(slot / self.stride + 1);
        }
    }

    /// Adds the counts of a table whose slots are this one's.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(&other.values) {
            *mine = mine.wrapping_add(*theirs);
        }
        if let Some((mine, theirs)) = self.natives.as_mut().zip(other.natives.as_ref()) {
            mine.absorb(theirs);
        }
    }

    /// Returns the family over time, from the changes of the table's values.
    pub(super) fn course(&self, changes: Vec<Change>) -> Course {
        let zero = self.frame.value(&vec![0; self.stride]);
        let labels = self.series.iter();
        let mut tracks: Vec<Track> = labels
            .map(|labels| Track {
                labels: self.frame.named(labels),
                zero: zero.clone(),
                changes: Vec::new(),
            })
            .collect();
        for mut change in changes {
            let place = change.cell as usize;
            change.cell = cell(place % self.stride);
            tracks[place / self.stride].changes.push(change);
        }
        Course {
            name: Arc::clone(&self.frame.definition.name),
            help: Arc::clone(&self.frame.definition.help),
            kind: self.frame.kind(),
            tracks,
        }
    }

    /// Returns the family for a scrape, its series sorted.
    pub(super) fn family(&mut self) -> Family {
        self.sort();
        let series = self.sorted_series().map(|one| {
            let native = one.native.cloned();
            (self.frame).series(one.labels, one.created, one.values, native)
        });
        self.frame.family(series.collect())
    }

    /// Sorts the label sets.
    pub(super) fn sort(&mut self) {
        let known = self.sorted.len();
        if known < self.series.len() {
            self.sorted.extend(known..self.series.len());
            let series = &self.series;
            // Those that were sorted already are only merged with the others.
            self.sorted
                .sort_by(|one, other| compare(&series[*one], &series[*other]));
        }
    }

    /// Returns the slots of the label sets, sorted by [`Self::sort`].
    pub(super) fn sorted_slots(&self) -> impl Iterator<Item = usize> {
        self.sorted.iter().map(|place| place * self.stride)
    }

    /// Returns the series, sorted by [`Self::sort`].
    pub(super) fn sorted_series(&self) -> impl Iterator<Item = TableSeries<'_>> {
        self.sorted.iter().map(|place| TableSeries {
            labels: &self.series[*place],
            created: self.created[*place],
            values: self.values_at(place * self.stride),
            native: (self.natives.as_ref()).and_then(|natives| natives.get(*place)),
        })
    }
}

/// Compares label sets of one family.
fn compare(one: &LabelValues, other: &LabelValues) -> Ordering {
    let pairs = one.iter().zip(other);
    // Most texts are shared, and need not be read.
    let unlike = pairs.filter(|(one, other)| !Arc::ptr_eq(one, other));
    unlike
        .map(|(one, other)| one.cmp(other))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
