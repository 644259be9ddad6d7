//! Gaps of a source, by reason. They are saved and served with what was counted.
//!
//! Invariant: as long as the last checkpoint is used, they are not less after a restart than they were served before. Gaps that
//! only a damaged one contained may not be found again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::metric::Metric;
use crate::model::{Family, Gap, GapBound, GapReason, Kind, SavedGap, Series};

/// Gaps of a source, shared by its handles.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedGaps(Arc<Mutex<Vec<SavedGap>>>);

impl SharedGaps {
    /// Lets the gaps of these reasons start at 0, so that `increase()` includes their first event.
    pub(super) fn begin(&self, reasons: &[GapReason]) {
        let mut gaps = self.lock();
        for reason in reasons {
            entry(&mut gaps, reason);
        }
    }

    /// Counts lines that were lost, or may have been.
    pub(super) fn count(&self, gap: &Gap) {
        let mut gaps = self.lock();
        let counted = entry(&mut gaps, &gap.reason);
        counted.events += gap.count;
        for (bound, bytes) in gap.bounds() {
            let sum = match bound {
                GapBound::Min => &mut counted.at_least,
                GapBound::Max => &mut counted.at_most,
            };
            *sum.get_or_insert_default() += bytes;
        }
    }

    /// Returns the gaps so far.
    pub(super) fn save(&self) -> Vec<SavedGap> {
        self.lock().clone()
    }

    /// Adds saved gaps. Those of a reason that the source does not have are left out.
    pub(super) fn resume(&self, saved: &[SavedGap]) {
        for mine in &mut *self.lock() {
            let Some(theirs) = saved.iter().find(|theirs| theirs.reason == mine.reason) else {
                continue;
            };
            mine.events += theirs.events;
            for (mine, theirs) in [
                (&mut mine.at_least, theirs.at_least),
                (&mut mine.at_most, theirs.at_most),
            ] {
                if let Some(mine) = mine {
                    *mine += theirs.unwrap_or(0);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SavedGap>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the families of saved gaps, each with the name of its source.
pub fn gap_families<'g>(
    sources: impl IntoIterator<Item = (&'g str, &'g [SavedGap])>,
) -> Vec<Family> {
    let (mut events, mut bytes) = (Vec::new(), Vec::new());
    let label = |name: &str, value: &str| (name.into(), value.into());
    for (source, gaps) in sources {
        for gap in gaps {
            let (reason, source) = (label("reason", &gap.reason), label("source", source));
            let bounds = [(GapBound::Min, gap.at_least), (GapBound::Max, gap.at_most)];
            for (bound, sum) in bounds {
                let Some(sum) = sum else {
                    continue;
                };
                let bound = label("bound", bound.name());
                let labels = vec![bound, reason.clone(), source.clone()];
                bytes.push(Series::from_count(labels, sum));
            }
            events.push(Series::from_count(vec![reason, source], gap.events));
        }
    }
    let families = [(Metric::GapEvents, events), (Metric::GapBytes, bytes)].into_iter();
    let families = families.filter(|(_, series)| !series.is_empty());
    let family = |(metric, series): (Metric, Vec<Series>)| Family {
        name: metric.name().into(),
        help: metric.help().into(),
        kind: Kind::Counter,
        series,
    };
    families.map(family).collect()
}

/// Returns the gaps of a reason, which begin at 0.
fn entry<'g>(gaps: &'g mut Vec<SavedGap>, reason: &GapReason) -> &'g mut SavedGap {
    let at = gaps.iter().position(|gap| gap.reason == reason.name);
    let at = at.unwrap_or_else(|| {
        let zero = |bound| reason.bounds.contains(&bound).then_some(0);
        gaps.push(SavedGap {
            reason: reason.name.to_owned(),
            events: 0,
            at_least: zero(GapBound::Min),
            at_most: zero(GapBound::Max),
        });
        gaps.len() - 1
    });
    &mut gaps[at]
}
