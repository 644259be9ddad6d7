//! The routes, and the waits for a worker.

use super::figures::spark;
use super::writer::Writer;
use crate::status::{Quantiles, Route};

pub(super) fn write(to: &mut Writer<'_>) {
    let (status, words) = (to.status, to.words);
    to.section("routes", words.routes);
    if status.routes.is_empty() {
        to.html.raw("<p>").text(words.no_routes).raw("</p>");
    } else {
        to.html.raw("<p>").text(words.routes_text).raw("</p>");
        write_table(to);
    }
    if status.routes_omitted > 0 {
        let omitted = to.numbers.whole(status.routes_omitted);
        to.html
            .raw("<p>")
            .text(&omitted)
            .raw(" ")
            .text(words.more_routes)
            .raw("</p>");
    }
    to.html.raw("</section>\n");
    if !status.queues.is_empty() {
        write_queues(to);
    }
}

fn write_table(to: &mut Writer<'_>) {
    let (status, words) = (to.status, to.words);
    let has_sources = status
        .routes
        .iter()
        .any(|route| route.source != status.routes[0].source);
    let mut head = vec![(words.route, false)];
    if has_sources {
        head.push((words.source, false));
    }
    head.extend([
        (words.trend, false),
        (words.hour, true),
        (words.per_second, true),
        (words.errors, true),
        ("p50", true),
        ("p95", true),
        ("p99", true),
        (words.p95_trend, false),
        (words.details, false),
    ]);
    to.table("routes-heading", &head);
    for route in &status.routes {
        write_route(to, route, has_sources);
    }
    to.end_table();
}

fn write_route(to: &mut Writer<'_>, route: &Route, has_sources: bool) {
    let (words, numbers) = (to.words, to.numbers);
    let source = route.source.as_deref().unwrap_or_default();
    to.html
        .raw("<tr")
        .attribute("data-key", &[source, " ", &route.route])
        .raw("><th scope=\"row\">")
        .text(&route.route)
        .raw("</th>");
    if has_sources {
        to.cell(source);
    }
    to.html.raw("<td>");
    spark(
        &route.trend.requests,
        &route.trend.errors,
        "good",
        &mut to.html,
    );
    to.html.raw("</td>");
    to.number_cell(&numbers.whole(route.requests));
    let rate = route.requests_per_second.map(|rate| numbers.decimal(rate));
    to.number_cell(rate.as_deref().unwrap_or("–"));
    if route.errors > 0 {
        let (errors, share) = (
            numbers.whole(route.errors),
            numbers.percent(route.errors, route.requests),
        );
        to.html
            .raw("<td class=\"n bad\">")
            .text(&errors)
            .raw(" (")
            .text(&share)
            .raw(")</td>");
    } else {
        to.number_cell("0");
    }
    quantile_cells(to, route.durations.as_ref());
    to.html.raw("<td>");
    spark(&route.trend.p95_micros, &[], "time", &mut to.html);
    to.html.raw("</td><td>");
    to.details(&route.route);
    to.fact(words.counted, &numbers.whole(route.requests_total));
    let pastes = &route.pastes;
    if let Some(lines) = pastes.lines() {
        to.paste(words.lines, &lines);
    }
    if let Some(lines) = pastes.error_lines().filter(|_| route.errors > 0) {
        to.paste(words.error_lines, &lines);
    }
    to.paste(words.requests_query, &pastes.requests_query());
    to.paste(words.errors_query, &pastes.errors_query());
    if let Some(query) = pastes.p95_query() {
        to.paste(words.p95_query, &query);
    }
    to.end_details();
    to.html.raw("</td></tr>");
}

fn quantile_cells(to: &mut Writer<'_>, quantiles: Option<&Quantiles>) {
    let Some(Quantiles { p50, p95, p99 }) = quantiles else {
        to.html
            .raw("<td class=\"n\">–</td><td class=\"n\">–</td><td class=\"n\">–</td>");
        return;
    };
    for seconds in [p50, p95, p99] {
        let duration = to.numbers.duration(*seconds);
        to.number_cell(&duration);
    }
}

fn write_queues(to: &mut Writer<'_>) {
    let (status, words, numbers) = (to.status, to.words, to.numbers);
    to.section("queue", words.queue);
    to.html.raw("<p>").text(words.queue_text).raw("</p>");
    to.table(
        "queue-heading",
        &[
            (words.source, false),
            (words.requests, true),
            ("p50", true),
            ("p95", true),
            ("p99", true),
            (words.busy, true),
            (words.details, false),
        ],
    );
    for queue in &status.queues {
        to.html
            .raw("<tr><th scope=\"row\">")
            .text(&queue.source)
            .raw("</th>");
        to.number_cell(&numbers.whole(queue.requests));
        quantile_cells(to, queue.waits.as_ref());
        let busy = queue.busy.map(|busy| numbers.decimal(busy));
        to.number_cell(busy.as_deref().unwrap_or("–"));
        to.html.raw("<td>");
        to.details(&queue.source);
        to.paste(words.p95_query, &[&queue.query]);
        to.end_details();
        to.html.raw("</td></tr>");
    }
    to.end_table();
    to.html.raw("</section>\n");
}
