//! The sources and the links between them.
//!
//! Invariant: each source has one series; a change of its link replaces it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::metric::Metric;
use crate::model::{Family, Kind, Number, Series, Unit, Value};

/// The front of each source, by the source's name; empty for a source that is not behind another.
#[derive(Debug, Default)]
pub(super) struct Fronts(Mutex<BTreeMap<String, String>>);

impl Fronts {
    /// Sets the front of a source.
    pub(super) fn set(&self, source: &str, front: Option<&str>) {
        let front = front.unwrap_or_default().to_owned();
        self.lock().insert(source.to_owned(), front);
    }

    /// Removes a source.
    pub(super) fn remove(&self, source: &str) {
        self.lock().remove(source);
    }

    /// Returns the family with a series for each source, `None` without sources.
    pub(super) fn family(&self) -> Option<Family> {
        let label = |name: &str, value: &str| (name.into(), value.into());
        let series: Vec<Series> = (self.lock().iter())
            .map(|(source, front)| Series {
                labels: vec![label("behind", front), label("source", source)],
                value: Value::Number(Number::Exact(1, Unit::One)),
                created: None,
            })
            .collect();
        (!series.is_empty()).then(|| Family {
            name: Metric::SourceInfo.name().into(),
            help: Metric::SourceInfo.help().into(),
            kind: Kind::Gauge,
            series,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
