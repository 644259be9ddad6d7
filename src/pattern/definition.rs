//! A pattern as people write it in TOML: `[pattern.NAME]`, in a configuration or a file of its own.
//!
//! Invariant: a definition that compiles has had its own examples run.

use std::fmt::Write as _;

use super::{Complaint, Dialect, Explainer, Outcome, Pattern, advice};
use crate::diag::{Fault, Place, Report, Section, Severity, Spot};
use crate::model::Field;

/// A pattern and the lines that show what it does.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Compiled.
    pub pattern: Pattern,
    /// The notation of `source`.
    pub dialect: Dialect,
    /// The format string.
    pub source: String,
    /// One sentence.
    pub description: String,
    /// Lines and what must be read from them.
    pub examples: Vec<Example>,
}

/// A line and what must be read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// As it stands in the log.
    pub line: String,
    /// Field names and values; `duration` with its unit, as in `12ms`.
    pub record: Vec<(Field, String)>,
}

impl Definition {
    /// Reads, compiles and tries one definition. `None` when it has an error.
    pub fn read(
        name: &Spot<String>,
        mut section: Section<'_>,
        report: &mut Report,
    ) -> Option<Self> {
        let description = section
            .string("description", report)
            .map_or_else(String::new, |text| text.value);
        let mut sources: Vec<(Dialect, Spot<String>)> = Vec::new();
        let mut given = 0;
        for dialect in Dialect::ALL {
            given += usize::from(section.contains(dialect.key()));
            sources.extend(
                section
                    .string(dialect.key(), report)
                    .map(|source| (dialect, source)),
            );
        }
        let examples = section
            .sections("example", report)
            .into_iter()
            .filter_map(|example| read_example(example, report))
            .collect::<Vec<_>>();
        section.finish(report);
        if given != 1 {
            let keys = Dialect::ALL
                .map(|dialect| format!("`{}`", dialect.key()))
                .join(", ");
            report.push(
                Fault::error(format!("pattern `{}` has {given} formats", name.value))
                    .at(name.place.clone())
                    .help(format!("give it exactly one of {keys}")),
            );
            return None;
        }
        let (dialect, source) = sources.pop()?;
        let pattern = match Pattern::compile(&name.value, dialect, &source.value) {
            Ok(pattern) => pattern,
            Err(complaint) => {
                report.push(fault(&complaint, dialect, &source));
                return None;
            }
        };
        let remarks = advice(&pattern, &source.value).into_iter();
        report.extend(remarks.map(|remark| Fault {
            severity: Severity::Warning,
            ..fault(&remark, dialect, &source)
        }));
        for (example, place) in &examples {
            try_example(&pattern, example, place, report);
        }
        Some(Self {
            pattern,
            dialect,
            source: source.value,
            description,
            examples: examples.into_iter().map(|(example, _)| example).collect(),
        })
    }
}

/// Points into the format string inside the TOML text.
fn fault(complaint: &Complaint, dialect: Dialect, source: &Spot<String>) -> Fault {
    let place = &source.place;
    let written = place
        .text
        .content
        .get(place.span.clone())
        .unwrap_or_default();
    // Only where nothing is escaped do the two texts run in step.
    let span = match written.find(source.value.as_str()) {
        Some(quote) if !source.value.is_empty() => {
            let base = place.span.start + quote;
            base + complaint.span.start..base + complaint.span.end
        }
        _ => place.span.clone(),
    };
    let mut fault =
        Fault::error(format!("{} format: {}", dialect.key(), complaint.message)).at(Place {
            span,
            ..place.clone()
        });
    fault.help.clone_from(&complaint.help);
    fault
}

fn read_example(mut section: Section<'_>, report: &mut Report) -> Option<(Example, Place)> {
    let line = section.string("line", report);
    let mut record = Vec::new();
    for (name, value) in section.scalars("record", report) {
        match Field::from_name(&name.value) {
            Some(field) => record.push((field, value.value)),
            None => report.push(
                Fault::error(format!("`{}` is no field", name.value))
                    .at(name.place)
                    .suggest(&name.value, Field::ALL.map(Field::name)),
            ),
        }
    }
    let place = section.place();
    section.finish(report);
    let Some(line) = line else {
        report.push(Fault::error("an example without a `line`").at(place));
        return None;
    };
    Some((
        Example {
            line: line.value,
            record,
        },
        line.place,
    ))
}

/// Runs an example; what differs goes to the report.
fn try_example(pattern: &Pattern, example: &Example, place: &Place, report: &mut Report) {
    let mut scratch = pattern.scratch();
    let record = match pattern.parse(&mut scratch, example.line.as_bytes()) {
        Ok(record) => record,
        Err(reject) => {
            let message = format!(
                "pattern `{}` does not read its own example ({})",
                pattern.name(),
                reject.name()
            );
            let explainer = Explainer::alone(pattern.clone());
            let explanation = explainer.explain(pattern.name(), example.line.as_bytes());
            let mut fault = Fault::error(message).at(place.clone());
            if let Some(Outcome::Stopped(stop)) = explanation.map(|found| found.outcome) {
                let at = stop.span.start + 1;
                fault = fault.help(format!(
                    "at byte {at} of the line, {} is expected\nlikely cause: {}; {}",
                    stop.expected, stop.because, stop.remedy
                ));
            }
            report.push(fault);
            return;
        }
    };
    let mut differences = String::new();
    for (field, expected) in &example.record {
        let found = record.show(*field);
        if found.as_ref() != Some(expected) {
            let found = found.map_or("nothing".to_owned(), |found| format!("`{found}`"));
            let _ = writeln!(
                differences,
                "{}: expected `{expected}`, read {found}",
                field.name()
            );
        }
    }
    if !differences.is_empty() {
        report.push(
            Fault::error(format!(
                "pattern `{}` reads its own example differently",
                pattern.name()
            ))
            .at(place.clone())
            .help(differences.trim_end().to_owned()),
        );
    }
}
