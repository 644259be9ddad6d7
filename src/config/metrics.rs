//! `[metrics]` and `[[metric]]`: the metrics to count.
//!
//! Invariant: the names of metrics and of their series (`_bucket`, `_sum`, `_count`) are unique.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::exemplars;
use super::families::FamilyOptions;
use crate::diag::{Fault, Report, Section, Spot, distinct};
use crate::join;
use crate::label::{Hosts, Label, OwnLabel};
use crate::metric::{Counts, Initial, Metric, Metrics, Set, read, read_labels};
use crate::model::ExemplarId;
use crate::nginx_status;

/// The metric of `[capacity]`.
const CAPACITY: &str = "httplog_worker_capacity";

/// Metrics selected by a configuration.
pub(super) struct Selection {
    /// Metrics of sources without `sets` and options of their own.
    default: Metrics,
    /// The sets of sources without `sets`.
    sets: Vec<Set>,
    custom: Vec<Metric>,
    initial: Option<Arc<Initial>>,
    hosts: Hosts,
    /// Labels that are added to the metrics of the sets.
    labels: Vec<Label>,
    options: FamilyOptions,
    /// True if OpenMetrics shows the time at which each series was created.
    shows_created: bool,
    exemplars: Option<Spot<ExemplarId>>,
    /// Names of further metrics with native buckets.
    native: Vec<String>,
}

impl Selection {
    /// Reads both tables of a configuration, which defines the labels `own`.
    pub(super) fn read(root: &mut Section<'_>, own: &[Arc<OwnLabel>], report: &mut Report) -> Self {
        let (mut named, mut initial, mut hosts, mut native) = (None, None, None, None);
        let (mut labels, mut options) = (Vec::new(), FamilyOptions::default());
        let mut shows_created = false;
        let mut exemplars = None;
        if let Some(mut section) = root.section("metrics", report) {
            let sets = section.strings("sets", report);
            initial = Initial::read(&mut section, report);
            hosts = section.strings("hosts", report);
            let created = section.boolean("created", report);
            shows_created = created.is_some_and(|created| created.value);
            exemplars = exemplars::read(&mut section, report);
            native = section.strings("native", report);
            if let Some(names) = section.strings("labels", report) {
                labels = read_labels(&names.value, own, report);
            }
            options = FamilyOptions::read(&mut section, own, report);
            section.finish(report);
            named = sets.map(|sets| read_sets(&sets, report));
        }
        let mut custom: Vec<Spot<Metric>> = Vec::new();
        for section in root.sections("metric", report) {
            custom.extend(read(section, own, report));
        }
        check_names(&custom, report);
        check_use(hosts.as_ref(), &labels, &custom, report);
        let native = native.map(|names| read_native(&names.value, &custom, report));
        let hosts = hosts.map(|hosts| read_hosts(&hosts, report));
        let selection = Self {
            default: Metrics::default(),
            sets: Vec::new(),
            hosts: hosts.unwrap_or_default(),
            custom: custom.into_iter().map(|metric| metric.value).collect(),
            initial: initial.map(Arc::new),
            labels,
            options,
            shows_created,
            exemplars,
            native: native.unwrap_or_default(),
        };
        let sets = named.unwrap_or_else(|| vec![Set::DEFAULT]);
        Self {
            default: selection.of_sets(&sets, None),
            sets,
            ..selection
        }
    }

    /// Returns whether OpenMetrics shows the time at which each series was created.
    pub(super) fn shows_created(&self) -> bool {
        self.shows_created
    }

    /// Returns the id that exemplars show.
    pub(super) fn exemplars(&self) -> Option<&Spot<ExemplarId>> {
        self.exemplars.as_ref()
    }

    /// Returns the metrics of a source; `sets` and `options` are its own.
    pub(super) fn of_source(&self, sets: Option<&[Set]>, options: &FamilyOptions) -> Metrics {
        if sets.is_none() && options.is_empty() {
            return self.default.clone();
        }
        self.of_sets(sets.unwrap_or(&self.sets), Some(options))
    }

    fn of_sets(&self, sets: &[Set], options: Option<&FamilyOptions>) -> Metrics {
        let shipped = sets
            .iter()
            .flat_map(|set| set.metrics())
            .filter_map(|metric| {
                let mut metric = self.options.apply(metric)?;
                metric.add_labels(&self.labels);
                match options {
                    Some(options) => options.apply(metric),
                    None => Some(metric),
                }
            });
        let all = shipped.chain(self.custom.iter().cloned());
        let all = all.map(|metric| Metric {
            is_native: metric.is_native || self.native.iter().any(|name| **name == *metric.name),
            ..metric
        });
        let metrics = Metrics::new(all.collect());
        metrics
            .starting_with(self.initial.clone())
            .with_hosts(self.hosts.clone())
    }
}

/// Reads `metrics.native`, the names of histograms of sets or of a configuration.
fn read_native(
    names: &[Spot<String>],
    custom: &[Spot<Metric>],
    report: &mut Report,
) -> Vec<String> {
    let shipped = Set::ALL.into_iter().flat_map(Set::metrics);
    let all: Vec<Metric> = shipped
        .chain(custom.iter().map(|metric| metric.value.clone()))
        .collect();
    let is_histogram = |metric: &&Metric| matches!(metric.counts, Counts::Histogram(..));
    let find = |name: &str| match all.iter().find(|metric| *metric.name == *name) {
        Some(metric) if is_histogram(&metric) => Ok(name.to_owned()),
        Some(_) => Err(Fault::error(format!(
            "`{name}` is a counter, which has no native buckets"
        ))),
        None if join::FAMILIES.contains(&name) => Err(Fault::error(format!(
            "`{name}` is a metric of linked sources, which has no native buckets"
        ))),
        None => {
            let histograms = all.iter().filter(is_histogram);
            Err(Fault::error(format!("`{name}` is not a metric"))
                .suggest(name, histograms.map(|metric| &*metric.name)))
        }
    };
    distinct(names, find, report)
}

/// Reads `metrics.hosts`.
fn read_hosts(names: &Spot<Vec<Spot<String>>>, report: &mut Report) -> Hosts {
    let normal = |name: &str| {
        Hosts::normal(name)
            .map_err(|help| Fault::error(format!("`{name}` is not a host name")).help(help))
    };
    let hosts = distinct(&names.value, normal, report);
    if hosts.len() > Hosts::MOST {
        report.push(
            names
                .error(format!("more than {} hosts", Hosts::MOST))
                .help("`*.example.org` covers every subdomain"),
        );
    }
    Hosts::new(hosts)
}

/// Remedy for a label `host` without hosts.
const LIST_HOSTS: &str = "list the hosts to distinguish: metrics.hosts = [\"www.example.org\"]";

/// Warns of hosts that no metric shows, and of a metric with the label `host` where none are listed.
fn check_use(
    hosts: Option<&Spot<Vec<Spot<String>>>>,
    labels: &[Label],
    custom: &[Spot<Metric>],
    report: &mut Report,
) {
    let mut using = custom.iter().filter(|metric| {
        let (shown, when) = (&metric.value.labels, &metric.value.when);
        shown.contains(&Label::Host) || when.iter().any(|filter| filter.label == Label::Host)
    });
    if labels.contains(&Label::Host) {
        return if hosts.is_none() {
            let fault = Fault::warning("`metrics.labels`: every `host` is `<other>`");
            report.push(fault.help(LIST_HOSTS));
        };
    }
    match (hosts, using.next()) {
        (Some(hosts), None) => report.push(
            hosts
                .warning("this has no effect: no metric has the label `host`")
                .help("add it to the metrics of the sets, metrics.labels = [\"host\"], or to a `[[metric]]`"),
        ),
        (None, Some(metric)) => report.push(
            metric
                .warning(format!("`{}`: every host is `<other>`", metric.value.name))
                .help(LIST_HOSTS),
        ),
        _ => {}
    }
}

/// Finds sets by name.
pub(super) fn read_sets(names: &Spot<Vec<Spot<String>>>, report: &mut Report) -> Vec<Set> {
    let known = || Set::ALL.into_iter().map(|set| set.name);
    if names.value.is_empty() {
        let help = format!("one of: {}", known().collect::<Vec<_>>().join(", "));
        let fault = names.error("`sets` is empty: nothing would be counted");
        report.push(fault.help(help));
    }
    let find = |name: &str| {
        let unknown =
            || Fault::error(format!("unknown metric set `{name}`")).suggest(name, known());
        Set::find(name).ok_or_else(unknown)
    };
    distinct(&names.value, find, report)
}

/// Returns the names of a metric's series.
fn series_names(metric: &Metric) -> Vec<String> {
    let mut names = vec![metric.name.to_string()];
    if matches!(metric.counts, Counts::Histogram(..)) {
        names.extend(["bucket", "sum", "count"].map(|end| format!("{}_{end}", metric.name)));
    }
    names
}

fn check_names(custom: &[Spot<Metric>], report: &mut Report) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for set in Set::ALL {
        for metric in set.metrics() {
            let owner = format!("a metric of the set `{}`", set.name);
            let names = series_names(&metric).into_iter();
            taken.extend(names.map(|name| (name, owner.clone())));
        }
    }
    let joined = join::FAMILIES
        .iter()
        .flat_map(|name| ["", "_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
    taken.extend(joined.map(|name| (name, "a metric of linked sources".to_owned())));
    let stub = nginx_status::series_names();
    taken.extend(stub.map(|name| (name, "a metric of nginx's stub status".to_owned())));
    taken.insert(CAPACITY.to_owned(), "the metric of `[capacity]`".to_owned());
    for metric in custom {
        let names = series_names(&metric.value);
        if let Some(name) = names.iter().find(|name| taken.contains_key(*name)) {
            let fault = metric.error(format!("`{name}` is already taken by {}", taken[name]));
            report.push(fault.help("choose another name"));
        }
        let owner = format!("the metric `{}`", metric.value.name);
        taken.extend(names.into_iter().map(|name| (name, owner.clone())));
    }
}

#[cfg(test)]
mod tests;
