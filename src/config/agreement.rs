//! Checks of labels and metrics against formats and against the metrics of other sources.
//!
//! Invariant: series of one label set have the same buckets; the labels of a source can be read and packed into a key.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;

use super::input::Input;
use super::labels::{Defined, Labels, identifies, identifying};
use super::source::Source;
use crate::diag::{Fault, Report};
use crate::label::{FileField, Label, Notation, Origin, OwnLabel};
use crate::metric::{Counts, MetricPlan};
use crate::model::EXTRAS;
use crate::pattern::Named;
use crate::source::PathPattern;

/// Adds the labels that are the same for all lines of a source, and checks the metrics of all sources. Without the
/// sources that have faults, a label may only seem unused.
pub(super) fn agree(
    labels: &Labels,
    sources: &mut [Source],
    is_complete: bool,
    report: &mut Report,
) {
    add_constants(sources);
    check_buckets(sources, report);
    check_labels(labels, sources, is_complete, report);
}

/// Adds the labels that are the same for all lines of a source to its metrics.
fn add_constants(sources: &mut [Source]) {
    for source in sources
        .iter_mut()
        .filter(|source| !source.labels.is_empty())
    {
        let constants = source.labels.iter().map(|(name, value)| {
            Arc::new(OwnLabel {
                name: name.as_str().into(),
                origin: Origin::Constant(value.value.as_str().into()),
            })
        });
        let constants: Vec<_> = constants.collect();
        source.metrics = source.metrics.with_constants(&constants);
    }
}

/// Checks the labels against the formats and the metrics of the sources.
fn check_labels(labels: &Labels, sources: &[Source], is_complete: bool, report: &mut Report) {
    let Some(first) = labels.defined().first() else {
        return;
    };
    let mut planned: Vec<(&Source, MetricPlan)> = Vec::new();
    for source in sources {
        let plan = MetricPlan::new(&source.metrics, source.pattern.fields());
        planned.push((source, plan));
    }
    for defined in labels.defined() {
        let name = &defined.name;
        let is_used = |(_, plan): &&(&Source, MetricPlan)| {
            plan.own_labels().iter().any(|own| *own.name == *name.value)
        };
        let users = planned.iter().filter(is_used).map(|(source, _)| *source);
        let users: Vec<&Source> = users.collect();
        if users.is_empty() && is_complete {
            let help = format!(
                "add it to metrics.labels, or to the `labels` of a metric: [\"{}\"]",
                name.value
            );
            report.push(
                name.warning("this has no effect: no metric has the label")
                    .help(help),
            );
        }
        for source in users {
            report.extend(fault_of(defined, source));
        }
    }
    for (source, plan) in &planned {
        let faults = faults_of_room(source, plan).into_iter();
        report.extend(faults.map(|fault| fault.at(first.name.place.clone())));
    }
}

/// Returns the fault of a label in a source that uses it.
fn fault_of(defined: &Defined, source: &Source) -> Option<Fault> {
    let (field, pattern) = (&defined.field.value, &source.pattern);
    let of = format!("the format of `{}`", source.name);
    if FileField::from_name(field).is_some() {
        return fault_of_paths(defined, source);
    }
    match pattern.named(field) {
        Some(Named::Field(known)) if defined.notation == Notation::Texts && identifies(known) => {
            Some(identifying(&defined.field))
        }
        Some(Named::Field(_) | Named::Extra) => None,
        Some(Named::Unfit) if field == "request" => Some(
            defined
                .field
                .error(format!("`{field}` of {of} is the whole request line"))
                .help("its parts are fields: `method`, `target`, `protocol`"),
        ),
        Some(Named::Unfit) => Some(
            defined
                .field
                .error(format!("`{field}` of {of} cannot be text"))
                .help("a label is made of a text or a status; use numbers as `value` of a metric"),
        ),
        None => {
            let fault = defined.field.warning(format!(
                "{of} has no `{field}`: `{}` is always the value for its absence",
                defined.name.value
            ));
            Some(fault.suggest(field, pattern.names()))
        }
    }
}

/// Returns the fault of a label that is read from the paths of container logs in a source that has none.
fn fault_of_paths(defined: &Defined, source: &Source) -> Option<Fault> {
    let may_be = match &source.input {
        Input::Files(files) => files.paths.iter().any(may_be_container_log),
        Input::Stream(_) => false,
    };
    (!may_be).then(|| {
        let message = format!(
            "`{}` is read from the paths of container logs, and `{}` follows none",
            defined.field.value, source.name
        );
        let help = "paths = [\"/var/log/containers/*.log\"]; leave the label out of the metrics of other sources";
        defined.field.error(message).help(help)
    })
}

/// Returns whether a path may lead to a container log of Kubernetes.
fn may_be_container_log(path: &PathPattern) -> bool {
    let (path, name) = (path.as_path(), path.as_path().file_name());
    let is_glob = |text: &OsStr| {
        text.as_encoded_bytes()
            .iter()
            .any(|byte| b"*?[{".contains(byte))
    };
    let is_dockers = name.is_some_and(|name| name.as_encoded_bytes().ends_with(b"-json.log"));
    !is_dockers && (is_glob(path.as_os_str()) || FileField::Namespace.text(path).is_some())
}

/// Returns the faults of a source whose lines have more values for labels than can be read, or labels of too many values.
fn faults_of_room(source: &Source, plan: &MetricPlan) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (name, pattern) = (&source.name, &source.pattern);
    let own = plan.own_labels();
    let mut extras: Vec<&str> = Vec::new();
    for label in &own {
        if let Origin::Read { field, .. } = &label.origin
            && FileField::from_name(field).is_none()
            && pattern.named(field) == Some(Named::Extra)
            && !extras.contains(&&**field)
        {
            extras.push(field);
        }
    }
    if extras.len() > EXTRAS {
        let message = format!(
            "the labels of `{name}` are made of {} values of its format that fill no field; at most {EXTRAS} can be read",
            extras.len()
        );
        faults.push(Fault::error(message).help(format!("they are {}", extras.join(", "))));
    }
    let own_bits: u32 = own
        .iter()
        .map(|label| plan.bits(&Label::Own(Arc::clone(label))))
        .sum();
    // Labels of one line are made from the same part of a key.
    let fixed: [&[Label]; 5] = [
        &[Label::Scheme, Label::Transport, Label::UrlScheme],
        &[Label::NetworkProtocolVersion],
        &[Label::Upstream],
        &[Label::Charset],
        &[Label::Host],
    ];
    let used = fixed
        .into_iter()
        .filter_map(|labels| labels.iter().find(|label| plan.uses(label)));
    let bits = own_bits + used.map(|label| plan.bits(label)).sum::<u32>();
    if bits > MetricPlan::KEY_BITS {
        let message = format!("the labels of `{name}` have too many combinations of values");
        let sizes = own
            .iter()
            .map(|label| format!("{} has {}", label.name, label.size()));
        let sizes: Vec<String> = sizes.collect();
        faults.push(Fault::error(message).help(format!(
            "list fewer values, or use fewer labels in one source: {}",
            sizes.join(", ")
        )));
    }
    faults
}

/// Reports a histogram whose buckets differ in two sources, although their lines are added up.
fn check_buckets(sources: &[Source], report: &mut Report) {
    /// Name of a family, and the labels that are the same for all lines of a source.
    type Series<'s> = (&'s str, Vec<(&'s str, &'s str)>);
    let mut known: BTreeMap<Series<'_>, (&[u64], &str)> = BTreeMap::new();
    for source in sources {
        for metric in source.metrics.iter() {
            let Counts::Histogram(_, bounds) = &metric.counts else {
                continue;
            };
            if metric.labels.contains(&Label::Source) {
                continue;
            }
            let constants = source.labels.iter();
            let constants = constants.map(|(name, value)| (name.as_str(), value.value.as_str()));
            let series = (&*metric.name, constants.collect());
            let (first, of) = *known.entry(series).or_insert((bounds, &source.name));
            if *first != **bounds {
                let message = format!(
                    "`{}` has other buckets in `{}` than in `{of}`, whose lines are added up",
                    metric.name, source.name
                );
                report.push(Fault::error(message).help(
                    "set its buckets in [metrics], for all sources, or tell the sources apart by `labels`",
                ));
            }
        }
    }
}
