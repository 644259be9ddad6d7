//! The series of one family, in one flat array.
//!
//! Invariant: series N owns `values[(N + sink) * stride ..][.. stride]`; label sets are unique. What
//! stands before the first series is the sink: lines that are left out are counted there, unseen, so
//! that no line is asked whether it is one of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::buckets::Buckets;
use super::history::Past;
use super::{Definition, Kind, Measure, Values};
use crate::model::{
    self, Course, Family, Histogram, Number, SavedFamily, SavedSeries, Series, Track, Unit, Value,
};

/// Label values, in the order of the definition's label names.
pub type LabelValues = Box<[Arc<str>]>;

/// One family's series.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) definition: Definition,
    counting: Counting,
    index: HashMap<LabelValues, u32>,
    series: Vec<LabelValues>,
    values: Vec<u64>,
    /// 1 if there is a sink, else 0.
    sink: usize,
}

/// What a definition's kind asks for each line.
#[derive(Debug)]
enum Counting {
    Lines,
    Sum(Measure),
    Histogram(Measure, Buckets),
}

impl Table {
    pub(super) fn new(definition: Definition) -> Self {
        let sink = usize::from(!definition.filter.is_empty());
        Self {
            values: vec![0; sink * definition.stride()],
            sink,
            counting: match &definition.kind {
                // Rejected lines are told by the ledger.
                Kind::Lines | Kind::Rejected => Counting::Lines,
                Kind::Sum(measure) => Counting::Sum(*measure),
                Kind::Histogram(measure, bounds) => {
                    Counting::Histogram(*measure, Buckets::new(bounds))
                }
            },
            definition,
            index: HashMap::new(),
            series: Vec::new(),
        }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether this label set has a series.
    pub(super) fn contains(&self, labels: &LabelValues) -> bool {
        self.index.contains_key(labels)
    }

    /// The offset of a label set's values; a new one starts at 0.
    pub(super) fn slot(&mut self, labels: LabelValues) -> usize {
        let stride = self.definition.stride();
        let next = self.series.len();
        if let Some(at) = self.index.get(&labels) {
            return (*at as usize + self.sink) * stride;
        }
        // A shard holds fewer series than its budget, far below 2^32.
        self.index
            .insert(labels.clone(), u32::try_from(next).unwrap_or(u32::MAX));
        self.series.push(labels);
        self.values.resize(self.values.len() + stride, 0);
        (next + self.sink) * stride
    }

    /// The offset for lines that are left out.
    pub(super) const fn sink() -> usize {
        0
    }

    /// Whether lines that are left out are counted at this offset.
    pub(super) fn is_sink(&self, slot: usize) -> bool {
        slot < self.sink * self.definition.stride()
    }

    /// The numbers of the series at this offset.
    pub(super) fn values_at(&self, slot: usize) -> &[u64] {
        self.values
            .get(slot..)
            .and_then(|values| values.get(..self.definition.stride()))
            .unwrap_or_default()
    }

    /// Counts one line.
    #[inline]
    pub(super) fn count(&mut self, slot: usize, line: &Values) {
        match &self.counting {
            Counting::Lines => self.values[slot] += 1,
            Counting::Sum(measure) => {
                if let Some(value) = line.get(*measure) {
                    self.values[slot] = self.values[slot].wrapping_add(value);
                }
            }
            Counting::Histogram(measure, buckets) => {
                if let Some(value) = line.get(*measure) {
                    let cells = &mut self.values[slot..][..=buckets.count()];
                    cells[buckets.of(value)] += 1;
                    let sum = &mut cells[buckets.count()];
                    *sum = sum.wrapping_add(value);
                }
            }
        }
    }

    /// What its values are to a scrape.
    fn kind(&self) -> model::Kind {
        match &self.definition.kind {
            Kind::Lines | Kind::Sum(_) | Kind::Rejected => model::Kind::Counter,
            Kind::Histogram(..) => model::Kind::Histogram,
        }
    }

    /// The family over time.
    pub(super) fn course(&self, past: &mut Past) -> Course {
        let stride = self.definition.stride();
        let zero = self.value(&vec![0; stride]);
        let labels = self.series.iter();
        let mut tracks: Vec<Track> = labels
            .map(|labels| Track {
                labels: self.named(labels),
                zero: zero.clone(),
                changes: Vec::new(),
            })
            .collect();
        for mut change in past.take() {
            let place = change.cell as usize;
            if let Some(track) = tracks.get_mut((place / stride).wrapping_sub(self.sink)) {
                change.cell = u32::try_from(place % stride).unwrap_or(u32::MAX);
                track.changes.push(change);
            }
        }
        Course {
            name: Arc::clone(&self.definition.name),
            help: Arc::clone(&self.definition.help),
            kind: self.kind(),
            tracks,
        }
    }

    /// The family as a scrape shows it.
    pub(super) fn family(&self) -> Family {
        let definition = &self.definition;
        Family {
            name: Arc::clone(&definition.name),
            help: Arc::clone(&definition.help),
            kind: self.kind(),
            series: self
                .rows()
                .map(|(labels, values)| Series {
                    labels: self.named(labels),
                    value: self.value(values),
                })
                .collect(),
        }
    }

    /// The counts, to be restored later.
    pub(super) fn save(&self) -> SavedFamily {
        SavedFamily {
            name: self.definition.name.to_string(),
            definition: self.definition.fingerprint(),
            series: self
                .rows()
                .map(|(labels, values)| SavedSeries {
                    labels: self.named(labels),
                    values: values.to_vec(),
                })
                .collect(),
        }
    }

    /// Takes counts over; a family that is defined otherwise now starts anew.
    pub(super) fn restore(&mut self, saved: &SavedFamily) {
        if saved.definition != self.definition.fingerprint() {
            return;
        }
        for series in &saved.series {
            let slot = self.slot(
                series
                    .labels
                    .iter()
                    .map(|(_, value)| Arc::clone(value))
                    .collect(),
            );
            for (mine, theirs) in self.values[slot..].iter_mut().zip(&series.values) {
                *mine = mine.wrapping_add(*theirs);
            }
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&LabelValues, &[u64])> {
        self.series.iter().zip(
            self.values
                .chunks_exact(self.definition.stride())
                .skip(self.sink),
        )
    }

    fn named(&self, values: &LabelValues) -> model::Labels {
        self.definition
            .labels
            .iter()
            .cloned()
            .zip(values.iter().cloned())
            .collect()
    }

    fn value(&self, values: &[u64]) -> Value {
        match (&self.definition.kind, values) {
            (Kind::Histogram(measure, bounds), [counts @ .., sum]) => Value::Histogram(Histogram {
                bounds: Arc::clone(bounds),
                counts: counts.to_vec(),
                sum: *sum,
                unit: measure.unit(),
            }),
            (Kind::Sum(measure), _) => Value::Number(Number::Exact(values[0], measure.unit())),
            _ => Value::Number(Number::Exact(values[0], Unit::One)),
        }
    }
}
