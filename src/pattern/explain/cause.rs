//! The likely cause of a line that is not read, and its remedy.
//!
//! Invariant: there is always a cause and a remedy; neither holds a word of the line, so that both
//! may be shown where log text may not.

use std::ops::Range;

use super::super::{Dialect, Reject};
use super::outline::Kind;
use super::{Reader, foreign, misfit};

/// Why a line is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing stands in it.
    Empty,
    /// It is longer than a line may be.
    Overlong,
    /// A number does not fit.
    Number,
    /// It is no text.
    Binary,
    /// It is JSON, and the pattern reads text.
    Json,
    /// It is LTSV, and the pattern reads text.
    Ltsv,
    /// A syslog header stands before it.
    Syslog,
    /// Another program wrote it.
    OtherLog,
    /// Its time is written in another format.
    TimeFormat,
    /// Its duration is in another unit.
    Unit,
    /// It has `-` where a number is required.
    Dash,
    /// An upstream list stands without quotes, or where one number is expected.
    List,
    /// A preset reads it.
    Preset,
    /// Something stands before the part that the pattern reads.
    Before,
    /// A quote inside a quoted value is not escaped.
    RawQuote,
    /// A closing quote is missing.
    Unclosed,
    /// It has more at its end than the format.
    More,
    /// It has less than the format.
    Fewer,
    /// Terminal colours or a carriage return are in it.
    Stray,
    /// Something else.
    Unknown,
}

/// A cause in words.
pub(super) struct Diagnosis {
    pub(super) cause: Cause,
    pub(super) because: String,
    pub(super) remedy: String,
}

/// What is known of a line and where the pattern stopped.
pub(super) struct Case<'c> {
    pub(super) reader: &'c Reader,
    /// Without its syslog header.
    pub(super) line: &'c [u8],
    pub(super) span: &'c Range<usize>,
    /// The piece that is not satisfied; one past the last is the line's end.
    pub(super) piece: usize,
    pub(super) reject: Reject,
    /// The preset that reads the line.
    pub(super) preset: Option<&'c str>,
}

/// Finds the likely cause: what is surest is asked first.
pub(super) fn diagnose(case: &Case<'_>) -> Diagnosis {
    const QUESTIONS: [fn(&Case<'_>) -> Option<Diagnosis>; 15] = [
        foreign::empty,
        foreign::number,
        foreign::binary,
        foreign::keyed,
        foreign::other_log,
        foreign::stray,
        misfit::time_format,
        misfit::unit,
        misfit::dash,
        misfit::list,
        misfit::preset,
        foreign::before,
        misfit::quotes,
        misfit::more,
        misfit::fewer,
    ];
    let found = QUESTIONS.iter().find_map(|question| question(case));
    found.unwrap_or_else(|| misfit::unknown(case))
}

pub(super) fn say(
    cause: Cause,
    because: impl Into<String>,
    remedy: impl Into<String>,
) -> Diagnosis {
    Diagnosis {
        cause,
        because: because.into(),
        remedy: remedy.into(),
    }
}

impl Case<'_> {
    /// What stands at the place and behind it.
    pub(super) fn rest(&self) -> &[u8] {
        self.line.get(self.span.start..).unwrap_or_default()
    }

    /// What stands at the place, up to the next blank.
    pub(super) fn found(&self) -> &[u8] {
        self.line.get(self.span.clone()).unwrap_or_default()
    }

    /// What stands before the place.
    pub(super) fn before(&self) -> &[u8] {
        self.line.get(..self.span.start).unwrap_or_default()
    }

    pub(super) fn kind(&self, piece: usize) -> Option<&Kind> {
        self.reader
            .outline
            .pieces
            .get(piece)
            .map(|piece| &piece.kind)
    }

    pub(super) fn wanted(&self) -> Option<&Kind> {
        self.kind(self.piece)
    }

    /// Where to change the format, in the server's own words.
    pub(super) fn format(&self) -> &'static str {
        match self.reader.pattern.dialect() {
            Dialect::Nginx => "nginx's log_format",
            Dialect::Gunicorn => "gunicorn's access_log_format",
            Dialect::Apache => "Apache's LogFormat",
            Dialect::Json | Dialect::Ltsv => "the table of keys",
            Dialect::Regex => "your expression",
        }
    }

    /// The preset that reads the line, as a remedy.
    pub(super) fn take(&self) -> Option<String> {
        Some(format!("pattern = \"{}\" reads it", self.preset?))
    }
}
