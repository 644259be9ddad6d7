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
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            help: None,
        }
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
        let candidates: Vec<&str> = candidates.into_iter().collect();
        let near = diag::nearest(word, candidates.iter().copied());
        let help = near.map_or_else(
            || format!("one of: {}", candidates.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.help(help)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}
