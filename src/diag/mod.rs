//! Diagnostics: faults that point at the text that causes them.
//!
//! Invariant: a report holds every fault of a text and lists them in the order of the text.

mod mistyped;
mod name;
mod quoted;
mod render;
mod scalar;
mod section;
mod spot;
mod suggestion;
mod syntax;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use name::is_printable;
pub use render::Snippet;
pub use section::{Document, Home, Section};
pub use spot::{Spot, distinct};
pub use suggestion::{nearest, suggestion};

/// A named text, such as a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// A file's path, or another name for the text.
    pub name: String,
    /// The whole text.
    pub content: String,
}

/// A span of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text that the span is in.
    pub text: Arc<Text>,
    /// Byte range; may be empty to point between two characters.
    pub span: Range<usize>,
}

/// The severity of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The text is usable, with a drawback.
    Warning,
    /// The text is not usable.
    Error,
}

/// A problem in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The severity.
    pub severity: Severity,
    /// The problem, in lower case, without a full stop.
    pub message: String,
    /// The span at fault, if it is known.
    pub place: Option<Place>,
    /// A note behind the carets; may be empty.
    pub label: String,
    /// The remedy.
    pub help: Option<String>,
}

/// Faults of one kind, of which only the first ones are reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultList {
    first: Vec<Fault>,
    count: usize,
}

/// A list of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    faults: Vec<Fault>,
}

impl Place {
    /// Returns the line and column of the span's start, both from 1; columns count characters.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self
            .text
            .content
            .get(..self.span.start)
            .unwrap_or(&self.text.content);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count())
            + 1;
        (line, column)
    }
}

impl Fault {
    /// Creates an error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            label: String::new(),
            help: None,
        }
    }

    /// Creates a warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Sets the place, if it is known.
    #[must_use]
    pub fn at(mut self, place: impl Into<Option<Place>>) -> Self {
        self.place = place.into();
        self
    }

    /// Sets the note behind the carets.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the remedy to the candidates that are similar to `word`, or to the list of candidates; see [`suggestion`].
    #[must_use]
    pub fn suggest<'c>(self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        self.help_if_known(suggestion(word, candidates))
    }

    /// Sets the remedy, if one is known.
    #[must_use]
    pub fn help_if_known(self, help: Option<String>) -> Self {
        Self {
            help: help.or(self.help),
            ..self
        }
    }
}

impl FaultList {
    /// Number of faults that are reported one by one.
    const SHOWN: usize = 20;

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.count += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(fault);
        }
    }

    /// Returns the number of faults.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds the first faults to a report, and a warning with the number of further ones: `280 more routes`. `nouns` names one
    /// and several.
    pub fn report(self, nouns: [&str; 2], report: &mut Report) {
        let more = self.count - self.first.len();
        report.extend(self.first);
        if more > 0 {
            let noun = nouns[usize::from(more > 1)];
            report.push(Fault::warning(format!("{more} more {noun}")));
        }
    }
}

impl Report {
    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Adds faults.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.extend(faults);
    }

    /// Returns whether a fault is an error.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// Returns the number of errors.
    pub fn errors(&self) -> usize {
        self.faults
            .iter()
            .filter(|fault| fault.severity == Severity::Error)
            .count()
    }

    /// Returns the number of warnings.
    pub fn warnings(&self) -> usize {
        self.faults.len() - self.errors()
    }

    /// Returns each fault in one line.
    pub fn lines(&self) -> Vec<String> {
        self.faults().into_iter().map(Fault::line).collect()
    }

    /// Returns the faults by text, in the order of each text; faults without a place come last.
    pub fn faults(&self) -> Vec<&Fault> {
        let mut faults: Vec<&Fault> = self.faults.iter().collect();
        faults.sort_by_key(|fault| {
            let place = fault.place.as_ref();
            (
                place.is_none(),
                place.map(|place| (&place.text.name, place.span.start)),
            )
        });
        faults
    }
}

impl IntoIterator for Report {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.faults.into_iter()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in self.faults() {
            writeln!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = Arc::new(Text {
            name: "t".into(),
            content: "ä = 1\nöb = 2\n".into(),
        });
        let check = |needle: &str, expected| {
            let start = text.content.find(needle).unwrap();
            let place = Place {
                text: Arc::clone(&text),
                span: start..start,
            };
            assert_eq!(place.line_and_column(), expected);
        };
        check("ä", (1, 1));
        check("b", (2, 2));
    }
}
