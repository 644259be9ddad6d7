//! `[metrics]` and `[[metric]]`: what is counted.
//!
//! Invariant: no two metrics have a name in common, nor one that the other's series take.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Fault, Place, Report, Section, Spot, distinct};
use crate::join;
use crate::label::{Hosts, Label};
use crate::metric::{Counts, Initial, Metric, Metrics, Set, read, sets};

/// The sets for sources that do not say otherwise, and metrics of one's own.
pub(super) struct Wanted {
    sets: Vec<Set>,
    own: Vec<Metric>,
    initial: Option<Arc<Initial>>,
    hosts: Hosts,
}

impl Wanted {
    /// Reads both tables of a configuration.
    pub(super) fn read(root: &mut Section<'_>, report: &mut Report) -> Self {
        let (mut named, mut initial, mut hosts) = (None, None, None);
        if let Some(mut section) = root.section("metrics", report) {
            let sets = section.strings("sets", report);
            initial = Initial::read(&mut section, report);
            hosts = section.strings("hosts", report);
            section.finish(report);
            named = sets.map(|sets| read_sets(&sets, report));
        }
        let mut own: Vec<Spot<Metric>> = Vec::new();
        for section in root.sections("metric", report) {
            own.extend(read(section, report));
        }
        check_names(&own, report);
        check_use(hosts.as_ref(), &own, report);
        let hosts = hosts.map(|hosts| read_hosts(&hosts, report));
        Self {
            hosts: hosts.unwrap_or_default(),
            sets: named.unwrap_or_else(|| vec![Set::DEFAULT]),
            own: own.into_iter().map(|metric| metric.value).collect(),
            initial: initial.map(Arc::new),
        }
    }

    /// The metrics of a source; `sets` are its own, if it says so.
    pub(super) fn metrics(&self, sets: Option<&[Set]>) -> Metrics {
        let sets = sets.unwrap_or(&self.sets).iter();
        let shipped = sets.flat_map(|set| set.metrics());
        let metrics = Metrics::new(shipped.chain(self.own.iter().cloned()).collect());
        metrics
            .starting_with(self.initial.clone())
            .with_hosts(self.hosts.clone())
    }
}

/// Hosts as they are shown.
fn read_hosts(names: &Spot<Vec<Spot<String>>>, report: &mut Report) -> Hosts {
    let normal = |name: &str| {
        Hosts::normal(name)
            .map_err(|help| Fault::error(format!("`{name}` is not a host name")).help(help))
    };
    let hosts = distinct(&names.value, normal, report);
    if hosts.len() > Hosts::MOST {
        report.push(
            Fault::error(format!("more than {} hosts", Hosts::MOST))
                .at(names.place.clone())
                .help("`*.example.org` stands for all below it"),
        );
    }
    Hosts::new(hosts)
}

/// Tells of hosts that nothing shows, and of metrics that show none.
fn check_use(hosts: Option<&Spot<Vec<Spot<String>>>>, own: &[Spot<Metric>], report: &mut Report) {
    let mut asking = own.iter().filter(|metric| {
        let (shown, when) = (&metric.value.labels, &metric.value.when);
        shown.contains(&Label::Host) || when.iter().any(|asked| asked.label == Label::Host)
    });
    match (hosts, asking.next()) {
        (Some(hosts), None) => report.push(
            Fault::warning("this does nothing: no metric has the label `host`")
                .at(hosts.place.clone())
                .help("give it to a `[[metric]]` of your own"),
        ),
        (None, Some(metric)) => report.push(
            Fault::warning(format!("`{}`: every host is `<other>`", metric.value.name))
                .at(metric.place.clone())
                .help("list those to be told apart: metrics.hosts = [\"www.example.org\"]"),
        ),
        _ => {}
    }
}

/// The sets of these names.
pub(super) fn read_sets(names: &Spot<Vec<Spot<String>>>, report: &mut Report) -> Vec<Set> {
    let known = || sets().iter().map(|set| set.name);
    if names.value.is_empty() {
        report.push(
            Fault::error("no metric set: nothing would be counted")
                .at(names.place.clone())
                .help(format!(
                    "one of: {}",
                    known().collect::<Vec<_>>().join(", ")
                )),
        );
    }
    let find = |name: &str| {
        let unknown =
            || Fault::error(format!("unknown metric set `{name}`")).suggest(name, known());
        Set::find(name).ok_or_else(unknown)
    };
    distinct(&names.value, find, report)
}

/// The names that a metric's series have.
fn series_names(metric: &Metric) -> Vec<String> {
    let mut names = vec![metric.name.to_string()];
    if matches!(metric.counts, Counts::Histogram(..)) {
        names.extend(["bucket", "sum", "count"].map(|end| format!("{}_{end}", metric.name)));
    }
    names
}

fn check_names(own: &[Spot<Metric>], report: &mut Report) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for set in sets() {
        for metric in set.metrics() {
            let owner = format!("a metric of the set `{}`", set.name);
            taken.extend(
                series_names(&metric)
                    .into_iter()
                    .map(|name| (name, owner.clone())),
            );
        }
    }
    let joined = join::FAMILIES
        .iter()
        .flat_map(|name| ["", "_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
    taken.extend(joined.map(|name| (name, "a metric of linked sources".to_owned())));
    for metric in own {
        let names = series_names(&metric.value);
        if let Some(name) = names.iter().find(|name| taken.contains_key(*name)) {
            report.push(clash(name, &taken[name], metric.place.clone()));
        }
        let owner = format!("the metric `{}`", metric.value.name);
        taken.extend(names.into_iter().map(|name| (name, owner.clone())));
    }
}

fn clash(name: &str, owner: &str, place: Place) -> Fault {
    Fault::error(format!("`{name}` is taken by {owner}"))
        .at(place)
        .help("give it another name")
}

#[cfg(test)]
mod tests;
