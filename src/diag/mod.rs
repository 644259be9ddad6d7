//! Faults that point at the text they are about.
//!
//! Invariant: a fault says what is wrong, where, and what to do about it; a report holds every
//! fault there is, in the order of the text.

mod render;
mod section;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use render::Snippet;
pub use section::{Document, Section, Spot, distinct};

/// A text people wrote, with the name they know it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// A file's path, or what else tells a person where to look.
    pub name: String,
    /// All of it.
    pub content: String,
}

/// A stretch of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text.
    pub text: Arc<Text>,
    /// Bytes of it; may be empty, to point between two characters.
    pub span: Range<usize>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, but not as one would wish.
    Warning,
    /// It does not work.
    Error,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong; lower case, no full stop.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What stands under the caret.
    pub label: String,
    /// What to do.
    pub help: Option<String>,
}

/// All that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    faults: Vec<Fault>,
}

impl Place {
    /// Line and column of its start, both from 1; columns count characters.
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
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            label: String::new(),
            help: None,
        }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// With a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// With a word under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With "did you mean", when one of `candidates` is near `word`; else with the whole list.
    #[must_use]
    pub fn suggest<'c>(self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        let mut candidates: Vec<&str> = candidates.into_iter().collect();
        candidates.sort_unstable();
        candidates.dedup();
        match nearest(word, candidates.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if candidates.is_empty() => self,
            None => self.help(format!("one of: {}", candidates.join(", "))),
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

    /// Whether there is an error among the faults.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.faults
            .iter()
            .filter(|fault| fault.severity == Severity::Error)
            .count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.faults.len() - self.errors()
    }

    /// The faults, text by text, in the order of the text; those without a place last.
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

/// The candidate that a person who typed `word` most likely meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        // A word of which nothing is left was not meant.
        .filter(|(distance, _)| *distance < word.chars().count())
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(word.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near_or_not_made() {
        let names = ["nginx-combined", "nginx-timed", "gunicorn"];
        assert_eq!(nearest("nginx-combind", names), Some("nginx-combined"));
        assert_eq!(nearest("nginx_timed", names), Some("nginx-timed"));
        assert_eq!(nearest("unicorn", names), Some("gunicorn"));
        assert_eq!(nearest("apache", names), None);
        assert_eq!(nearest("z", ["a", "b"]), None);
        let fault = Fault::error("x").suggest("zzz", ["b", "a", "b"]);
        assert_eq!(fault.help.as_deref(), Some("one of: a, b"));
    }

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
