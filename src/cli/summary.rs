//! Summary of a replay in tables.
//!
//! Invariant: every number comes from the families, so that all outputs agree.

use std::collections::BTreeMap;
use std::io::{self, Write};

use indicatif::HumanCount;

use crate::aggregate::Ledger;
use crate::join;
use crate::model::{Families, Family, Histogram, Series, Value, plural};

/// Most routes in the table.
const ROUTES: usize = 20;

/// Writes the line counts of one source and its tables.
pub(super) fn write(
    out: &mut impl Write,
    source: &str,
    ledger: &Ledger,
    families: &Families,
) -> io::Result<()> {
    writeln!(
        out,
        "{source}: {} {}, {} recorded, {} rejected, {} skipped",
        grouped(ledger.lines()),
        plural(ledger.lines(), "line", "lines"),
        grouped(ledger.recorded),
        grouped(ledger.rejected_lines()),
        grouped(ledger.skipped_lines()),
    )?;
    for (reason, lines) in ledger.rejected.iter().filter(|(_, lines)| **lines > 0) {
        writeln!(out, "  rejected, {reason}: {}", grouped(*lines))?;
    }
    let Some(requests) = families.get("httplog_requests_total") else {
        return Ok(());
    };
    statuses(out, requests)?;
    let durations = families.get("httplog_request_duration_seconds");
    routes(out, requests, durations)?;
    if durations.is_some_and(are_endless) {
        writeln!(
            out,
            "\nmost durations are an hour or more: if their unit is another, name it: duration_ms, duration_us or duration_ns"
        )?;
    }
    Ok(())
}

/// Returns whether most durations are absurd for requests: over the largest bound, and over an hour on average.
fn are_endless(durations: &Family) -> bool {
    const HOUR: u64 = 3_600_000_000;
    let (mut over, mut all, mut sum) = (0, 0_u64, 0_u64);
    for series in &durations.series {
        if let Value::Histogram(times) = &series.value {
            over += times.counts.last().copied().unwrap_or_default();
            all += times.counts.iter().sum::<u64>();
            sum = sum.saturating_add(times.sum);
        }
    }
    over * 2 > all && sum / all.max(1) >= HOUR
}

/// Writes the results of joining; nothing if no logs were joined.
pub(super) fn write_joined(out: &mut impl Write, families: &Families) -> io::Result<()> {
    let [queue, unreached] = join::FAMILIES.map(|name| families.get(name));
    for series in queue.iter().flat_map(|family| &family.series) {
        if let Value::Histogram(times) = &series.value {
            let count: u64 = times.counts.iter().sum();
            let source = label(series, "source");
            write!(
                out,
                "\n{source}: {} {} joined",
                grouped(count),
                plural(count, "request", "requests")
            )?;
            if count > 0 {
                let (mean, most) = (mean(times), quantile_95(times));
                write!(out, ", queued {mean} on average, p95 {most}")?;
            }
            writeln!(out)?;
        }
    }
    for series in unreached.iter().flat_map(|family| &family.series) {
        let (source, reason) = (label(series, "source"), label(series, "reason"));
        if number(series) > 0 {
            let requests = grouped(number(series));
            writeln!(out, "  {source}, unreached, {reason}: {requests}")?;
        }
    }
    Ok(())
}

/// Writes requests by method and class of status.
fn statuses(out: &mut impl Write, requests: &Family) -> io::Result<()> {
    let mut methods: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
    for series in &requests.series {
        let class = match label(series, "status").as_bytes() {
            [digit @ b'1'..=b'5', ..] => usize::from(digit - b'1'),
            _ => 5,
        };
        methods.entry(label(series, "method")).or_default()[class] += number(series);
    }
    writeln!(
        out,
        "\n{:10}{:>12}{:>10}{:>12}{:>12}{:>12}{:>12}{:>10}",
        "METHOD", "REQUESTS", "1xx", "2xx", "3xx", "4xx", "5xx", "other"
    )?;
    for (method, classes) in methods {
        write!(out, "{method:10}{:>12}", grouped(classes.iter().sum()))?;
        for (requests, width) in classes.into_iter().zip([10, 12, 12, 12, 12, 10]) {
            write!(out, "{:>width$}", grouped(requests))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the busiest routes, with latencies where lines have a duration.
fn routes(out: &mut impl Write, requests: &Family, durations: Option<&Family>) -> io::Result<()> {
    let mut routes: BTreeMap<&str, (u64, u64, Option<Histogram>)> = BTreeMap::new();
    for series in &requests.series {
        let route = routes.entry(label(series, "route")).or_default();
        route.0 += number(series);
        if label(series, "status").starts_with('5') {
            route.1 += number(series);
        }
    }
    for series in durations.iter().flat_map(|family| &family.series) {
        if let Value::Histogram(histogram) = &series.value {
            match &mut routes.entry(label(series, "route")).or_default().2 {
                Some(all) => {
                    all.sum += histogram.sum;
                    for (all, count) in all.counts.iter_mut().zip(&histogram.counts) {
                        *all += count;
                    }
                }
                empty => *empty = Some(histogram.clone()),
            }
        }
    }
    let mut sorted: Vec<_> = routes.into_iter().collect();
    sorted.sort_by_key(|(route, (requests, ..))| (std::cmp::Reverse(*requests), *route));
    let times = durations.is_some();
    let heads = if times {
        "        MEAN         P95"
    } else {
        ""
    };
    writeln!(out, "\n    REQUESTS       5xx{heads}  ROUTE")?;
    for (route, (requests, errors, histogram)) in sorted.iter().take(ROUTES) {
        let columns = match histogram {
            Some(histogram) => format!("{:>12}{:>12}", mean(histogram), quantile_95(histogram)),
            None if times => format!("{:>12}{:>12}", "", ""),
            None => String::new(),
        };
        let (requests, errors) = (grouped(*requests), grouped(*errors));
        writeln!(out, "{requests:>12}{errors:>10}{columns}  {route}")?;
    }
    match sorted.len().saturating_sub(ROUTES) {
        0 => Ok(()),
        more => writeln!(out, "{:>12}  more routes", grouped(more as u64)),
    }
}

/// Returns the value of a label; empty without it.
fn label<'s>(series: &'s Series, name: &str) -> &'s str {
    series.label(name).unwrap_or_default()
}

fn number(series: &Series) -> u64 {
    match &series.value {
        Value::Number(crate::model::Number::Exact(value, _)) => *value,
        _ => 0,
    }
}

fn mean(histogram: &Histogram) -> String {
    match histogram.counts.iter().sum::<u64>() {
        0 => String::new(),
        count => millis(histogram.sum / count),
    }
}

/// Returns the bucket of the 95th percentile.
fn quantile_95(histogram: &Histogram) -> String {
    let count: u64 = histogram.counts.iter().sum();
    let rank = (count * 95).div_ceil(100);
    let mut seen = 0;
    let bucket = histogram.counts.iter().position(|lines| {
        seen += lines;
        seen >= rank && count > 0
    });
    let bounds = &histogram.bounds;
    match bucket.and_then(|at| Some((bounds.get(at), bounds.last()?))) {
        Some((Some(bound), _)) => format!("≤ {}", millis(*bound)),
        Some((None, last)) => format!("> {}", millis(*last)),
        None => String::new(),
    }
}

fn millis(micros: u64) -> String {
    if micros < 10_000 {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    } else {
        format!("{} ms", grouped(micros / 1_000))
    }
}

/// Formats a number with its digits in groups of three: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Returns a number in groups of three digits, with a noun whose plural ends in `s`: `1,200 lines`.
pub(super) fn grouped_count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), plural(number, "", "s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Unit;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn the_95th_percentile_names_its_bucket() {
        let check = |counts: [u64; 3], text: &str| {
            let histogram = Histogram {
                bounds: [5_000, 200_000].into(),
                counts: counts.into(),
                sum: 0,
                unit: Unit::Micros,
                has_short_bounds: false,
                native: None,
                exemplars: Vec::new(),
            };
            assert_eq!(quantile_95(&histogram), text);
        };
        check([95, 5, 0], "≤ 5.0 ms");
        check([94, 6, 0], "≤ 200 ms");
        check([0, 0, 1], "> 200 ms");
        check([0, 0, 0], "");
    }
}
