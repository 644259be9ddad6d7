//! A line that a pattern does not read, as the checks for its cause see it.

use std::ops::Range;

use super::super::{Dialect, Reject};
use super::outline::Kind;
use super::reader::Reader;

/// A rejected line and the place where the pattern stopped.
pub(super) struct Case<'c> {
    pub(super) reader: &'c Reader,
    /// The line without its envelope.
    pub(super) line: &'c [u8],
    /// The line with its envelope.
    pub(super) whole: &'c [u8],
    pub(super) span: &'c Range<usize>,
    /// Index of the piece that does not match; one past the last means the end of the line.
    pub(super) piece: usize,
    pub(super) reject: Reject,
    /// Name of the preset that reads the line.
    pub(super) preset: Option<&'c str>,
}

impl Case<'_> {
    /// Returns the line from the start of the span.
    pub(super) fn rest(&self) -> &[u8] {
        self.line.get(self.span.start..).unwrap_or_default()
    }

    /// Returns the text of the span.
    pub(super) fn found(&self) -> &[u8] {
        self.line.get(self.span.clone()).unwrap_or_default()
    }

    /// Returns the line up to the start of the span.
    pub(super) fn before(&self) -> &[u8] {
        self.line.get(..self.span.start).unwrap_or_default()
    }

    /// Returns the kind of a piece of the pattern.
    pub(super) fn kind(&self, piece: usize) -> Option<&Kind> {
        let pieces = &self.reader.outline.pieces;
        pieces.get(piece).map(|piece| &piece.kind)
    }

    /// Returns the kind of the piece that does not match; `None` at the end of the pattern.
    pub(super) fn wanted(&self) -> Option<&Kind> {
        self.kind(self.piece)
    }

    /// Names the setting of the server that defines the format.
    pub(super) fn setting(&self) -> &'static str {
        match self.reader.pattern.dialect() {
            Dialect::Nginx => "nginx's log_format",
            Dialect::Gunicorn => "gunicorn's access_log_format",
            Dialect::Apache => "Apache's LogFormat",
            Dialect::Json | Dialect::Ltsv => "the table of keys",
            Dialect::Regex => "your expression",
        }
    }

    /// Recommends the preset that reads the line.
    pub(super) fn use_preset(&self) -> Option<String> {
        Some(format!(
            "use pattern = \"{}\", which reads it",
            self.preset?
        ))
    }
}
