//! Name, help, type and labels of a family, shared by its table and by snapshots of its counts.

use std::sync::Arc;

use super::definition::{Definition, Kind};
use super::exemplars::{Shown, attach};
use super::native;
use crate::model::{
    self, Family, Histogram, Labels, NativeHistogram, Number, SavedFamily, SavedSeries, Series,
    Unit, Value,
};

/// The definition of a family, and the names of its labels as scrapes share them. Clones are cheap.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) definition: Arc<Definition>,
    names: Arc<[Arc<str>]>,
}

/// Descriptions of the families of a shard, which with their saved series make a page.
#[derive(Debug, Default)]
pub struct Frames {
    pub(super) counted: Vec<Frame>,
    /// Exemplars of each of them, which are not saved.
    pub(super) exemplars: Vec<Vec<Shown>>,
    /// Families of rejected lines.
    pub(super) rejected: Vec<Family>,
}

impl Frames {
    /// Returns the families, unsorted, given those that the shard saved at the same time.
    pub fn families(&self, saved: &[SavedFamily]) -> Vec<Family> {
        let counted = self.counted.iter().zip(saved);
        let families = counted.map(|(frame, saved)| {
            let series = saved.series.iter();
            frame.family(series.map(|one| frame.saved_series(one)).collect())
        });
        let mut families: Vec<Family> = families.collect();
        attach(&self.exemplars, &mut families);
        families.extend(self.rejected.iter().cloned());
        families
    }
}

impl Frame {
    pub(super) fn new(definition: Definition) -> Self {
        Self {
            names: label_names(&definition).into(),
            definition: Arc::new(definition),
        }
    }

    /// Returns the family of these series.
    pub(super) fn family(&self, series: Vec<Series>) -> Family {
        Family {
            name: Arc::clone(&self.definition.name),
            help: Arc::clone(&self.definition.help),
            kind: self.kind(),
            series,
        }
    }

    /// Returns a series that was created at a time, in milliseconds since 1970; 0 if that is not known.
    pub(super) fn series(
        &self,
        labels: &[Arc<str>],
        created: u64,
        values: &[u64],
        native: Option<NativeHistogram>,
    ) -> Series {
        let mut value = self.value(values);
        if let Value::Histogram(histogram) = &mut value {
            histogram.native = native;
        }
        Series {
            labels: self.named(labels),
            value,
            created: Some(created).filter(|created| *created != 0),
        }
    }

    /// Returns a series in place of its saved form.
    fn saved_series(&self, saved: &SavedSeries) -> Series {
        let split = self.split(&saved.values);
        // What the shard itself has saved is of its family.
        let (values, native) = split.unwrap_or((&saved.values, None));
        self.series(&saved.labels, saved.created, values, native)
    }

    /// Splits the saved numbers of a series in its values and its native histogram; `None` if they are not of this family.
    pub(super) fn split<'v>(
        &self,
        saved: &'v [u64],
    ) -> Option<(&'v [u64], Option<NativeHistogram>)> {
        let (values, rest) = saved.split_at_checked(self.definition.stride())?;
        if !self.definition.has_native() {
            return rest.is_empty().then_some((values, None));
        }
        let (_sum, counts) = values.split_last()?;
        let native = native::read(rest)?;
        let observations = counts.iter().copied().fold(0, u64::wrapping_add);
        (native.observations() == observations).then_some((values, Some(native)))
    }

    /// Returns the type of the values.
    pub(super) fn kind(&self) -> model::Kind {
        match &self.definition.kind {
            Kind::Lines | Kind::Sum(_) | Kind::Rejected => model::Kind::Counter,
            Kind::Histogram(..) => model::Kind::Histogram,
        }
    }

    /// Returns label values with their names.
    pub(super) fn named(&self, values: &[Arc<str>]) -> Labels {
        let names = self.names.iter().cloned();
        names.zip(values.iter().cloned()).collect()
    }

    /// Returns the value of a series, without a native histogram.
    pub(super) fn value(&self, values: &[u64]) -> Value {
        match (&self.definition.kind, values) {
            (Kind::Histogram(measure, bounds), [counts @ .., sum]) => Value::Histogram(Histogram {
                bounds: Arc::clone(bounds),
                counts: counts.to_vec(),
                sum: *sum,
                unit: measure.unit(),
                has_short_bounds: self.definition.has_short_bounds,
                native: None,
                exemplars: Vec::new(),
            }),
            (Kind::Sum(measure), _) => Value::Number(Number::Exact(values[0], measure.unit())),
            _ => Value::Number(Number::Exact(values[0], Unit::One)),
        }
    }
}

/// Returns the names of a definition's labels, as scrapes share them.
pub(super) fn label_names(definition: &Definition) -> Box<[Arc<str>]> {
    let labels = definition.labels.iter();
    labels.map(|label| label.name().into()).collect()
}
