//! A status in tables.
//!
//! Invariant: every number and every text is one of the document.

use crate::cli::paint::{Paint, Style};
use crate::cli::summary::{grouped, grouped_count};
use crate::cli::table::{Alignment, Table, visible};
use crate::model::counted;
use crate::status::{
    Configuration, Quantiles, Queue, Route, Severity, Source, SourceState, Status, Traffic,
    Trouble, Verdict,
};

use Alignment::{Left, Right};

/// Most routes in the table.
const ROUTES: usize = 20;

/// Appends a status; `at` is the address of the exporter.
pub(super) fn push_status(status: &Status, at: &str, paint: Paint, out: &mut String) {
    push_verdict(status, paint, out);
    let (version, uptime) = (
        &status.exporter.version,
        span(status.exporter.uptime_seconds),
    );
    push_line(
        out,
        &format!("httplog-exporter {version} at {at}, up {uptime}"),
    );
    for trouble in &status.troubles {
        out.push('\n');
        push_trouble(trouble, paint, out);
    }
    push_sources(&status.sources, status.time, paint, out);
    push_traffic(&status.traffic, paint, out);
    push_routes(&status.routes, status.routes_omitted, paint, out);
    push_queues(&status.queues, paint, out);
    out.push('\n');
    push_counts(status, out);
    push_configuration(&status.configuration, status.time, out);
}

fn push_verdict(status: &Status, paint: Paint, out: &mut String) {
    let (style, word) = match status.verdict {
        Verdict::Well => (Style::Good, "all well"),
        Verdict::Attention => (Style::Warning, "needs attention"),
        Verdict::Broken => (Style::Bad, "broken"),
    };
    paint.push(style, word, out);
    let number = |severity| {
        let of_it = status.troubles.iter().filter(|it| it.severity == severity);
        of_it.count()
    };
    let numbers = [
        (number(Severity::Error), "error"),
        (number(Severity::Warning), "warning"),
        (number(Severity::Notice), "notice"),
    ];
    let numbers = numbers.into_iter().filter(|(number, _)| *number > 0);
    let numbers: Vec<String> = numbers
        .map(|(number, noun)| counted(number, noun))
        .collect();
    if !numbers.is_empty() {
        out.push_str(": ");
        out.push_str(&numbers.join(", "));
    }
    out.push('\n');
}

fn push_trouble(trouble: &Trouble, paint: Paint, out: &mut String) {
    let (style, word) = match trouble.severity {
        Severity::Error => (Style::Bad, "error"),
        Severity::Warning => (Style::Warning, "warning"),
        Severity::Notice => (Style::Heading, "notice"),
    };
    paint.push(style, word, out);
    let source = trouble.source.as_ref();
    let source = source.map_or_else(String::new, |source| format!(" {source}"));
    push_line(
        out,
        &format!("{source}: {} [{}]", trouble.summary, trouble.code),
    );
    if let Some(detail) = &trouble.detail {
        push_line(out, &format!("  {detail}"));
    }
    if !trouble.remedy.is_empty() {
        push_line(out, &format!("  = help: {}", trouble.remedy));
    }
    push_line(out, &format!("  = see: {}", trouble.section()));
    if let Some(command) = &trouble.command {
        push_line(out, &format!("  $ {command}"));
    }
}

fn push_sources(sources: &[Source], now: f64, paint: Paint, out: &mut String) {
    let mut table = Table::new([
        ("SOURCE", Left),
        ("STATE", Left),
        ("LINES/S", Right),
        ("RECORDED", Right),
        ("REJECTED", Right),
        ("SKIPPED", Right),
        ("BEHIND", Right),
        ("LAST LINE", Right),
    ]);
    for source in sources {
        let lines = source.lines;
        let behind = match source.lag_bytes {
            0 => "-".to_owned(),
            lag => format!("{}, {}", bytes(lag), span(source.lag_seconds)),
        };
        let last = source.last_line;
        table.add(&[
            source.name.clone(),
            source.state.name().to_owned(),
            rate(source.lines_per_second),
            grouped(lines.recorded),
            grouped(lines.rejected),
            grouped(lines.skipped),
            behind,
            last.map_or_else(
                || "-".to_owned(),
                |last| format!("{} ago", span(now - last)),
            ),
        ]);
    }
    if !sources.is_empty() {
        out.push('\n');
        table.push(paint, out);
    }
    for source in sources {
        push_notes(source, out);
    }
}

/// Appends what a source has beside its numbers.
fn push_notes(source: &Source, out: &mut String) {
    let name = &source.name;
    if let Some(reason) = source
        .reason
        .as_ref()
        .filter(|_| source.state != SourceState::Open)
    {
        push_line(out, &format!("{name} is not open: {reason}"));
    }
    for (what, numbers) in [
        ("rejected", &source.rejected),
        ("lost, perhaps", &source.gaps),
    ] {
        let numbers = numbers.iter().filter(|(_, number)| **number > 0);
        let numbers: Vec<String> = numbers
            .map(|(reason, number)| format!("{reason} {}", grouped(*number)))
            .collect();
        if !numbers.is_empty() {
            push_line(out, &format!("{name}, {what}: {}", numbers.join(", ")));
        }
    }
}

fn push_traffic(traffic: &Traffic, paint: Paint, out: &mut String) {
    let sum = |requests: &[u32]| {
        requests
            .iter()
            .map(|number| u64::from(*number))
            .sum::<u64>()
    };
    let classes = traffic
        .classes
        .iter()
        .map(|class| (class, sum(&class.requests)));
    let classes: Vec<_> = classes.filter(|(_, requests)| *requests > 0).collect();
    if classes.is_empty() {
        return;
    }
    out.push('\n');
    paint.push(Style::Heading, "REQUESTS OF THE LAST HOUR", out);
    for (class, requests) in classes {
        out.push_str(&visible(&format!(
            "  {} {}",
            class.class,
            grouped(requests)
        )));
    }
    out.push('\n');
}

fn push_routes(routes: &[Route], omitted: u64, paint: Paint, out: &mut String) {
    if routes.is_empty() {
        return;
    }
    let mut table = Table::new([
        ("ROUTE", Left),
        ("SOURCE", Left),
        ("REQUESTS", Right),
        ("PER S", Right),
        ("5XX", Right),
        ("P50", Right),
        ("P95", Right),
        ("P99", Right),
    ]);
    let has_several = routes.iter().any(|route| route.source != routes[0].source);
    for route in routes.iter().take(ROUTES) {
        let [p50, p95, p99] = quantiles(route.durations);
        let source = route.source.clone().filter(|_| has_several);
        table.add(&[
            route.route.clone(),
            source.unwrap_or_default(),
            grouped(route.requests),
            rate(route.requests_per_second),
            grouped(route.errors),
            p50,
            p95,
            p99,
        ]);
    }
    out.push('\n');
    table.push(paint, out);
    let more = routes.len().saturating_sub(ROUTES) as u64 + omitted;
    if more > 0 {
        push_line(out, &format!("and {}", grouped_count(more, "more route")));
    }
}

fn push_queues(queues: &[Queue], paint: Paint, out: &mut String) {
    if queues.is_empty() {
        return;
    }
    let mut table = Table::new([
        ("WAITS FOR A WORKER OF", Left),
        ("REQUESTS", Right),
        ("P50", Right),
        ("P95", Right),
        ("P99", Right),
        ("BUSY", Right),
    ]);
    for queue in queues {
        let [p50, p95, p99] = quantiles(queue.waits);
        let busy = queue
            .busy
            .map_or_else(|| "-".to_owned(), |busy| format!("{busy:.1}"));
        let requests = grouped(queue.requests);
        table.add(&[queue.source.clone(), requests, p50, p95, p99, busy]);
    }
    out.push('\n');
    table.push(paint, out);
}

fn push_counts(status: &Status, out: &mut String) {
    let series = status.series;
    let over = match series.overflow {
        0 => String::new(),
        lines => format!(", {} over the limit", grouped_count(lines, "line")),
    };
    let (used, limit) = (grouped(series.used), grouped(series.limit));
    push_line(out, &format!("series {used} of {limit}{over}"));
    let others = status.other.iter().filter(|other| other.requests > 0);
    let others: Vec<String> = others
        .map(|other| format!("{} {}", other.label, grouped(other.requests)))
        .collect();
    if !others.is_empty() {
        push_line(
            out,
            &format!("requests under <other>: {}", others.join(", ")),
        );
    }
    let state = &status.state;
    let kept = match (state.is_kept, state.is_durable) {
        (false, _) => "counts end with the process (state.dir)",
        (true, true) => "counts are kept over restarts",
        (true, false) => "counts are kept, but the last commits failed",
    };
    let age = state.age_seconds.filter(|_| state.is_kept);
    let age = age.map_or_else(String::new, |age| format!(", committed {} ago", span(age)));
    push_line(out, &format!("{kept}{age}"));
}

fn push_configuration(configuration: &Configuration, now: f64, out: &mut String) {
    if let Some(file) = &configuration.file {
        let loaded = configuration.loaded.map(|loaded| span(now - loaded));
        let loaded = loaded.map_or_else(String::new, |ago| format!(", applied {ago} ago"));
        push_line(out, &format!("configuration {file}{loaded}"));
    }
    for warning in &configuration.warnings {
        push_line(out, &format!("  warning: {warning}"));
    }
}

/// Appends a line. A line feed in it begins another one.
fn push_line(out: &mut String, text: &str) {
    for line in text.split('\n') {
        out.push_str(&visible(line));
        out.push('\n');
    }
}

fn quantiles(known: Option<Quantiles>) -> [String; 3] {
    known.map_or_else(Default::default, |known| {
        [known.p50, known.p95, known.p99].map(span)
    })
}

fn rate(known: Option<f64>) -> String {
    known.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"))
}

/// Formats a duration with two digits or two units: `35 ms`, `1.2 s`, `3 d 4 h`.
fn span(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s")];
    let seconds = seconds.max(0.0);
    if seconds < 0.001 {
        return format!("{:.1} ms", seconds * 1e3);
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round();
    let of = |at: usize| UNITS.get(at).filter(|(unit, _)| whole >= *unit);
    let first = (0..UNITS.len()).find(|at| of(*at).is_some()).unwrap_or(3);
    let (unit, name) = UNITS[first];
    let text = format!("{:.0} {name}", (whole / unit).floor());
    match UNITS.get(first + 1) {
        Some((smaller, name)) if whole % unit >= *smaller => {
            format!("{text} {:.0} {name}", (whole % unit / smaller).floor())
        }
        _ => text,
    }
}

fn bytes(number: u64) -> String {
    indicatif::BinaryBytes(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_of_their_size() {
        let check = |seconds, expected| assert_eq!(span(seconds), expected, "{seconds}");
        check(0.0, "0.0 ms");
        check(-1.0, "0.0 ms");
        check(0.000_25, "0.2 ms");
        check(0.035_4, "35 ms");
        check(0.9996, "1.0 s");
        check(1.25, "1.2 s");
        check(59.9, "59.9 s");
        check(59.96, "1 min");
        check(90.0, "1 min 30 s");
        check(3_600.0, "1 h");
        check(3_659.0, "1 h");
        check(273_600.0, "3 d 4 h");
    }
}
