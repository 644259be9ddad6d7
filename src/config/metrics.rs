//! `[metrics]` and `[[metric]]`: what is counted.
//!
//! Invariant: no two metrics have a name in common, nor one that the other's series take.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Fault, Place, Report, Section, Spot};
use crate::join;
use crate::metric::{Counts, Initial, Metric, Metrics, Set, read, sets};

/// The sets for sources that do not say otherwise, and metrics of one's own.
pub(super) struct Wanted {
    sets: Vec<Set>,
    own: Vec<Metric>,
    initial: Option<Arc<Initial>>,
}

impl Wanted {
    /// Reads both tables of a configuration.
    pub(super) fn read(root: &mut Section<'_>, report: &mut Report) -> Self {
        let (mut named, mut initial) = (None, None);
        if let Some(mut section) = root.section("metrics", report) {
            let sets = section.strings("sets", report);
            initial = Initial::read(&mut section, report);
            section.finish(report);
            named = sets.map(|sets| read_sets(&sets, report));
        }
        let mut own: Vec<Spot<Metric>> = Vec::new();
        for section in root.sections("metric", report) {
            own.extend(read(section, report));
        }
        check_names(&own, report);
        Self {
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
        metrics.starting_with(self.initial.clone())
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
    let mut found: Vec<Set> = Vec::new();
    for name in &names.value {
        match Set::find(&name.value) {
            Some(set) if found.contains(&set) => report.push(
                Fault::error(format!("`{}` is listed twice", name.value)).at(name.place.clone()),
            ),
            Some(set) => found.push(set),
            None => report.push(
                Fault::error(format!("unknown metric set `{}`", name.value))
                    .at(name.place.clone())
                    .suggest(&name.value, known()),
            ),
        }
    }
    found
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
