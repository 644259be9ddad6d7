//! Reading of a `[[metric]]` table of a set or a configuration.
//!
//! Invariant: every fault is reported with its place; a metric that is returned can be counted.

use std::sync::Arc;

use super::declaration::{Counts, Metric, Quantity};
use super::names::{label, read_labels};
use super::when::read_when;
use crate::diag::{Fault, Report, Section, Spot};
use crate::label::{Label, OwnLabel};
use crate::model::{Bytes, Field, FieldSet, Micros, Unit};

/// Largest number of buckets of a histogram.
const BUCKETS: usize = 64;
/// Longest name and longest label value, in bytes.
const NAME_BYTES: usize = 128;
/// Largest bound, in its unit. Scrapers read bounds as floats, which tell all smaller integers apart.
const MAX_BOUND: u64 = 1 << 53;
const TYPES: [&str; 2] = ["counter", "histogram"];
/// The `value` of a counter of rejected lines.
const REJECTED: &str = "rejected_lines";

/// Reads one metric, which may have labels of `own` ones; the returned place is that of the name.
pub fn read(
    mut section: Section<'_>,
    own: &[Arc<OwnLabel>],
    report: &mut Report,
) -> Option<Spot<Metric>> {
    let before = report.errors();
    let place = section.place();
    for (key, help) in [
        ("name", "name = \"checkout_requests_total\""),
        ("help", "help = \"Requests to the checkout.\""),
        ("type", "type = \"counter\", or \"histogram\""),
    ] {
        if section.lacks(key) {
            let fault = Fault::error(format!("a metric without `{key}`"));
            report.push(fault.at(place.clone()).help(help));
        }
    }
    let name = section.string("name", report);
    let help = section.string("help", report);
    let kind = section.string("type", report);
    let value = section.string("value", report);
    let labels = section.strings("labels", report);
    let buckets = section.numbers("buckets", report);
    let short_bounds = section.boolean("short_bounds", report);
    let native = section.boolean("native", report);
    let needs = section.strings("needs", report);
    let other = section.scalars("other", report);
    let when = section.section("when", report);
    section.finish(report);
    if let Some(name) = &name {
        check_name(name, report);
    }
    let labels = labels.map_or_else(Vec::new, |labels| read_labels(&labels.value, own, report));
    if let (Some(short), Some("counter")) = (&short_bounds, kind.as_ref().map(|kind| &*kind.value))
    {
        report.push(Fault::error("a counter has no bounds").at(short.place.clone()));
    }
    if let (Some(native), Some("counter")) = (&native, kind.as_ref().map(|kind| &*kind.value)) {
        report.push(Fault::error("a counter has no native buckets").at(native.place.clone()));
    }
    let when = when.map_or_else(Vec::new, |section| read_when(section, own, report));
    let needs = needs.map_or(FieldSet::EMPTY, |needs| read_needs(&needs.value, report));
    let other = read_other(other, own, report);
    let counts = read_counts(kind?, value.as_ref(), buckets, report)?;
    if counts == Counts::Rejected
        && (labels.iter().any(|label| *label != Label::Source) || !when.is_empty())
    {
        report.push(
            Fault::error("a metric of rejected lines has no label but `source`, and no `when`")
                .at(place),
        );
    }
    let name = name?;
    let metric = Metric {
        name: name.value.into(),
        help: help?.value.into(),
        counts,
        labels,
        other,
        when,
        has_short_bounds: short_bounds.is_some_and(|short| short.value),
        is_native: native.is_some_and(|native| native.value),
        needs,
    };
    (report.errors() == before).then_some(Spot {
        value: metric,
        place: name.place,
    })
}

fn check_name(name: &Spot<String>, report: &mut Report) {
    let text = name.value.as_bytes();
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    let begins = text.first().is_some_and(|byte| !byte.is_ascii_digit());
    if !begins || !text.iter().all(is_valid) || text.len() > NAME_BYTES {
        report.push(
            Fault::error(format!("`{}` is not a valid metric name", name.value))
                .at(name.place.clone())
                .help("use up to 128 letters, digits and `_`, and begin with a letter"),
        );
    } else if ["httplog_exporter_", "process_"]
        .iter()
        .any(|prefix| name.value.starts_with(prefix))
    {
        report.push(
            Fault::error(format!(
                "`{}` is reserved for metrics of the exporter itself",
                name.value
            ))
            .at(name.place.clone())
            .help("choose another prefix"),
        );
    }
}

fn read_needs(names: &[Spot<String>], report: &mut Report) -> FieldSet {
    let mut needs = FieldSet::EMPTY;
    for name in names {
        match Field::from_name(&name.value) {
            Some(field) => needs = needs.with(field),
            None => report.push(
                Fault::error(format!("`{}` is not a field", name.value))
                    .at(name.place.clone())
                    .suggest(&name.value, Field::ALL.map(Field::name)),
            ),
        }
    }
    needs
}

fn read_other(
    entries: Vec<(Spot<String>, Spot<String>)>,
    own: &[Arc<OwnLabel>],
    report: &mut Report,
) -> Vec<(Label, Arc<str>)> {
    let mut other = Vec::new();
    for (name, text) in entries {
        if text.value.is_empty() || text.value.len() > NAME_BYTES {
            report.push(Fault::error("a label value must have 1 to 128 bytes").at(text.place));
            continue;
        }
        match label(&name.value, own) {
            Ok(label) => other.push((label, text.value.into())),
            Err(fault) => report.push(fault.at(name.place)),
        }
    }
    other
}

fn read_counts(
    kind: Spot<String>,
    value: Option<&Spot<String>>,
    buckets: Option<Spot<Vec<Spot<String>>>>,
    report: &mut Report,
) -> Option<Counts> {
    if !TYPES.contains(&kind.value.as_str()) {
        report.push(
            Fault::error(format!("unknown type `{}`", kind.value))
                .at(kind.place)
                .suggest(&kind.value, TYPES),
        );
        return None;
    }
    let is_counter = kind.value == "counter";
    let quantity = match value {
        None => None,
        Some(name) if is_counter && name.value == REJECTED => return Some(Counts::Rejected),
        Some(name) => Some(quantity(name, report)?),
    };
    match (is_counter, quantity, buckets) {
        (true, None, None) => Some(Counts::Lines),
        (true, Some(value), None) => Some(Counts::Sum(value)),
        (true, _, Some(buckets)) => {
            report.push(
                Fault::error("a counter cannot have buckets")
                    .at(buckets.place)
                    .help("type = \"histogram\""),
            );
            None
        }
        (false, Some(value), Some(buckets)) => {
            let bounds = bounds(&buckets, value.unit(), report)?;
            Some(Counts::Histogram(value, bounds))
        }
        (false, ..) => {
            report.push(Fault::error("a histogram requires `value` and `buckets`").at(kind.place));
            None
        }
    }
}

fn quantity(name: &Spot<String>, report: &mut Report) -> Option<Quantity> {
    let found = Quantity::ALL.iter().find(|(known, _)| *known == name.value);
    if found.is_none() {
        let names = Quantity::ALL.iter().map(|(known, _)| *known);
        report.push(
            Fault::error(format!("unknown value `{}`", name.value))
                .at(name.place.clone())
                .suggest(&name.value, names.chain([REJECTED])),
        );
    }
    found.map(|(_, quantity)| *quantity)
}

/// Parses upper bounds exactly, in the given unit.
pub fn bounds(
    texts: &Spot<Vec<Spot<String>>>,
    unit: Unit,
    report: &mut Report,
) -> Option<Arc<[u64]>> {
    let before = report.errors();
    let mut bounds: Vec<u64> = Vec::new();
    for text in &texts.value {
        let number = match unit {
            Unit::Micros => text
                .value
                .split_once('.')
                .is_none_or(|(_, decimals)| decimals.len() <= 6)
                .then(|| Micros::from_seconds(text.value.as_bytes()))
                .flatten()
                .map(|micros| micros.0),
            Unit::Bytes | Unit::One => {
                Bytes::from_decimal(text.value.as_bytes()).map(|bytes| bytes.0)
            }
        };
        let expected = match unit {
            Unit::Micros => "seconds with at most six decimals",
            Unit::Bytes => "whole bytes",
            Unit::One => "whole numbers",
        };
        match number {
            None => report.push(
                Fault::error(format!(
                    "`{}` is not a valid bound: expected {expected}",
                    text.value
                ))
                .at(text.place.clone()),
            ),
            Some(number) if bounds.last().is_some_and(|last| *last >= number) => report.push(
                Fault::error(format!(
                    "`{}` is not greater than the bound before it",
                    text.value
                ))
                .at(text.place.clone()),
            ),
            Some(number) if number > MAX_BOUND => report.push(
                Fault::error(format!(
                    "`{}` is too large for a bound: a float cannot hold each number above 2^53{}",
                    text.value,
                    if unit == Unit::Micros {
                        " microseconds"
                    } else {
                        ""
                    }
                ))
                .at(text.place.clone()),
            ),
            Some(number) => bounds.push(number),
        }
    }
    if !(1..=BUCKETS).contains(&texts.value.len()) {
        report.push(
            Fault::error(format!(
                "a histogram takes 1 to {BUCKETS} bounds, not counting +Inf"
            ))
            .at(texts.place.clone()),
        );
    }
    (report.errors() == before).then(|| bounds.into())
}
