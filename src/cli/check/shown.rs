//! A forecast as tables for people.
//!
//! Invariant: the numbers of the metrics add up to the number of series.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::forecast::{Forecast, samples, samples_of};
use crate::cli::paint::Paint;
use crate::cli::summary::{grouped, grouped_count};
use crate::cli::table::{Alignment, Table};
use crate::label::OTHER;
use crate::model::{Family, Kind, Number, Series, Unit, Value, plural};

/// Most values of a label that are shown, beside `<other>`.
const VALUES: usize = 5;

/// The share of a label value.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    series: usize,
    lines: u64,
}

/// Returns a forecast as text.
pub(super) fn shown(forecast: &Forecast, paint: Paint) -> String {
    let lines = forecast.ledger.lines();
    let mut out = format!(
        "\n{} {} {} in Prometheus, besides about {} about the exporter itself\n",
        grouped_count(lines, "line"),
        plural(lines, "makes", "make"),
        series(forecast.series()),
        grouped(forecast.own as u64),
    );
    push_native(forecast, &mut out);
    for source in &forecast.unread {
        let _ = writeln!(out, "  of source `{source}`, no line was read");
    }
    out.push('\n');
    push_families(forecast, paint, &mut out);
    out.push('\n');
    push_budget(forecast, &mut out);
    push_labels(forecast, paint, &mut out);
    out
}

/// Appends the number of series of a Prometheus that stores native histograms.
fn push_native(forecast: &Forecast, out: &mut String) {
    let all = forecast.product.iter().flat_map(|family| &family.series);
    let native = all.filter(|series| match &series.value {
        Value::Histogram(histogram) => histogram.native.is_some(),
        Value::Number(_) => false,
    });
    // Each of them is one series.
    let fewer: usize = native.map(|series| samples_of(series) - 1).sum();
    if fewer > 0 {
        let stored = series(forecast.series() - fewer);
        let _ = writeln!(
            out,
            "  {stored} if it stores native histograms instead of their classic buckets"
        );
    }
}

fn push_families(forecast: &Forecast, paint: Paint, out: &mut String) {
    let mut table = Table::new([
        ("SERIES", Alignment::Right),
        ("LABEL SETS", Alignment::Right),
        ("METRIC", Alignment::Left),
    ]);
    let families = forecast.product.iter();
    let mut sorted: Vec<&Family> = families
        .filter(|family| !family.series.is_empty())
        .collect();
    sorted.sort_by_key(|family| Reverse(samples(family)));
    for family in sorted {
        let numbers = [samples(family), family.series.len()];
        let [series, label_sets] = numbers.map(|number| grouped(number as u64));
        table.add(&[series, label_sets, family.name.to_string()]);
    }
    table.push(paint, out);
}

fn push_budget(forecast: &Forecast, out: &mut String) {
    let (used, limit) = (forecast.label_sets, forecast.limit);
    let overflow = forecast.ledger.overflow;
    if overflow == 0 {
        let left = grouped(limit.saturating_sub(used) as u64);
        let (used, limit) = (grouped(used as u64), grouped(limit as u64));
        let _ = writeln!(
            out,
            "limits.series: {used} of {limit} label sets are used, {left} are left"
        );
        return;
    }
    let _ = writeln!(
        out,
        "limits.series: all {} label sets are used: {} {} `{OTHER}` in place of label values",
        grouped(limit as u64),
        grouped_count(overflow, "line"),
        plural(overflow, "has", "have"),
    );
    let _ = match forecast.needed {
        Some(needed) => writeln!(
            out,
            "  = help: limits.series = {needed} is enough for these lines"
        ),
        None => writeln!(
            out,
            "  = help: a higher limits.series, fewer metrics, or fewer labels"
        ),
    };
}

/// Appends the values of each label that has more than one, those with the most series first, and the labels of which `<other>`
/// takes a tenth of the lines or more.
fn push_labels(forecast: &Forecast, paint: Paint, out: &mut String) {
    let mut labels: Vec<(&str, BTreeMap<&str, Share>)> = shares(forecast).into_iter().collect();
    labels.retain(|(_, values)| values.len() > 1);
    if labels.is_empty() {
        return;
    }
    labels.sort_by_key(|(_, values)| Reverse(values.len()));
    let mut table = Table::new([
        ("LABEL", Alignment::Left),
        ("VALUES", Alignment::Right),
        ("SERIES", Alignment::Right),
        ("LINES", Alignment::Right),
        ("BUSIEST", Alignment::Left),
    ]);
    let mut swallowed = Vec::new();
    for (name, values) in labels {
        let all: u64 = values.values().map(|share| share.lines).sum();
        let other = values.get(OTHER).map_or(0, |share| share.lines);
        if other * 10 >= all && other > 0 {
            swallowed.push((name.to_owned(), other, all));
        }
        let mut sorted: Vec<(&str, Share)> = values.into_iter().collect();
        sorted.sort_by_key(|(_, share)| Reverse((share.series, share.lines)));
        let busiest = sorted.iter().enumerate();
        let busiest = busiest.filter(|(at, (value, _))| *at < VALUES || *value == OTHER);
        for (at, (value, share)) in busiest {
            let (label, number) = match at {
                0 => (name.to_owned(), grouped(sorted.len() as u64)),
                _ => (String::new(), String::new()),
            };
            let (series, lines) = (grouped(share.series as u64), grouped(share.lines));
            table.add(&[label, number, series, lines, (*value).to_owned()]);
        }
    }
    out.push('\n');
    table.push(paint, out);
    for (name, other, all) in swallowed {
        let percent = other * 100 / all;
        let _ = writeln!(
            out,
            "{percent} % of the lines have the {name} `{OTHER}`: {}",
            reason(&name)
        );
    }
}

/// Returns the reason for which a label has the value `<other>`.
fn reason(label: &str) -> &'static str {
    match label {
        "route" | "view" | "http_route" => {
            "paths that the site does not serve, or more of them than max_routes"
        }
        "method" | "http_request_method" => "no method, or one that is not standard",
        "status" | "http_response_status_code" => "no status",
        "host" => "hosts that metrics.hosts does not list",
        _ => "no value, or one that is not listed",
    }
}

/// Returns the shares of all values, by label. The lines of a label are those of the metric with this label that counts the
/// most of them.
fn shares(forecast: &Forecast) -> BTreeMap<&str, BTreeMap<&str, Share>> {
    let mut labels: BTreeMap<&str, BTreeMap<&str, Share>> = BTreeMap::new();
    let mut most: BTreeMap<&str, (u64, &Family)> = BTreeMap::new();
    for family in forecast.product.iter() {
        let total = family
            .series
            .iter()
            .filter_map(|series| lines(family, series))
            .sum();
        for series in &family.series {
            for (name, value) in &series.labels {
                let share = labels.entry(name).or_default().entry(value).or_default();
                share.series += samples_of(series);
            }
        }
        for (name, _) in family.series.iter().flat_map(|series| &series.labels) {
            let best = most.entry(name).or_insert((total, family));
            if total > best.0 {
                *best = (total, family);
            }
        }
    }
    for (name, (_, family)) in most {
        let Some(values) = labels.get_mut(name) else {
            continue;
        };
        for series in &family.series {
            let share = series.label(name).and_then(|value| values.get_mut(value));
            if let Some(share) = share {
                share.lines += lines(family, series).unwrap_or(0);
            }
        }
    }
    labels
}

/// Returns the number of lines that a label set counts; `None` if it adds up something else.
fn lines(family: &Family, series: &Series) -> Option<u64> {
    match &series.value {
        Value::Histogram(histogram) => Some(histogram.observations()),
        Value::Number(Number::Exact(lines, Unit::One)) if family.kind == Kind::Counter => {
            Some(*lines)
        }
        Value::Number(_) => None,
    }
}

/// Returns a number of series in words.
fn series(number: usize) -> String {
    format!("{} series", grouped(number as u64))
}
