//! Counts of lines read, by outcome.
//!
//! Invariant: lines = recorded + rejected + skipped.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Family, Kind, Series};

/// Rule by which lines of stderr in a container log are skipped.
pub const STDERR: &str = "stderr";
/// Reason for the rejection of a line of a container log whose wrapper is damaged or missing.
pub const FRAME: &str = "frame";

/// Counts of the lines of one source, by outcome. [`STDERR`] and [`FRAME`] are there once a container log was read that has
/// such lines.
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
}

/// The ledgers of several sources as metrics of the exporter itself. Their series share the texts of labels.
#[derive(Debug, Default)]
pub struct Accounts {
    texts: BTreeMap<&'static str, Arc<str>>,
    lines: Vec<Series>,
    rejected: Vec<Series>,
    bytes: Vec<Series>,
    series: Vec<Series>,
    overflow: Vec<Series>,
}

impl Accounts {
    /// Adds the ledger of a source that has so many series.
    pub(super) fn add(&mut self, source: &Arc<str>, ledger: &Ledger, series: u64) {
        let source = (self.text("source"), Arc::clone(source));
        for (outcome, lines) in [
            ("recorded", ledger.recorded),
            ("rejected", ledger.rejected_lines()),
            ("skipped", ledger.skipped_lines()),
        ] {
            let labels = vec![(self.text("outcome"), self.text(outcome)), source.clone()];
            self.lines.push(Series::from_count(labels, lines));
        }
        for (reason, lines) in &ledger.rejected {
            let labels = vec![(self.text("reason"), self.text(reason)), source.clone()];
            self.rejected.push(Series::from_count(labels, *lines));
        }
        for (all, count) in [
            (&mut self.bytes, ledger.bytes),
            (&mut self.series, series),
            (&mut self.overflow, ledger.overflow),
        ] {
            all.push(Series::from_count(vec![source.clone()], count));
        }
    }

    /// Adds the accounts of `others`, and leaves them empty.
    pub fn append(&mut self, others: &mut Self) {
        for (mine, theirs) in [
            (&mut self.lines, &mut others.lines),
            (&mut self.rejected, &mut others.rejected),
            (&mut self.bytes, &mut others.bytes),
            (&mut self.series, &mut others.series),
            (&mut self.overflow, &mut others.overflow),
        ] {
            mine.append(theirs);
        }
    }

    fn text(&mut self, text: &'static str) -> Arc<str> {
        let known = self.texts.entry(text).or_insert_with(|| text.into());
        Arc::clone(known)
    }

    /// Returns the families.
    pub fn into_families(self) -> Vec<Family> {
        let family = |name: &str, help: &str, kind, series| Family {
            name: name.into(),
            help: help.into(),
            kind,
            series,
        };
        vec![
            family(
                "httplog_exporter_lines_total",
                "Lines read, by what became of them.",
                Kind::Counter,
                self.lines,
            ),
            family(
                "httplog_exporter_rejected_lines_total",
                "Lines that could not be counted as requests, by reason.",
                Kind::Counter,
                self.rejected,
            ),
            family(
                "httplog_exporter_read_bytes_total",
                "Bytes of the lines read.",
                Kind::Counter,
                self.bytes,
            ),
            family(
                "httplog_exporter_series",
                "Series held for the source.",
                Kind::Gauge,
                self.series,
            ),
            family(
                "httplog_exporter_series_overflow_total",
                "Lines counted as <other> because limits.series was reached.",
                Kind::Counter,
                self.overflow,
            ),
        ]
    }
}
