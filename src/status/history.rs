//! An hour of what was counted: one point every ten seconds, taken from families of metrics.
//!
//! Invariants:
//! - Memory is bounded: at most [`MAX_ROUTES`] routes of some 5 KiB each, and a few hundred bytes a source.
//! - Points are dated by a clock that does not jump. Nothing is done while a line is counted.

mod route;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::reading::{CLASSES, Reading, total};
use super::ring::{LastHour, POINTS, Ring, SLOTS};
use crate::model::{Families, Micros};

pub use route::MAX_ROUTES;
pub(super) use route::{RouteHistory, Routes};
pub(super) use source::{MINUTE, SourceHistory};

/// Time between two points.
pub const INTERVAL: Micros = Micros(10_000_000);
const INTERVAL_SECONDS: f64 = 10.0;

/// Points of a slot of [`LastHour`].
const SLOT_POINTS: u64 = (POINTS / SLOTS) as u64;

/// The last hour of an exporter's counts.
#[derive(Debug, Default)]
pub struct History {
    /// Time of the base on the clock that does not jump; `None` before it.
    base: Option<Micros>,
    /// End of the last point, in seconds since 1970.
    pub(super) until: Option<f64>,
    /// Points since the base.
    points: u64,
    pub(super) reading: Option<&'static Reading>,
    /// Requests by class, of sources that are not behind another.
    pub(super) classes: [Ring<POINTS>; CLASSES.len()],
    pub(super) routes: Routes,
    pub(super) sources: BTreeMap<Arc<str>, SourceHistory>,
    /// Lines beyond the series budget.
    pub(super) overflow: LastHour,
    /// Messages that the exporter's own log has dropped.
    pub(super) messages: LastHour,
}

impl History {
    /// Takes a sample at `now`, of a clock that does not jump, and at `time`, in seconds since 1970. `families` are `None` if
    /// nothing was counted since the sample before. `behind` are the sources behind another one.
    ///
    /// The first sample is the base of the next one. A sample that comes before the next point is due is ignored; after a
    /// pause, what was counted meanwhile belongs to the last point.
    pub fn sample(
        &mut self,
        families: Option<&Families>,
        behind: &BTreeSet<&str>,
        now: Micros,
        time: f64,
    ) {
        let is_base = self.base.is_none();
        let base = *self.base.get_or_insert(now);
        let due = ended_points(base, now).saturating_sub(self.points);
        if due == 0 && !is_base {
            return;
        }
        self.points += due;
        if !is_base {
            self.until = Some(time);
        }
        // An hour of points forgets everything.
        for point in (self.points - due.min(POINTS as u64) + 1)..=self.points {
            self.begin_point(point.is_multiple_of(SLOT_POINTS));
        }
        if let Some(families) = families {
            self.read(families, behind, is_base);
        }
    }

    /// Returns whether a sample at this time would be taken.
    pub fn is_due(&self, now: Micros) -> bool {
        self.base
            .is_none_or(|base| ended_points(base, now) > self.points)
    }

    /// Returns the number of points that there are.
    pub(super) fn known(&self) -> usize {
        usize::try_from(self.points).map_or(POINTS, |points| points.min(POINTS))
    }

    /// Returns the average a second of the counts of the last minute; `None` before the first point.
    pub(super) fn a_second(&self, minute: [&[u32]; 2]) -> Option<f64> {
        let points = u32::try_from(self.known().min(MINUTE)).ok();
        let points = points.filter(|points| *points > 0)?;
        let sum: f64 = minute.into_iter().flatten().copied().map(f64::from).sum();
        Some(sum / f64::from(points) / INTERVAL_SECONDS)
    }

    fn begin_point(&mut self, is_slot: bool) {
        self.classes.iter_mut().for_each(Ring::begin);
        self.routes.begin(is_slot);
        for source in self.sources.values_mut() {
            source.begin(is_slot);
        }
        if is_slot {
            self.overflow.begin();
            self.messages.begin();
        }
    }

    fn read(&mut self, families: &Families, behind: &BTreeSet<&str>, is_base: bool) {
        let reading = Reading::choose(families);
        // Another family counts otherwise.
        let is_other = self.reading.is_some() && self.reading != reading;
        if is_other {
            self.routes = Routes::default();
        }
        self.reading = reading;
        if let Some(reading) = reading {
            let is_base = is_base || is_other;
            let grown = self.routes.read(reading, families, behind, is_base);
            for (ring, grown) in self.classes.iter_mut().zip(grown) {
                ring.add(grown);
            }
        }
        source::read(&mut self.sources, reading, families, is_base);
        for (name, hour) in [
            ("httplog_exporter_series_overflow_total", &mut self.overflow),
            (
                "httplog_exporter_log_messages_dropped_total",
                &mut self.messages,
            ),
        ] {
            hour.note(total(families, name));
            hour.advance(is_base);
        }
    }
}

/// Returns the number of points that have ended since the base.
fn ended_points(base: Micros, now: Micros) -> u64 {
    now.0.saturating_sub(base.0) / INTERVAL.0
}

#[cfg(test)]
mod tests;
