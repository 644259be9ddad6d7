//! Resolves the name of a sample: to its family, and to the number that a line adds to it.
//!
//! Invariant: the numbers of the lines add up to the value of the sample.

use super::criteria::{Condition, LE};
use crate::aggregate::{Definition, Kind, Measure};
use crate::cli::exit::{Exit, Failure};
use crate::diag::{Fault, Report};
use crate::expose::push_exact;
use crate::model::Unit;

/// The number that a line contributes to what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    /// 1.
    One,
    /// 1 if it has a value, which is at most this bound, if there is one.
    Observation(Measure, Option<u64>),
    /// Its value.
    Value(Measure),
    /// 1 for each rejected line.
    Reject,
}

/// A sample's name, in its parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Bucket,
    Count,
    Sum,
}

impl Amount {
    /// Returns the unit of the sum.
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Value(measure) => measure.unit(),
            _ => Unit::One,
        }
    }
}

/// Returns the number of the family that a sample of this name belongs to, and which part of it the name stands for.
pub(super) fn find(name: &str, families: &[Definition]) -> Option<(usize, Part)> {
    let find = |name: &str| families.iter().position(|family| &*family.name == name);
    if let Some(number) = find(name) {
        return Some((number, Part::Whole));
    }
    let suffixes = [
        ("_bucket", Part::Bucket),
        ("_count", Part::Count),
        ("_sum", Part::Sum),
    ];
    suffixes.into_iter().find_map(|(suffix, part)| {
        let number = find(name.strip_suffix(suffix)?)?;
        let is_histogram = matches!(families[number].kind, Kind::Histogram(..));
        is_histogram.then_some((number, part))
    })
}

/// Returns whether a name is that of samples of a family.
pub(super) fn is_of(name: &str, family: &str) -> bool {
    let suffix = name.strip_prefix(family);
    suffix.is_some_and(|suffix| matches!(suffix, "" | "_bucket" | "_count" | "_sum"))
}

/// Returns what a line adds to samples of a family.
pub(super) fn amount(
    family: &Definition,
    part: Part,
    of_series: &[Condition],
) -> Result<Amount, Failure> {
    let le = of_series.iter().find(|condition| condition.name == LE);
    let refuse = |fault: Fault| {
        let mut report = Report::default();
        report.push(fault);
        Err(Failure::usage(report))
    };
    if let Some(le) = le.filter(|_| part != Part::Bucket) {
        let fault = Fault::error("only buckets have the label `le`").at(le.place.clone());
        return refuse(fault.help("the name of their samples ends in `_bucket`"));
    }
    Ok(match (&family.kind, part, le) {
        (Kind::Lines, ..) => Amount::One,
        (Kind::Rejected, ..) => Amount::Reject,
        (Kind::Sum(measure), ..) | (Kind::Histogram(measure, _), Part::Sum, _) => {
            Amount::Value(*measure)
        }
        (Kind::Histogram(measure, _), Part::Whole | Part::Count, _) => {
            Amount::Observation(*measure, None)
        }
        (Kind::Histogram(measure, bounds), Part::Bucket, Some(le)) => {
            let unit = measure.unit();
            let number = le.value.parse::<f64>().ok();
            let is_it = |bound: &&u64| number.is_some_and(|number| is_same(number, **bound, unit));
            match bounds.iter().find(is_it) {
                Some(bound) => Amount::Observation(*measure, Some(*bound)),
                None if le.value == "+Inf" => Amount::Observation(*measure, None),
                None => {
                    let message = format!("`{}` has no bucket `{}`", family.name, le.value);
                    let bounds = bounds.iter().map(|bound| shown(*bound, unit));
                    let bounds: Vec<String> = bounds.chain(["+Inf".to_owned()]).collect();
                    let help = format!("one of: {}", bounds.join(", "));
                    return refuse(Fault::error(message).at(le.place.clone()).help(help));
                }
            }
        }
        (Kind::Histogram(..), Part::Bucket, None) => {
            let message = format!("which bucket of `{}`?", family.name);
            let help = "add its label `le`, or end the name in `_count` for all lines";
            return Err(Failure::message(Exit::Usage, message).help(help));
        }
    })
}

/// Returns whether a bound is this number in its base unit.
#[expect(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a bound below 2^53 is exact, and its quotient the float nearest to its decimals"
)]
fn is_same(number: f64, bound: u64, unit: Unit) -> bool {
    match unit {
        Unit::Micros => number == bound as f64 / 1e6,
        Unit::One | Unit::Bytes => number == bound as f64,
    }
}

fn shown(value: u64, unit: Unit) -> String {
    let mut text = Vec::new();
    push_exact(value, unit, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
