//! What became of every line read.
//!
//! Invariant: lines = recorded + rejected + skipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Family, Kind, Labels, Number, Series, Unit, Value};

/// The account of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Lines counted as requests.
    pub recorded: u64,
    /// Lines not understood, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Lines left out on purpose, by rule.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Bytes of the lines read, newlines included.
    pub bytes: u64,
    /// Lines counted as `<other>` because no more series may be made.
    pub overflow: u64,
}

impl Ledger {
    /// Lines read.
    pub fn lines(&self) -> u64 {
        self.recorded + self.rejected_lines() + self.skipped_lines()
    }

    /// Lines not understood.
    pub fn rejected_lines(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Lines left out on purpose.
    pub fn skipped_lines(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Adds another shard's account.
    pub fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.bytes += other.bytes;
        self.overflow += other.overflow;
        for (mine, theirs) in [
            (&mut self.rejected, &other.rejected),
            (&mut self.skipped, &other.skipped),
        ] {
            for (reason, lines) in theirs {
                *mine.entry(reason).or_default() += lines;
            }
        }
    }

    /// The account as metrics of the exporter itself.
    pub fn families(&self, source: &Arc<str>, series: u64) -> Vec<Family> {
        let outcomes = [
            ("recorded", self.recorded),
            ("rejected", self.rejected_lines()),
            ("skipped", self.skipped_lines()),
        ];
        vec![
            family(
                "httplog_exporter_lines_total",
                "Lines read, by what became of them.",
                Kind::Counter,
                outcomes
                    .map(|(outcome, lines)| (labels(source, Some(("outcome", outcome))), lines)),
            ),
            family(
                "httplog_exporter_rejected_lines_total",
                "Lines that could not be counted as requests, by reason.",
                Kind::Counter,
                self.rejected
                    .iter()
                    .map(|(reason, lines)| (labels(source, Some(("reason", reason))), *lines)),
            ),
            family(
                "httplog_exporter_read_bytes_total",
                "Bytes of the lines read.",
                Kind::Counter,
                [(labels(source, None), self.bytes)],
            ),
            family(
                "httplog_exporter_series",
                "Series held for the source.",
                Kind::Gauge,
                [(labels(source, None), series)],
            ),
            family(
                "httplog_exporter_series_overflow_total",
                "Lines counted as <other> because limits.series was reached.",
                Kind::Counter,
                [(labels(source, None), self.overflow)],
            ),
        ]
    }
}

fn labels(source: &Arc<str>, other: Option<(&str, &str)>) -> Labels {
    let mut labels: Labels = vec![("source".into(), Arc::clone(source))];
    labels.extend(other.map(|(name, value)| (name.into(), value.into())));
    labels.sort();
    labels
}

fn family(
    name: &str,
    help: &str,
    kind: Kind,
    series: impl IntoIterator<Item = (Labels, u64)>,
) -> Family {
    Family {
        name: name.into(),
        help: help.into(),
        kind,
        series: series
            .into_iter()
            .map(|(labels, value)| Series {
                labels,
                value: Value::Number(Number::Exact(value, Unit::One)),
            })
            .collect(),
    }
}
