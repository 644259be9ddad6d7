//! The sources, and how far they are read.

use super::writer::Writer;
use crate::status::{Source, SourceState};

pub(super) fn write(to: &mut Writer<'_>) {
    let words = to.words;
    to.section("sources", words.sources);
    to.table(
        "sources-heading",
        &[
            (words.source, false),
            (words.state, false),
            (words.per_second, true),
            (words.lag, true),
            (words.last_line, true),
            (words.recorded, true),
            (words.rejected, true),
            (words.details, false),
        ],
    );
    let status = to.status;
    for source in &status.sources {
        write_source(to, source);
    }
    to.end_table();
    to.html.raw("</section>\n");
}

fn write_source(to: &mut Writer<'_>, source: &Source) {
    let (words, numbers) = (to.words, to.numbers);
    let class = match source.state {
        SourceState::Open => "notice",
        SourceState::Waiting | SourceState::Untried => "warning",
        SourceState::Failing => "error",
    };
    to.html
        .raw("<tr")
        .attribute("data-key", &[&source.name])
        .raw("><th scope=\"row\">")
        .text(&source.name)
        .raw("</th><td><span class=\"state ")
        .raw(class)
        .raw("\">");
    to.html
        .text(words.source_state(source.state))
        .raw("</span></td>");
    let rate = source.lines_per_second.map(|rate| numbers.decimal(rate));
    to.number_cell(rate.as_deref().unwrap_or("–"));
    let lag = if source.lag_bytes == 0 {
        "0".to_owned()
    } else {
        let (lag, bytes) = (
            numbers.duration(source.lag_seconds),
            numbers.bytes(source.lag_bytes),
        );
        format!("{lag}, {bytes}")
    };
    to.number_cell(&lag);
    let last = source.last_line.map(|last| to.ago(last));
    to.number_cell(last.as_deref().unwrap_or(words.never));
    to.number_cell(&numbers.whole(source.lines.recorded));
    to.number_cell(&numbers.whole(source.lines.rejected));
    to.html.raw("<td>");
    to.details(&source.name);
    if let Some(reason) = &source.reason {
        to.fact(words.reason, reason);
    }
    to.fact(words.input, &source.input.join("  "));
    to.fact(words.pattern, &source.pattern);
    if !source.behind.is_empty() {
        to.fact(words.behind, &source.behind.join("  "));
    }
    let reasons = [
        (words.rejected, &source.rejected),
        (words.gaps, &source.gaps),
    ];
    for (name, counts) in reasons {
        for (reason, count) in counts {
            let count = numbers.whole(*count);
            to.fact(name, &format!("{reason}: {count}"));
        }
    }
    if source.lines.skipped > 0 {
        to.fact(words.skipped, &numbers.whole(source.lines.skipped));
    }
    if let Some(explain) = &source.explain {
        to.paste(words.explain, &[explain]);
    }
    to.paste(words.query, &[&source.query]);
    to.end_details();
    to.html.raw("</td></tr>");
}
