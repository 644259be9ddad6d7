//! The items of a pattern's format, for advice and explanations.

use std::ops::Range;

use super::readings::Unclear;
use super::template::{Item, Slot};
use super::{Form, Keys, Matcher, Pattern};

impl Pattern {
    /// Returns the keys of a pattern that has them.
    pub(super) fn keys(&self) -> Option<&Keys> {
        match &self.matcher {
            Matcher::Json(keys) | Matcher::Ltsv(keys) => Some(keys),
            Matcher::Text(_) => None,
        }
    }

    /// Returns the value that is the Nth item of the format.
    pub(super) fn slot(&self, item: usize) -> Option<&Slot> {
        match self.item(item)? {
            Item::Slot(slot) => Some(slot),
            Item::Literal(_) => None,
        }
    }

    /// Counts the values before the Nth item of the format.
    pub(super) fn slots_before(&self, item: usize) -> usize {
        (0..item).filter(|item| self.slot(*item).is_some()).count()
    }

    /// Returns the fixed text that is the Nth item of the format.
    pub(super) fn literal(&self, item: usize) -> Option<&str> {
        match self.item(item)? {
            Item::Literal(text) => Some(text),
            Item::Slot(_) => None,
        }
    }

    /// Returns whether the format has an Nth item.
    #[cfg(test)]
    pub(super) fn has_item(&self, item: usize) -> bool {
        self.item(item).is_some()
    }

    pub(super) fn item(&self, item: usize) -> Option<&Item> {
        match self.form()? {
            Form::Template(template) => template.items.get(item),
            Form::Regex(_) => None,
        }
    }

    /// Returns the spans of the format's items in a line; `None` unless the types of the values divide the line.
    pub(super) fn item_spans(&self, line: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        match &self.matcher {
            Matcher::Text(text) => text.review.readings.as_ref()?.spans(line),
            Matcher::Json(_) | Matcher::Ltsv(_) => None,
        }
    }

    /// Returns a value whose end some lines leave unclear.
    pub(super) fn unclear(&self) -> Option<Unclear> {
        match &self.matcher {
            Matcher::Text(text) => text.review.unclear,
            Matcher::Json(_) | Matcher::Ltsv(_) => None,
        }
    }
}
