//! Options for the families of the sets, of all sources or of one: conditions, buckets, and families that are left out.
//!
//! Invariant: each option names a family of a set.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::diag::{Fault, Report, Section, distinct};
use crate::label::{Condition, OwnLabel};
use crate::metric::{Counts, Metric, Set, bounds, read_conditions, read_when};

/// The metrics of all sets. Made once, as a thousand sources may have options.
static SHIPPED: LazyLock<Vec<Metric>> =
    LazyLock::new(|| Set::ALL.into_iter().flat_map(Set::metrics).collect());

/// Options for the families of the sets.
#[derive(Clone, Debug, Default)]
pub(super) struct FamilyOptions {
    /// Conditions of all families.
    when: Vec<Condition>,
    /// Further conditions, by name.
    family_when: BTreeMap<String, Vec<Condition>>,
    /// Bounds of histograms, by name.
    buckets: BTreeMap<String, Arc<[u64]>>,
    /// Names of families that are left out.
    drop: Vec<String>,
}

impl FamilyOptions {
    /// Reads `when`, `buckets` and `drop` of a table.
    pub(super) fn read(
        section: &mut Section<'_>,
        own: &[Arc<OwnLabel>],
        report: &mut Report,
    ) -> Self {
        let shipped = &*SHIPPED;
        let mut options = Self::default();
        if let Some(mut when) = section.section("when", report) {
            let families: Vec<&Metric> = (shipped.iter())
                .filter(|metric| when.has_table(&metric.name))
                .collect();
            for metric in families {
                if let Some(of_family) = when.section(&metric.name, report) {
                    if metric.counts == Counts::Rejected {
                        let message = format!(
                            "`{}` counts rejected lines, which have no labels",
                            metric.name
                        );
                        report.push(Fault::error(message).at(of_family.place()));
                    }
                    let conditions = read_when(of_family, own, report);
                    options
                        .family_when
                        .insert(metric.name.to_string(), conditions);
                }
            }
            report_unknown(&mut when, shipped, report);
            options.when = read_conditions(&mut when, own, report);
            when.finish(report);
        }
        options.read_buckets(section, shipped, report);
        if let Some(drop) = section.strings("drop", report) {
            let known = |name: &str| match shipped.iter().find(|metric| *metric.name == *name) {
                Some(_) => Ok(name.to_owned()),
                None => Err(Fault::error(format!("`{name}` is not a metric of a set"))
                    .suggest(name, shipped.iter().map(|metric| &*metric.name))),
            };
            options.drop = distinct(&drop.value, known, report);
        }
        options
    }

    fn read_buckets(&mut self, section: &mut Section<'_>, shipped: &[Metric], report: &mut Report) {
        let Some(mut buckets) = section.section("buckets", report) else {
            return;
        };
        for metric in shipped {
            let Counts::Histogram(quantity, _) = &metric.counts else {
                if buckets.contains(&metric.name) {
                    buckets.skip(&metric.name);
                    let message = format!("`{}` is a counter, which has no buckets", metric.name);
                    report.push(Fault::error(message).at(buckets.place()));
                }
                continue;
            };
            let Some(numbers) = buckets.numbers(&metric.name, report) else {
                continue;
            };
            if let Some(bounds) = bounds(&numbers, quantity.unit(), report) {
                self.buckets.insert(metric.name.to_string(), bounds);
            }
        }
        buckets.finish(report);
    }

    /// Applies the options to a metric of a set; `None` if it is left out.
    pub(super) fn apply(&self, mut metric: Metric) -> Option<Metric> {
        if self.drop.iter().any(|name| **name == *metric.name) {
            return None;
        }
        if metric.counts != Counts::Rejected {
            let own = self.family_when.get(&*metric.name).into_iter().flatten();
            metric.when.extend(self.when.iter().chain(own).cloned());
        }
        if let Counts::Histogram(_, bounds) = &mut metric.counts
            && let Some(given) = self.buckets.get(&*metric.name)
        {
            *bounds = Arc::clone(given);
        }
        Some(metric)
    }

    /// Returns whether no option is given.
    pub(super) fn is_empty(&self) -> bool {
        self.when.is_empty()
            && self.family_when.is_empty()
            && self.buckets.is_empty()
            && self.drop.is_empty()
    }
}

/// Reports tables of conditions whose name is not that of a metric of a set.
fn report_unknown(when: &mut Section<'_>, shipped: &[Metric], report: &mut Report) {
    for name in when.tables() {
        if shipped.iter().all(|metric| *metric.name != *name.value) {
            when.skip(&name.value);
            let fault = name.error(format!("`{}` is not a metric of a set", name.value));
            report.push(fault.suggest(&name.value, shipped.iter().map(|metric| &*metric.name)));
        }
    }
}
