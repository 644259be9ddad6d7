//! Counts of lines read, by outcome.
//!
//! Invariant: lines = recorded + rejected + skipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Family, Kind, Labels};

/// Counts of the lines of one source, by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Lines counted as requests.
    pub recorded: u64,
    /// Rejected lines, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Skipped lines, by rule.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Bytes of the lines read, newlines included, but not of over-long lines.
    pub bytes: u64,
    /// Lines counted as `<other>` in one family or more because the budget of series is spent.
    pub overflow: u64,
}

impl Ledger {
    /// Returns the number of lines read.
    pub fn lines(&self) -> u64 {
        self.recorded + self.rejected_lines() + self.skipped_lines()
    }

    /// Returns the number of rejected lines.
    pub fn rejected_lines(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Returns the number of skipped lines.
    pub fn skipped_lines(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Adds the account of another shard.
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

    /// Returns the account as metrics of the exporter itself.
    pub fn families(&self, source: &Arc<str>, series: u64) -> Vec<Family> {
        let outcomes = [
            ("recorded", self.recorded),
            ("rejected", self.rejected_lines()),
            ("skipped", self.skipped_lines()),
        ];
        let labels = || vec![("source".into(), Arc::clone(source))];
        let with = |name: &str, value: &str| {
            let mut labels: Labels = labels();
            labels.insert(0, (name.into(), value.into()));
            labels
        };
        let rejected = self.rejected.iter();
        vec![
            Family::from_counts(
                "httplog_exporter_lines_total",
                "Lines read, by what became of them.",
                Kind::Counter,
                outcomes.map(|(outcome, lines)| (with("outcome", outcome), lines)),
            ),
            Family::from_counts(
                "httplog_exporter_rejected_lines_total",
                "Lines that could not be counted as requests, by reason.",
                Kind::Counter,
                rejected.map(|(reason, lines)| (with("reason", reason), *lines)),
            ),
            Family::from_counts(
                "httplog_exporter_read_bytes_total",
                "Bytes of the lines read.",
                Kind::Counter,
                [(labels(), self.bytes)],
            ),
            Family::from_counts(
                "httplog_exporter_series",
                "Series held for the source.",
                Kind::Gauge,
                [(labels(), series)],
            ),
            Family::from_counts(
                "httplog_exporter_series_overflow_total",
                "Lines counted as <other> because limits.series was reached.",
                Kind::Counter,
                [(labels(), self.overflow)],
            ),
        ]
    }
}
