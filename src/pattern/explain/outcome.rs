//! The explanation of one line.

use std::ops::Range;

use crate::model::Field;

/// The result of applying a pattern to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Name of the pattern.
    pub pattern: String,
    /// The values read, or the place where the pattern stops.
    pub outcome: Outcome,
}

/// The values of a line, or the reason why it is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The line is read; values are sorted as they stand in it.
    Read(Vec<Value>),
    /// The pattern stops inside the line.
    Stopped(Box<Stop>),
}

/// A value of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Name as the format writes it, or the name of the group; may be empty.
    pub name: String,
    /// Bytes of the line, if the value is one contiguous piece of it.
    pub span: Option<Range<usize>>,
    /// The field that the value is read into.
    pub field: Option<Field>,
    /// The field's value as [`Record::show`](crate::model::Record::show) writes it; `None` if it is
    /// missing.
    pub shown: Option<String>,
    /// Meaning of the value, for people.
    pub meaning: &'static str,
}

/// The place where a pattern stops, and the likely cause. Only [`Stop::span`] depends on the line's
/// own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Bytes of the line; empty at its end.
    pub span: Range<usize>,
    /// Name of the last value read, as the format writes it.
    pub after: Option<String>,
    /// Description of the text expected here.
    pub expected: String,
    /// The likely cause.
    pub diagnosis: Diagnosis,
    /// The preset that reads the line or gets furthest, unless it is the pattern itself.
    pub nearest: Option<Nearest>,
}

/// A preset and how far it reads a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// Name of the preset.
    pub name: String,
    /// True if the preset reads the line.
    pub reads: bool,
    /// Byte of the line at which the preset stops.
    pub at: usize,
}

/// A likely cause and its remedy. Neither text quotes the line, so both may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Category of the cause.
    pub cause: Cause,
    /// The cause in words; lower case, no full stop.
    pub reason: String,
    /// The recommended change.
    pub remedy: String,
}

/// Categories of lines that a pattern does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The line is empty or blank.
    Empty,
    /// The line is longer than the limit.
    Overlong,
    /// The line can be read in two ways.
    Ambiguous,
    /// A number does not fit in 64 bits.
    Number,
    /// The line is not text.
    Binary,
    /// The line has the wrapper of a container's runtime, or a part of it.
    Container,
    /// The line is JSON, and the pattern reads text.
    Json,
    /// The line is LTSV, and the pattern reads text.
    Ltsv,
    /// The line is from a log other than an access log.
    OtherLog,
    /// The time is in another format.
    TimeFormat,
    /// The duration is in another unit.
    Unit,
    /// A required number is `-`.
    Dash,
    /// A required value is missing.
    Nothing,
    /// A field of LTSV has no label.
    Label,
    /// The pattern skips the line by rule.
    Skipped,
    /// An escape that the format does not have.
    Escape,
    /// An upstream list lacks its quotes, or replaces a single number.
    List,
    /// A preset reads the line.
    Preset,
    /// A prefix precedes the part that the pattern reads.
    Before,
    /// A quote inside a quoted value is not escaped.
    RawQuote,
    /// A closing quote is missing.
    Unclosed,
    /// The line has more fields than the format.
    More,
    /// The line has fewer fields than the format.
    Fewer,
    /// The line contains terminal colours or a carriage return.
    Stray,
    /// None of the other causes applies.
    Unknown,
}

impl Diagnosis {
    pub(super) fn new(cause: Cause, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause,
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

impl Stop {
    /// Shifts the span by the length of a header that was cut off.
    pub(super) fn shifted(mut self, header: usize) -> Self {
        self.span = self.span.start + header..self.span.end + header;
        self
    }
}
