//! The shipped metric sets, embedded from `metrics/*.toml`.
//!
//! Invariant: every file in `metrics/` is embedded and valid.

use std::sync::{Arc, LazyLock};

use super::declaration::Metric;
use super::read::read;
use crate::diag::{Document, Report, Text};

/// A shipped set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set {
    /// Name in `metrics.sets`.
    pub name: &'static str,
    toml: &'static str,
}

macro_rules! sets {
    ($($name:literal),* $(,)?) => {
        [$(Set { name: $name, toml: include_str!(concat!("../../metrics/", $name, ".toml")) }),*]
    };
}

impl Set {
    /// Every set, in documented order.
    pub const ALL: [Self; 5] = sets!["httplog", "django", "nginxlog", "otel", "connections"];
    /// The set that is counted unless the configuration names others.
    pub const DEFAULT: Self = Self::ALL[0];

    /// Returns the set of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name == name)
    }

    /// Returns the metrics of the set.
    pub fn metrics(self) -> Vec<Metric> {
        /// Read once, as a thousand sources may count them.
        static SETS: LazyLock<Vec<(Set, Vec<Metric>)>> = LazyLock::new(|| {
            let read = |set: Set| (set, set.read(&mut Report::default()));
            Set::ALL.into_iter().map(read).collect()
        });
        let known = SETS.iter().find(|(set, _)| *set == self);
        known.map_or_else(Vec::new, |(_, metrics)| metrics.clone())
    }

    fn read(self, report: &mut Report) -> Vec<Metric> {
        let text = Arc::new(Text {
            name: format!("metrics/{}.toml", self.name),
            content: self.toml.to_owned(),
        });
        let document = Document::parse(&text, report);
        let mut root = document.root();
        let sections = root.sections("metric", report).into_iter();
        let metrics = sections
            .filter_map(|section| read(section, &[], report))
            .map(|metric| metric.value)
            .collect();
        root.finish(report);
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_valid() {
        for set in Set::ALL {
            let mut report = Report::default();
            assert!(!set.read(&mut report).is_empty(), "{}", set.name);
            assert!(report.faults().is_empty(), "{report}");
            assert_eq!(Set::find(set.name), Some(set));
        }
    }

    #[test]
    fn every_shipped_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/metrics");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), Set::ALL.len());
    }

    #[test]
    fn no_two_sets_have_a_name_in_common() {
        let mut names: Vec<_> = Set::ALL.into_iter().flat_map(Set::metrics).collect();
        let all = names.len();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        names.dedup_by(|a, b| a.name == b.name);
        assert_eq!(names.len(), all);
    }
}
