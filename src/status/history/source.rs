//! The history of sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Families, Histogram, Series, Value};
use crate::status::buckets::BucketHistory;
use crate::status::reading::{Reading, exact, series, source_of};
use crate::status::ring::{Growth, LastHour, Ring};

/// Points of a minute.
pub(in crate::status) const MINUTE: usize = 6;

/// The last hour of a source.
#[derive(Debug, Default)]
pub(in crate::status) struct SourceHistory {
    recorded_total: Growth,
    busy_total: Growth,
    /// Recorded lines of the last minute.
    pub(in crate::status) lines: Ring<MINUTE>,
    /// Durations of the requests of the last minute together, in milliseconds.
    pub(in crate::status) busy_millis: Ring<MINUTE>,
    pub(in crate::status) recorded: LastHour,
    pub(in crate::status) rejected: LastHour,
    /// Events in which lines may have been lost.
    pub(in crate::status) gaps: LastHour,
    /// Requests that were passed on, with a line of the other side.
    pub(in crate::status) joined: LastHour,
    /// Requests that were passed on, without one.
    pub(in crate::status) missing: LastHour,
    /// Waits for a worker, of a source behind another.
    pub(in crate::status) waits: BucketHistory,
}

impl SourceHistory {
    pub(super) fn begin(&mut self, is_slot: bool) {
        self.lines.begin();
        self.busy_millis.begin();
        if is_slot {
            self.hours().into_iter().for_each(LastHour::begin);
            self.waits.begin();
        }
    }

    fn hours(&mut self) -> [&mut LastHour; 5] {
        [
            &mut self.recorded,
            &mut self.rejected,
            &mut self.gaps,
            &mut self.joined,
            &mut self.missing,
        ]
    }

    fn advance(&mut self, is_base: bool) {
        let (lines, busy) = (self.recorded_total.advance(), self.busy_total.advance());
        if !is_base {
            self.lines.add(lines);
            self.busy_millis.add(busy / 1_000);
        }
        for hour in self.hours() {
            hour.advance(is_base);
        }
        self.waits.advance(is_base);
    }
}

/// Reads a sample into the histories of all sources; those that have gone are removed.
pub(super) fn read(
    sources: &mut BTreeMap<Arc<str>, SourceHistory>,
    reading: Option<&Reading>,
    families: &Families,
    is_base: bool,
) {
    let all = series(families, "httplog_exporter_lines_total");
    let known: BTreeSet<&str> = all.iter().map(source_of).collect();
    sources.retain(|name, _| known.contains(&**name));
    for series in all {
        let source = source_of(series);
        if !sources.contains_key(source) {
            sources.insert(source.into(), SourceHistory::default());
        }
        if let Some(source) = sources.get_mut(source) {
            let count = exact(series);
            match series.label("outcome") {
                Some("recorded") => {
                    source.recorded.note(count);
                    source.recorded_total.note(count);
                }
                Some("rejected") => source.rejected.note(count),
                _ => {}
            }
        }
    }
    let mut note = |name: &str, note: fn(&mut SourceHistory, &Series)| {
        for series in series(families, name) {
            if let Some(source) = sources.get_mut(source_of(series)) {
                note(source, series);
            }
        }
    };
    note("httplog_exporter_gap_events_total", |source, series| {
        source.gaps.note(exact(series));
    });
    note("httplog_exporter_join_lines_total", |source, series| {
        if matches!(series.label("outcome"), Some("joined" | "untimed")) {
            source.joined.note(exact(series));
        }
    });
    note("httplog_unreached_requests_total", |source, series| {
        if series.label("reason") == Some("missing") {
            source.missing.note(exact(series));
        }
    });
    note("httplog_queue_duration_seconds", |source, series| {
        if let Some(histogram) = histogram(series) {
            source.waits.note(histogram);
        }
    });
    if let Some(reading) = reading {
        note(reading.durations, |source, series| {
            if let Some(histogram) = histogram(series) {
                source.busy_total.note(histogram.sum);
            }
        });
    }
    for source in sources.values_mut() {
        source.advance(is_base);
    }
}

fn histogram(series: &Series) -> Option<&Histogram> {
    match &series.value {
        Value::Histogram(histogram) => Some(histogram),
        Value::Number(_) => None,
    }
}
