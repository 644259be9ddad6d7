//! The requests of the last hour by class of status.

use super::figures::{STACK_COLUMNS, stack};
use super::numbers::Numbers;
use super::writer::Writer;
use crate::status::{StatusClass, Traffic};

/// Rows of the table.
const ROWS: usize = 12;

pub(super) fn write(to: &mut Writer<'_>) {
    let (status, words) = (to.status, to.words);
    let traffic = &status.traffic;
    to.section("traffic", words.traffic);
    to.html.raw("<p>").text(words.traffic_text).raw("</p>");
    let shown: Vec<&StatusClass> = (traffic.classes.iter())
        .filter(|class| class.requests.iter().any(|requests| *requests > 0))
        .collect();
    if traffic.family.is_none() {
        to.html.raw("<p>").text(words.no_family).raw("</p>");
    } else if shown.is_empty() {
        to.html.raw("<p>").text(words.no_traffic).raw("</p>");
    } else {
        write_chart(to, traffic);
        write_table(to, traffic, &shown);
    }
    if let Some(query) = &traffic.query {
        to.html.raw("<dl>");
        to.paste(words.query, &[query]);
        to.html.raw("</dl>");
    }
    to.html.raw("</section>\n");
}

fn write_chart(to: &mut Writer<'_>, traffic: &Traffic) {
    let points = traffic
        .classes
        .first()
        .map_or(0, |class| class.requests.len());
    let step = points.div_ceil(STACK_COLUMNS).max(1);
    let classes = traffic.classes.iter();
    let lists: Vec<Vec<u64>> = classes.map(|class| sums(&class.requests, step)).collect();
    to.html.raw("<figure>");
    stack(&lists, &mut to.html);
    to.html.raw("<figcaption><p class=\"axis\"><span>");
    write_axis(to, traffic, points);
    to.html.raw("</span></p><ul class=\"legend\">");
    for (at, class) in traffic.classes.iter().enumerate() {
        let sum: u64 = class
            .requests
            .iter()
            .map(|requests| u64::from(*requests))
            .sum();
        if sum > 0 {
            let sum = to.numbers.whole(sum);
            to.html
                .raw("<li><span class=\"key c")
                .number(at as u64)
                .raw("\"></span> ");
            to.html.text(&class.class).raw(" ").text(&sum).raw("</li>");
        }
    }
    to.html.raw("</ul></figcaption></figure>");
}

/// Appends from when until when the chart is, and the highest rate in it.
fn write_axis(to: &mut Writer<'_>, traffic: &Traffic, points: usize) {
    let (words, numbers) = (to.words, to.numbers);
    let until = traffic.until.unwrap_or_default();
    let from = until - seconds(traffic, points);
    let sum = |at: usize| {
        let classes = traffic.classes.iter();
        classes
            .map(|class| f64::from(class.requests[at]))
            .sum::<f64>()
    };
    let highest = (0..points).map(sum).fold(0.0, f64::max) / seconds(traffic, 1);
    to.html
        .text(&Numbers::minute_of_day(from))
        .raw("</span><span>")
        .text(words.highest)
        .raw(" ")
        .text(&numbers.decimal(highest))
        .raw("/s</span><span>")
        .text(&Numbers::minute_of_day(until))
        .raw(" UTC");
}

/// Returns the time that so many points take, in seconds.
#[expect(clippy::cast_precision_loss, reason = "at most an hour")]
fn seconds(traffic: &Traffic, points: usize) -> f64 {
    (points as u64 * traffic.interval_seconds) as f64
}

fn write_table(to: &mut Writer<'_>, traffic: &Traffic, shown: &[&StatusClass]) {
    let (words, numbers) = (to.words, to.numbers);
    to.html
        .raw("<details><summary id=\"traffic-numbers\">")
        .text(words.numbers)
        .raw("</summary>");
    let classes = shown.iter().map(|class| (&*class.class, true));
    let head: Vec<_> = std::iter::once((words.from, false))
        .chain(classes)
        .chain([(words.total, true)])
        .collect();
    to.table("traffic-numbers", &head);
    let points = shown.first().map_or(0, |class| class.requests.len());
    let step = points.div_ceil(ROWS).max(1);
    let parts: Vec<Vec<u64>> = shown
        .iter()
        .map(|class| sums(&class.requests, step))
        .collect();
    let rows = points.div_ceil(step);
    for row in 0..rows {
        let until = traffic.until.unwrap_or_default();
        // The first part may be shorter, so that the last one is whole.
        let later = (rows - row) * step;
        let from = until - seconds(traffic, later.min(points));
        to.html
            .raw("<tr><th scope=\"row\">")
            .text(&Numbers::minute_of_day(from))
            .raw("</th>");
        for part in &parts {
            to.number_cell(&numbers.whole(part[row]));
        }
        let total = parts.iter().map(|part| part[row]).sum();
        to.number_cell(&numbers.whole(total));
        to.html.raw("</tr>");
    }
    to.end_table();
    to.html.raw("</details>");
}

/// Returns the sums of parts of `step` points. The first part may be shorter.
fn sums(points: &[u32], step: usize) -> Vec<u64> {
    let parts = points.rchunks(step).rev();
    parts
        .map(|part| part.iter().map(|count| u64::from(*count)).sum())
        .collect()
}
