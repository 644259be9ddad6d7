//! Summary of a replay in tables.
//!
//! Invariant: every number comes from the families, so that all outputs agree.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::aggregate::Ledger;
use crate::join;
use crate::model::{Families, Family, Histogram, Series, Value};

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
        "{source}: {} lines, {} recorded, {} rejected, {} skipped",
        grouped(ledger.lines()),
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
    routes(
        out,
        requests,
        families.get("httplog_request_duration_seconds"),
    )
}

/// Writes the results of joining; nothing if no logs were joined.
pub(super) fn write_joined(out: &mut impl Write, families: &Families) -> io::Result<()> {
    let [queue, unreached] = join::FAMILIES.map(|name| families.get(name));
    let series = |family: Option<&Family>| family.map_or_else(Vec::new, |all| all.series.clone());
    let source = |series: &Series| series.label("source").unwrap_or_default().to_owned();
    for series in series(queue) {
        if let Value::Histogram(times) = &series.value {
            let count: u64 = times.counts.iter().sum();
            let name = source(&series);
            write!(out, "\n{name}: {} requests joined", grouped(count))?;
            if count > 0 {
                let (mean, most) = (mean(times), quantile_95(times));
                write!(out, ", queued {mean} on average, p95 {most}")?;
            }
            writeln!(out)?;
        }
    }
    for series in series(unreached) {
        if number(&series) > 0 {
            let reason = series.label("reason").unwrap_or_default();
            let requests = grouped(number(&series));
            writeln!(
                out,
                "  {}, unreached, {reason}: {requests}",
                source(&series)
            )?;
        }
    }
    Ok(())
}

/// Writes requests by method and class of status.
fn statuses(out: &mut impl Write, requests: &Family) -> io::Result<()> {
    let mut methods: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
    for series in &requests.series {
        let class = match series
            .label("status")
            .and_then(|status| status.bytes().next())
        {
            Some(digit @ b'1'..=b'5') => usize::from(digit - b'1'),
            _ => 5,
        };
        methods
            .entry(series.label("method").unwrap_or_default())
            .or_default()[class] += number(series);
    }
    writeln!(
        out,
        "\n{:10}{:>12}{:>10}{:>12}{:>12}{:>12}{:>12}{:>10}",
        "METHOD", "REQUESTS", "1xx", "2xx", "3xx", "4xx", "5xx", "other"
    )?;
    for (method, [one, two, three, four, five, other]) in methods {
        let total = one + two + three + four + five + other;
        writeln!(
            out,
            "{method:10}{:>12}{:>10}{:>12}{:>12}{:>12}{:>12}{:>10}",
            grouped(total),
            grouped(one),
            grouped(two),
            grouped(three),
            grouped(four),
            grouped(five),
            grouped(other),
        )?;
    }
    Ok(())
}

/// Writes the busiest routes, with latencies where lines have a duration.
fn routes(out: &mut impl Write, requests: &Family, durations: Option<&Family>) -> io::Result<()> {
    let mut routes: BTreeMap<&str, (u64, u64, Option<Histogram>)> = BTreeMap::new();
    for series in &requests.series {
        let route = routes
            .entry(series.label("route").unwrap_or_default())
            .or_default();
        route.0 += number(series);
        if series
            .label("status")
            .is_some_and(|status| status.starts_with('5'))
        {
            route.1 += number(series);
        }
    }
    for series in durations.iter().flat_map(|family| &family.series) {
        if let Value::Histogram(histogram) = &series.value {
            let route = routes
                .entry(series.label("route").unwrap_or_default())
                .or_default();
            match &mut route.2 {
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
        format!("{:>12}{:>12}", "MEAN", "P95")
    } else {
        String::new()
    };
    writeln!(out, "\n{:>12}{:>10}{heads}  ROUTE", "REQUESTS", "5xx")?;
    for (route, (requests, errors, histogram)) in sorted.iter().take(ROUTES) {
        let columns = match histogram {
            Some(histogram) => format!("{:>12}{:>12}", mean(histogram), quantile_95(histogram)),
            None if times => format!("{:>12}{:>12}", "", ""),
            None => String::new(),
        };
        writeln!(
            out,
            "{:>12}{:>10}{columns}  {route}",
            grouped(*requests),
            grouped(*errors)
        )?;
    }
    match sorted.len().saturating_sub(ROUTES) {
        0 => Ok(()),
        more => writeln!(out, "{:>12}  more routes", grouped(more as u64)),
    }
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
    for (at, bucket) in histogram.counts.iter().enumerate() {
        seen += bucket;
        if seen >= rank && count > 0 {
            return match (histogram.bounds.get(at), histogram.bounds.last()) {
                (Some(bound), _) => format!("≤ {}", millis(*bound)),
                (None, Some(last)) => format!("> {}", millis(*last)),
                (None, None) => String::new(),
            };
        }
    }
    String::new()
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
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
            };
            assert_eq!(quantile_95(&histogram), text);
        };
        check([95, 5, 0], "≤ 5.0 ms");
        check([94, 6, 0], "≤ 200 ms");
        check([0, 0, 1], "> 200 ms");
        check([0, 0, 0], "");
    }
}
