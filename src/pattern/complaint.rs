//! Errors in a format string, and advice on it.
//!
//! Invariant: the span of a complaint lies in the format string, on character boundaries.

use std::fmt;
use std::ops::Range;

use crate::diag;

/// An error in a format string, or advice on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The problem; lower case, no full stop.
    pub message: String,
    /// Bytes of the format string.
    pub span: Range<usize>,
    /// The recommended change.
    pub help: Option<String>,
    /// Further errors of the same format string, each without others.
    pub others: Vec<Complaint>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            help: None,
            others: Vec::new(),
        }
    }

    /// Returns all errors of a format string as one; `None` if there are none.
    pub(super) fn all(complaints: Vec<Self>) -> Option<Self> {
        let mut complaints = complaints.into_iter();
        let first = complaints.next()?;
        Some(Self {
            others: complaints.collect(),
            ..first
        })
    }

    /// Returns this error and the others.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn suggest<'c>(
        self,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Self {
        Self {
            help: diag::suggestion(word, candidates).or(self.help),
            ..self
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}
