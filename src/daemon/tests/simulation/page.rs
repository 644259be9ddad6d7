//! The counts of a page, or of a checkpoint, in a form that can be compared.
//!
//! Each line has a number, which its method and status encode, so that it is counted in a series of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::site::{BACK, FRONT, LOGS, METHODS, NAMES, STATUSES, bytes_of};
use crate::model::{Families, Kind, Number, Saved, Value};

/// Family with a series for each line.
const LINES: &str = "lines_total";
/// Family with the sum of the sizes of a source's responses.
const BYTES: &str = "bytes_total";

/// Beginning of the names of the families of gaps.
const GAPS: &str = "httplog_exporter_gap_";

/// Number of times that each line of each log was counted.
pub(super) type Counts = [BTreeMap<u32, u64>; LOGS];

/// The counts of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) lines: Counts,
    /// All counters and the buckets of all histograms, by family and labels.
    pub(super) all: BTreeMap<String, Vec<u64>>,
}

impl Page {
    /// Reads the families of a page.
    pub(super) fn new(families: &Families) -> Self {
        let mut page = Self::default();
        if let Some(lines) = families.get(LINES) {
            for series in &lines.series {
                let label = |name| series.label(name).unwrap();
                let log = place(label("source"));
                let number = number(label("method"), label("status"));
                page.lines[log].insert(number, exact(&series.value)[0]);
            }
        }
        let counting = families.iter().filter(|family| family.kind != Kind::Gauge);
        for family in counting.filter(|family| &*family.name != LINES) {
            for series in &family.series {
                let name = format!("{}{:?}", family.name, series.labels);
                page.all.insert(name, exact(&series.value));
            }
        }
        page
    }

    /// Reads the content of a checkpoint.
    pub(super) fn lines_of(saved: &Saved) -> Counts {
        let mut lines = Counts::default();
        for source in &saved.sources {
            let log = place(&source.name);
            let family = source.families.iter().find(|family| &*family.name == LINES);
            for series in &family.unwrap().series {
                let [method, _, status] = &series.labels[..] else {
                    panic!("{series:?}");
                };
                lines[log].insert(number(method, status), series.values[0]);
            }
        }
        lines
    }

    /// Returns the number of gaps of a log in a checkpoint.
    pub(super) fn gaps_of(saved: &Saved, log: usize) -> u64 {
        let sources = saved.sources.iter();
        let own = sources.filter(|source| source.name == NAMES[log]);
        own.flat_map(|source| &source.gaps)
            .map(|gap| gap.events)
            .sum()
    }

    /// Returns an error unless positions and counts are of one cut: what is counted by several rules agrees.
    pub(super) fn check(&self, families: &Families) -> Result<(), String> {
        for (log, lines) in self.lines.iter().enumerate() {
            let many = lines.iter().find(|(_, count)| **count > 1);
            if let Some((number, count)) = many {
                return Err(format!(
                    "{} line {number} counted {count} times",
                    NAMES[log]
                ));
            }
            let counted: Vec<u32> = counted(lines).collect();
            let bytes = counted.iter().map(|number| bytes_of(*number)).sum();
            let recorded = counted.len() as u64;
            for (family, labels, expected) in [
                (BYTES, &[][..], bytes),
                (
                    "httplog_exporter_lines_total",
                    &[("outcome", "recorded")][..],
                    recorded,
                ),
            ] {
                let found = sum(families, family, log, labels);
                if found != expected {
                    let name = NAMES[log];
                    return Err(format!("{family} of {name} is {found} and not {expected}"));
                }
            }
            if log == FRONT || log == BACK {
                let ended = sum(families, "httplog_exporter_join_lines_total", log, &[]);
                let waiting = sum(families, "httplog_exporter_join_pending_lines", log, &[]);
                if ended + waiting != recorded {
                    let name = NAMES[log];
                    return Err(format!(
                        "{ended} lines of {name} have an outcome and {waiting} wait, and not {recorded}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Forgets these lines, gaps, and what is counted by sums if there are any such lines.
    pub(super) fn forget(&mut self, forgotten: &[BTreeSet<u32>; LOGS]) {
        for (lines, forgotten) in self.lines.iter_mut().zip(forgotten) {
            lines.retain(|number, _| !forgotten.contains(number));
        }
        self.all.retain(|name, _| !name.starts_with(GAPS));
        if forgotten.iter().any(|lines| !lines.is_empty()) {
            self.all.clear();
        }
    }

    /// Returns an error if anything is less than on an earlier page.
    pub(super) fn follows(&self, earlier: &Self) -> Result<(), String> {
        if let Some(less) = first_less(&earlier.lines, &self.lines) {
            return Err(less);
        }
        for (name, before) in &earlier.all {
            let now = self.all.get(name).map_or(&[][..], Vec::as_slice);
            let is_less = |(at, before): (usize, &u64)| now.get(at).is_none_or(|now| now < before);
            if before.iter().enumerate().any(is_less) {
                return Err(format!("{name} went from {before:?} to {now:?}"));
            }
        }
        Ok(())
    }
}

/// Describes a line that is counted less often in `others`.
pub(super) fn first_less(counts: &Counts, others: &Counts) -> Option<String> {
    let logs = NAMES.iter().zip(counts.iter().zip(others));
    let mut less = logs.flat_map(|(name, (lines, others))| {
        let other = |number| others.get(number).copied().unwrap_or(0);
        let less = lines
            .iter()
            .filter(move |(number, count)| other(number) < **count);
        less.map(move |(number, _)| format!("{name} line {number}"))
    });
    less.next()
}

/// Returns the lines that were counted.
pub(super) fn counted(lines: &BTreeMap<u32, u64>) -> impl Iterator<Item = u32> {
    let counted = lines.iter().filter(|(_, count)| **count > 0);
    counted.map(|(number, _)| *number)
}

/// Returns the number of lines with an outcome.
pub(super) fn outcomes(families: &Families, log: usize, outcome: &str) -> u64 {
    let labels = [("outcome", outcome)];
    sum(families, "httplog_exporter_join_lines_total", log, &labels)
}

/// Returns the sum of a family's series of a source with these labels.
fn sum(families: &Families, family: &str, log: usize, labels: &[(&str, &str)]) -> u64 {
    let series = families.get(family).map_or(&[][..], |own| &own.series);
    let meant = series.iter().filter(|series| {
        let has = |(name, value): &(&str, &str)| series.label(name) == Some(value);
        series.label("source") == Some(NAMES[log]) && labels.iter().all(has)
    });
    meant.map(|series| exact(&series.value)[0]).sum()
}

pub(super) fn exact(value: &Value) -> Vec<u64> {
    match value {
        Value::Number(Number::Exact(count, _)) => vec![*count],
        Value::Number(Number::Float(_)) => Vec::new(),
        Value::Histogram(histogram) => histogram.counts.clone(),
    }
}

fn place(source: &str) -> usize {
    NAMES.iter().position(|name| *name == source).unwrap()
}

/// Returns the number of the line with this method and status.
fn number(method: &str, status: &str) -> u32 {
    let method = METHODS.iter().position(|known| *known == method).unwrap();
    let status: u32 = status.parse().unwrap();
    u32::try_from(method).unwrap() * STATUSES.1 + status - STATUSES.0
}
