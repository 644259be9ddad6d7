//! The series budget, what is kept, and the configuration.

use super::writer::Writer;

pub(super) fn write(to: &mut Writer<'_>) {
    let (status, words, numbers) = (to.status, to.words, to.numbers);
    to.section("limits", words.limits);
    to.html.raw("<dl class=\"facts\">");
    let (used, limit) = (
        numbers.whole(status.series.used),
        numbers.whole(status.series.limit),
    );
    let share = numbers.percent(status.series.used, status.series.limit);
    to.fact(
        words.series,
        &format!("{used} {} {limit} ({share})", words.series_of),
    );
    let state = status.state;
    let kept = match (state.is_kept, state.is_durable) {
        (false, _) => words.not_kept,
        (true, true) => words.durable,
        (true, false) => words.not_durable,
    };
    to.fact(words.kept, kept);
    if let Some(age) = state.age_seconds {
        let age = (words.ago)(numbers.age(age));
        let (commits, failures) = (numbers.whole(state.commits), numbers.whole(state.failures));
        let text = format!(
            "{age} ({commits} {}, {failures} {})",
            words.commits, words.failures
        );
        to.fact(words.last_commit, &text);
    }
    let configuration = &status.configuration;
    let file = configuration.file.as_deref().unwrap_or(words.command_line);
    to.fact(words.configuration, file);
    if let Some(loaded) = configuration.loaded {
        let ago = to.ago(loaded);
        to.fact(words.loaded, &ago);
    }
    if configuration.warnings.is_empty() {
        to.fact(words.warnings, words.none);
    }
    for warning in &configuration.warnings {
        to.fact(words.warnings, warning);
    }
    to.html.raw("</dl>");
    if !status.other.is_empty() {
        write_other(to);
    }
    to.html.raw("</section>\n");
}

fn write_other(to: &mut Writer<'_>) {
    let (status, words, numbers) = (to.status, to.words, to.numbers);
    to.html
        .raw("<h3 id=\"other\">")
        .text(words.other)
        .raw("</h3><p>")
        .text(words.other_text);
    to.html.raw("</p>");
    to.table(
        "other",
        &[
            (words.label, false),
            (words.requests, true),
            (words.reason, false),
        ],
    );
    for other in &status.other {
        to.html
            .raw("<tr><th scope=\"row\">")
            .text(&other.label)
            .raw("</th>");
        to.number_cell(&numbers.whole(other.requests));
        to.cell(match &*other.label {
            "method" => words.other_method,
            "status" => words.other_status,
            _ => words.other_route,
        });
        to.html.raw("</tr>");
    }
    to.end_table();
}
