//! Resolves the criteria for one format: to the labels of a family, to numbers, and to fields.
//!
//! Invariant: a criterion that the lines of a format cannot be tested by is never ignored: it is an error, or no line of
//! the format is selected.

use std::sync::Arc;

use super::criteria::{Condition, Criteria, LE, Test};
use super::output::Form;
use super::sample::{Amount, Part, amount, find};
use super::test::{NumberTest, TextTest};
use crate::aggregate::{Definition, Kind, Measure};
use crate::cli::exit::{Exit, Failure};
use crate::diag::{Fault, Report};
use crate::label::{Charset, HttpVersion, Label, Method, OTHER, Origin, Scheme};
use crate::model::{Field, FieldSet};
use crate::pipeline::Pipeline;

/// The selection among the lines of a format.
#[derive(Debug)]
pub(super) struct Target<'c> {
    /// The family whose label values are tested, by its number in the shard; `None` if any recorded line will do.
    pub(super) family: Option<FamilyTarget<'c>>,
    pub(super) amount: Amount,
    /// Comparisons, each of the measure that the lines have.
    pub(super) numbers: Vec<(Measure, NumberTest)>,
    pub(super) texts: Vec<(Field, &'c TextTest)>,
}

/// A family, and tests of its label values.
#[derive(Debug)]
pub(super) struct FamilyTarget<'c> {
    pub(super) number: usize,
    pub(super) labels: Vec<Label>,
    /// The place of a label among the values, its test and the value as it was given.
    pub(super) tests: Vec<(usize, &'c Condition)>,
}

/// The result for one format.
pub(super) enum Resolved<'c> {
    Target(Target<'c>),
    /// No line of the format can be selected.
    Absent(Absence),
}

/// The reason why no line of a format can be selected.
#[derive(Debug)]
pub(super) struct Absence {
    pub(super) reason: String,
    /// The remedy; `None` if it is the name of another family.
    pub(super) help: Option<String>,
}

impl<'c> Resolved<'c> {
    /// Resolves a series and conditions for the lines of a pipeline, which have these fields.
    pub(super) fn new(
        criteria: &'c Criteria,
        form: &Form,
        pipeline: &Pipeline,
        available: FieldSet,
        sources: &[String],
    ) -> Result<Self, Failure> {
        let (series, conditions) = (criteria.series.as_ref(), &*criteria.conditions);
        let all = pipeline.families();
        let of_series = series.map_or(&[][..], |series| &series.conditions);
        let name = series.and_then(|series| series.name.as_ref());
        let (found, part) = match name {
            Some((name, _)) => {
                let Some((number, part)) = find(name, all) else {
                    let reason = format!("these lines count in no `{name}`");
                    return Ok(Self::Absent(Absence { reason, help: None }));
                };
                (Some(number), part)
            }
            None => (choose(all, of_series, conditions, form)?, Part::Whole),
        };
        let definition = found.and_then(|number| all.get(number));
        let lacks = |name: &&str| definition.is_none_or(|it| !has_label(it, name));
        if let Some((name, definition)) = form.labels().find(lacks).zip(definition) {
            let message = format!("`{}` has no label `{name}`", definition.name);
            let help = "leave it out of --fields";
            return Err(Failure::message(Exit::Usage, message).help(help));
        }
        let mut target = Target {
            family: found.map(|number| FamilyTarget {
                number,
                labels: definition.map_or_else(Vec::new, |family| family.labels.clone()),
                tests: Vec::new(),
            }),
            amount: Amount::One,
            numbers: Vec::new(),
            texts: Vec::new(),
        };
        if let Some((family, _)) = definition.zip(name) {
            target.amount = amount(family, part, of_series)?;
        }
        let is_source = |it: &&Condition| it.name == Label::Source.name();
        let of_source = of_series.iter().chain(conditions).filter(is_source);
        let of_source: Vec<&Condition> = of_source.collect();
        if let Some(absence) = Absence::of_source(&of_source, pipeline.source(), sources) {
            return Ok(Self::Absent(absence));
        }
        let mut report = Report::default();
        for condition in of_series.iter().filter(|it| it.name != LE) {
            if let Err(fault) = target.add_label(condition, definition) {
                report.push(fault);
            }
        }
        for condition in conditions {
            match (&condition.test, &*condition.name) {
                (Test::Number(test), _) => {
                    let Some(measure) = test.quantity.measure(available) else {
                        return Ok(Self::Absent(Absence::lack(&condition.name)));
                    };
                    target.numbers.push((measure, *test));
                }
                (_, name) if definition.is_some_and(|it| has_label(it, name)) => {
                    if let Err(fault) = target.add_label(condition, definition) {
                        report.push(fault);
                    }
                }
                (Test::Text(test), _) => match Field::from_name(&condition.name) {
                    Some(field) if available.contains(field) => target.texts.push((field, test)),
                    _ => return Ok(Self::Absent(Absence::lack(&condition.name))),
                },
            }
        }
        if report.has_errors() {
            return Err(Failure::usage(report));
        }
        if target.amount == Amount::Reject && !conditions.is_empty() {
            let message = "rejected lines have no labels and no fields to select them by";
            return Err(Failure::message(Exit::Usage, message).help("leave out --where"));
        }
        Ok(Self::Target(target))
    }
}

impl<'c> Target<'c> {
    /// Adds a test of a label value of the family.
    fn add_label(
        &mut self,
        condition: &'c Condition,
        definition: Option<&Definition>,
    ) -> Result<(), Fault> {
        let Some((definition, family)) = definition.zip(self.family.as_mut()) else {
            return Ok(());
        };
        let labels = &definition.labels;
        let is_it = |label: &Label| label.name() == condition.name;
        let Some(at) = labels.iter().position(is_it) else {
            let message = format!("`{}` has no label `{}`", definition.name, condition.name);
            let names = labels.iter().map(Label::name);
            let fault = Fault::error(message).at(condition.place.clone());
            return Err(fault.suggest(&condition.name, names));
        };
        check_value(condition, &labels[at], definition)?;
        // The source was tested by all of its names.
        if labels[at] != Label::Source {
            family.tests.push((at, condition));
        }
        Ok(())
    }
}

/// Returns whether a text passes the test of a condition on a label.
pub(super) fn passes(condition: &Condition, value: &str) -> bool {
    match &condition.test {
        Test::Text(test) => test.passes(value.as_bytes()),
        Test::Number(_) => true,
    }
}

impl Absence {
    fn lack(name: &str) -> Self {
        Self {
            reason: format!("these lines have no `{name}`"),
            help: Some("leave the condition out, or let the server log it".to_owned()),
        }
    }

    /// Returns the absence of a source, unless the source of these lines, by one of its names, meets all conditions.
    fn of_source(conditions: &[&Condition], name: &str, sources: &[String]) -> Option<Self> {
        let mut names = sources.iter().map(String::as_str).chain([name]);
        let fails = |condition: &&&Condition| match &condition.test {
            Test::Text(test) if test.is_negated() => {
                !names.clone().all(|name| passes(condition, name))
            }
            _ => !names.clone().any(|name| passes(condition, name)),
        };
        let failed = conditions.iter().find(fails)?;
        let others: Vec<String> = names.by_ref().map(|name| format!("`{name}`")).collect();
        Some(Self {
            reason: format!(
                "no `source` is `{}`: that of these lines is {}",
                failed.value,
                others.join(" or ")
            ),
            help: Some(
                "leave `source` out, or give the configuration of that source with --config"
                    .to_owned(),
            ),
        })
    }
}

/// Returns the first family that has all labels of the conditions, one that counts all lines if there is one; `None` if no
/// condition is on a label and none is shown.
fn choose(
    families: &[Definition],
    of_series: &[Condition],
    conditions: &[Condition],
    form: &Form,
) -> Result<Option<usize>, Failure> {
    let counted = |family: &&Definition| family.kind != Kind::Rejected;
    let is_known = |name: &str| {
        let mut families = families.iter().filter(counted);
        families.any(|it| has_label(it, name))
    };
    let mut labels: Vec<&str> = form.labels().collect();
    for condition in of_series.iter().chain(conditions) {
        let name = &*condition.name;
        let is_other =
            || Field::from_name(name).is_some() || matches!(condition.test, Test::Number(_));
        if name != LE && (is_known(name) || !is_other()) {
            labels.push(name);
        }
    }
    if let Some(le) = of_series.iter().find(|condition| condition.name == LE) {
        let fault = Fault::error("`le` without the name of its samples").at(le.place.clone());
        let help = "give the name, which ends in `_bucket`, or leave `le` out";
        let mut report = Report::default();
        report.push(fault.help(help));
        return Err(Failure::usage(report));
    }
    if labels.is_empty() {
        let is_whole = |it: &Definition| it.kind != Kind::Rejected && it.when.is_empty();
        let any = families.iter().position(is_whole);
        return Ok(any.filter(|_| matches!(form, Form::Json)));
    }
    let has_all = |family: &Definition| {
        family.kind != Kind::Rejected && labels.iter().all(|name| has_label(family, name))
    };
    let whole = families
        .iter()
        .position(|it| it.when.is_empty() && has_all(it));
    let found = whole.or_else(|| families.iter().position(has_all));
    if found.is_none() {
        let names: Vec<String> = labels.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "no metric of these logs has {}",
            match &*names {
                [one] => format!("the label {one}"),
                all => format!("the labels {} together", all.join(", ")),
            }
        );
        let mut known: Vec<&str> = Vec::new();
        for label in families.iter().filter(counted).flat_map(|it| &it.labels) {
            if !known.contains(&label.name()) {
                known.push(label.name());
            }
        }
        let help = format!(
            "they have {}; a configuration (--config) may add others",
            known.join(", ")
        );
        return Err(Failure::message(Exit::Usage, message).help(help));
    }
    Ok(found)
}

fn has_label(family: &Definition, name: &str) -> bool {
    family.labels.iter().any(|label| label.name() == name)
}

/// Reports a condition that no value of its label meets, if all values are known.
fn check_value(condition: &Condition, label: &Label, family: &Definition) -> Result<(), Fault> {
    let Test::Text(test) = &condition.test else {
        return Ok(());
    };
    let mut values: Vec<Arc<str>> = vec![OTHER.into(), family.other_value(label)];
    match label {
        Label::Method | Label::HttpRequestMethod => {
            values.extend(Method::ALL.map(Method::text));
        }
        Label::NetworkProtocolVersion => {
            let versions = HttpVersion::ALL.into_iter().filter_map(HttpVersion::name);
            values.extend(versions.map(Into::into));
        }
        Label::Scheme | Label::Transport | Label::UrlScheme => {
            values.extend(
                Scheme::ALL
                    .into_iter()
                    .filter_map(Scheme::name)
                    .map(Into::into),
            );
        }
        Label::Upstream => values.extend(["yes".into(), "no".into()]),
        Label::Charset => values.extend(Charset::NAMES.map(Into::into)),
        Label::ErrorType => values.extend((500..=599).map(crate::label::status_text)),
        Label::Status | Label::HttpResponseStatusCode => {
            values.extend((100..=599).map(crate::label::status_text));
        }
        Label::Own(own) => match &own.origin {
            Origin::Constant(value) => values.push(Arc::clone(value)),
            Origin::Read { vocabulary, .. } => values.extend(vocabulary.values().iter().cloned()),
        },
        Label::Host | Label::HttpRoute | Label::Route | Label::Source | Label::View => {
            return Ok(());
        }
    }
    if test.is_negated() || values.iter().any(|value| test.passes(value.as_bytes())) {
        return Ok(());
    }
    let fault = Fault::error(format!("no `{}` is `{}`", label.name(), condition.value));
    let fault = fault.at(condition.place.clone());
    Err(if *label == Label::Status {
        fault.help("statuses are 100 to 599, and `<other>`; `5..` are those from 500 to 599")
    } else {
        fault.suggest(&condition.value, values.iter().map(|value| &**value))
    })
}
