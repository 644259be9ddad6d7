//! The result of a comparison as tables and as JSON.
//!
//! Invariant: both have the same numbers; what is unexplained is listed whole.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::paint::{Paint, Style};
use crate::cli::summary::grouped;
use crate::cli::table::{Alignment, Table, visible};
use crate::compare::{Class, Comparison, FamilyResult, Reason, SeriesResult, Sums};

/// Beginning of the names of all families, which the tables leave out.
const PREFIX: &str = "django_http_";

/// A result and its circumstances.
pub(super) struct Shown<'c> {
    pub(super) comparison: &'c Comparison,
    pub(super) django: String,
    pub(super) ours: String,
    /// Every series that differs is listed.
    pub(super) lists_series: bool,
}

/// Appends tables for people.
pub(super) fn push_tables(shown: &Shown<'_>, paint: Paint, out: &mut String) {
    let comparison = shown.comparison;
    let interval = if comparison.has_before {
        "since both were saved"
    } else {
        "since each began to count, which may not be at the same time: --django-before and --ours-before name an interval"
    };
    for (name, value) in [
        ("django-prometheus", &*shown.django),
        ("httplog-exporter", &*shown.ours),
        ("counts", interval),
    ] {
        let _ = writeln!(out, "{name:19}{}", visible(value));
    }
    out.push('\n');
    push_families(comparison, paint, out);
    push_classes(comparison, paint, out);
    if shown.lists_series {
        let is_listed = |series: &SeriesResult| !series.is_equal() || series.sums.is_some();
        push_series(
            "every series that differs",
            comparison,
            is_listed,
            paint,
            out,
        );
    } else {
        let is_listed = |series: &SeriesResult| !series.is_explained();
        push_series("unexplained", comparison, is_listed, paint, out);
    }
    let series = || comparison.families.iter().flat_map(|family| &family.series);
    let (all, unexplained) = (series().count(), comparison.unexplained());
    let equal = series().filter(|one| one.is_equal() && one.sums.is_none());
    let equal = equal.count();
    let explained = all - equal - series().filter(|one| !one.is_explained()).count();
    let style = if unexplained == 0 {
        Style::Good
    } else {
        Style::Bad
    };
    let verdict = format!(
        "{} series: {} equal, {} explained, {} unexplained",
        grouped(all as u64),
        grouped(equal as u64),
        grouped(explained as u64),
        grouped(unexplained as u64),
    );
    paint.push(style, &verdict, out);
    out.push('\n');
}

fn push_families(comparison: &Comparison, paint: Paint, out: &mut String) {
    let mut table = Table::new([
        ("FAMILY", Alignment::Left),
        ("SERIES", Alignment::Right),
        ("EQUAL", Alignment::Right),
        ("DJANGO", Alignment::Right),
        ("OURS", Alignment::Right),
        ("DIFFERENCES", Alignment::Left),
    ]);
    for family in &comparison.families {
        let name = short(family).to_owned();
        if !family.is_compared {
            let empty = String::new;
            let note = "not compared: the log lacks a field of it".to_owned();
            table.add(&[name, empty(), empty(), empty(), empty(), note]);
            continue;
        }
        let (theirs, ours) = family.totals();
        let equal = family.series.iter().filter(|series| series.is_equal());
        table.add(&[
            name,
            grouped(family.series.len() as u64),
            grouped(equal.count() as u64),
            signed(theirs, ""),
            signed(ours, ""),
            differences(family),
        ]);
    }
    table.push(paint, out);
    out.push('\n');
}

/// Appends the meanings of all classes that occur, with their remedies.
fn push_classes(comparison: &Comparison, paint: Paint, out: &mut String) {
    for class in comparison.classes().into_keys() {
        paint.push(Style::Heading, &format!("{:12}", class.name()), out);
        *out += class.meaning();
        out.push('\n');
        if let Some(remedy) = class.remedy() {
            let _ = writeln!(out, "{:12}{remedy}", "");
        }
    }
    if !comparison.classes().is_empty() {
        out.push('\n');
    }
}

fn push_series(
    heading: &str,
    comparison: &Comparison,
    is_listed: impl Fn(&SeriesResult) -> bool,
    paint: Paint,
    out: &mut String,
) {
    let mut table = Table::new([
        ("FAMILY", Alignment::Left),
        ("LABELS", Alignment::Left),
        ("DJANGO", Alignment::Right),
        ("OURS", Alignment::Right),
        ("DIFFERENCE", Alignment::Right),
        ("REASONS", Alignment::Left),
    ]);
    let mut is_empty = true;
    for family in &comparison.families {
        for series in family.series.iter().filter(|series| is_listed(series)) {
            is_empty = false;
            let labels = family.labels.iter().zip(&series.labels);
            let labels: Vec<String> = labels
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            table.add(&[
                short(family).to_owned(),
                labels.join(" "),
                signed(series.theirs, ""),
                signed(series.ours, ""),
                signed(series.ours - series.theirs, "+"),
                reasons(series),
            ]);
        }
    }
    if !is_empty {
        paint.push(Style::Heading, &format!("{heading}:"), out);
        out.push('\n');
        table.push(paint, out);
        out.push('\n');
    }
}

/// Returns the classes of a family's differences, and what is unexplained.
fn differences(family: &FamilyResult) -> String {
    let classes = family.classes().into_iter();
    let mut parts: Vec<String> = classes
        .map(|(class, count)| format!("{} {}", class.name(), grouped(count)))
        .collect();
    let unexplained = family.series.iter().filter(|series| !series.is_explained());
    let unexplained = unexplained.count();
    if unexplained > 0 {
        parts.push(format!("unexplained in {}", grouped(unexplained as u64)));
    }
    parts.join(", ")
}

fn reasons(series: &SeriesResult) -> String {
    let mut parts: Vec<String> = series
        .reasons
        .iter()
        .map(|Reason { class, count }| format!("{} {}", class.name(), signed(*count, "+")))
        .collect();
    if series.renamed > 0 {
        parts.push(format!("method {}", signed(series.renamed, "")));
    }
    if series.unexplained != 0 {
        parts.push(format!("unexplained {}", signed(series.unexplained, "+")));
    }
    if let Some(Sums {
        theirs,
        ours,
        class,
    }) = series.sums
    {
        let class = class.map_or("unexplained", |class| class.name());
        parts.push(format!("{class}: sum {theirs:.3} and {ours:.3}"));
    }
    parts.join(", ")
}

fn short(family: &FamilyResult) -> &'static str {
    family.name.strip_prefix(PREFIX).unwrap_or(family.name)
}

/// Returns a number in groups of three digits, with its sign; `plus` stands before one above 0.
fn signed(number: i64, plus: &str) -> String {
    let sign = match number {
        ..0 => "-",
        0 => "",
        1.. => plus,
    };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

/// Appends the result as JSON.
pub(super) fn push_json(shown: &Shown<'_>, out: &mut String) {
    let comparison = shown.comparison;
    let classes = comparison.classes().into_iter().map(|(class, families)| {
        json!({
            "name": class.name(),
            "meaning": class.meaning(),
            "remedy": class.remedy(),
            "families": families,
        })
    });
    let document = json!({
        "django": shown.django,
        "ours": shown.ours,
        "has_before": comparison.has_before,
        "is_one_process": comparison.is_one_process,
        "unexplained": comparison.unexplained(),
        "classes": classes.collect::<Vec<_>>(),
        "families": comparison.families.iter().map(family_json).collect::<Vec<_>>(),
    });
    let _ = writeln!(out, "{document:#}");
}

fn family_json(family: &FamilyResult) -> Value {
    let series = family.series.iter().map(|series| {
        let labels = family.labels.iter().zip(&series.labels);
        let labels = labels.map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        let reasons = series.reasons.iter();
        let reasons =
            reasons.map(|Reason { class, count }| json!({ "class": class.name(), "count": count }));
        let sums = series.sums.map(
            |Sums {
                 theirs,
                 ours,
                 class,
             }| {
                json!({ "django": theirs, "ours": ours, "class": class.map(Class::name) })
            },
        );
        json!({
            "labels": Value::Object(labels.collect()),
            "django": series.theirs,
            "ours": series.ours,
            "reasons": reasons.collect::<Vec<_>>(),
            "unexplained": series.unexplained,
            "renamed": series.renamed,
            "sums": sums,
        })
    });
    json!({
        "name": family.name,
        "is_compared": family.is_compared,
        "series": series.collect::<Vec<_>>(),
    })
}
