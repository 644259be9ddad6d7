//! The sources and the links between them.
//!
//! Invariant: each source has a series for each of its fronts, or one without; a change of its link replaces them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::metric::Metric;
use crate::model::{Family, Kind, Number, Series, Unit, Value};

/// The fronts of each source, by the source's name.
#[derive(Debug, Default)]
pub(super) struct Fronts(Mutex<BTreeMap<String, Vec<String>>>);

impl Fronts {
    /// Sets the fronts of a source.
    pub(super) fn set(&self, source: &str, fronts: &[String]) {
        self.lock().insert(source.to_owned(), fronts.to_vec());
    }

    /// Removes a source.
    pub(super) fn remove(&self, source: &str) {
        self.lock().remove(source);
    }

    /// Returns the family, `None` without sources.
    pub(super) fn family(&self) -> Option<Family> {
        let label = |name: &str, value: &str| (name.into(), value.into());
        let series = |front: &str, source: &str| Series {
            labels: vec![label("behind", front), label("source", source)],
            value: Value::Number(Number::Exact(1, Unit::One)),
            created: None,
        };
        let series: Vec<Series> = (self.lock().iter())
            .flat_map(|(source, fronts)| {
                let lone = fronts.is_empty().then(|| series("", source));
                let linked = fronts.iter().map(|front| series(front, source));
                linked.chain(lone).collect::<Vec<_>>()
            })
            .collect();
        (!series.is_empty()).then(|| Family {
            name: Metric::SourceInfo.name().into(),
            help: Metric::SourceInfo.help().into(),
            kind: Kind::Gauge,
            series,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
