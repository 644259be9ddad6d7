//! The capacities of sources.
//!
//! Invariant: a source has at most one; a configuration replaces all.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::metric::Metric;
use crate::model::{Family, Kind, Number, Series, Unit, Value};

/// Requests that the workers of each source handle at once, by the source's name.
#[derive(Debug, Default)]
pub(super) struct Capacities(Mutex<BTreeMap<String, u64>>);

impl Capacities {
    /// Replaces all.
    pub(super) fn set(&self, capacities: BTreeMap<String, u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = capacities;
    }

    /// Returns the family with a series for each source, `None` without any.
    pub(super) fn family(&self) -> Option<Family> {
        let capacities = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let series: Vec<Series> = (capacities.iter())
            .map(|(source, capacity)| Series {
                labels: vec![("source".into(), (&**source).into())],
                value: Value::Number(Number::Exact(*capacity, Unit::One)),
                created: None,
            })
            .collect();
        (!series.is_empty()).then(|| Family {
            name: Metric::WorkerCapacity.name().into(),
            help: Metric::WorkerCapacity.help().into(),
            kind: Kind::Gauge,
            series,
        })
    }
}
