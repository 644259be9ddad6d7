//! Beginnings of a pattern's lines, which decide where an envelope has to be looked for.

use super::envelope::{BEGINNINGS, may_begin};
use super::template::{Item, Shape, Template};
use crate::model::byte_set::ByteSet;

/// The first bytes of the lines that [`Guard::Capital`] selects.
static CAPITAL: ByteSet = ByteSet::from_ranges(&[(b'A', b'Z')]).plus(b"<");
/// The first bytes of all lines.
static ALL: ByteSet = ByteSet::ALL;

/// The beginnings that the lines of a pattern can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The byte with which every line begins, if the format begins with a literal.
    literal: Option<u8>,
    /// The lines that must not be read from their first byte before envelopes are tried.
    guard: Guard,
    /// True if lines can begin with a blank.
    pub(super) begins_with_blank: bool,
}

/// Selects the lines that must not be read from their first byte before envelopes are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// Selects lines that begin with a priority of syslog or a capital letter: the format takes no other envelope for its
    /// own values.
    Capital,
    /// Selects lines that [`may_begin`] like an envelope.
    Envelope,
}

/// The first bytes of the lines that may have an envelope, which are looked at before they are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspects(&'static ByteSet);

impl Suspects {
    /// Returns the suspects behind a line that had an envelope: all lines.
    pub(super) fn after_envelope() -> Self {
        Self(&ALL)
    }

    /// Returns whether the last line had an envelope.
    pub(super) fn are_after_envelope(self) -> bool {
        std::ptr::eq(self.0, &raw const ALL)
    }

    /// Returns whether the line that a text begins with may have an envelope.
    #[inline]
    pub(super) fn include(self, text: &[u8]) -> bool {
        text.first().is_some_and(|first| self.0.contains(*first))
    }
}

impl Opening {
    /// The opening of JSON objects.
    pub(super) const OBJECT: Self = Self {
        literal: Some(b'{'),
        guard: Guard::Capital,
        begins_with_blank: false,
    };

    /// The opening of formats of which only the first byte is known, or nothing.
    pub(super) fn unknown(literal: Option<u8>, begins_with_blank: bool) -> Self {
        Self {
            literal,
            guard: Guard::Envelope,
            begins_with_blank,
        }
    }

    /// Returns the opening of a template; `may_be_empty` names a first value that its server may leave empty.
    pub(super) fn of_template(template: &Template, may_be_empty: &str) -> Self {
        let mut items = template.items.iter();
        let (first, second) = (items.next(), items.next());
        let literal = match first {
            Some(Item::Literal(text)) => text.bytes().next(),
            _ => None,
        };
        let is_empty = matches!(first, Some(Item::Slot(slot)) if slot.name == may_be_empty);
        // Other envelopes do not have a dash as their second word, so that they are not read as an address and ` - `.
        let is_word = matches!(
            first,
            Some(Item::Slot(slot)) if matches!(slot.shape, Shape::Word | Shape::WordOrNothing)
        );
        let has_dash = matches!(second, Some(Item::Literal(text)) if text.starts_with(" - "));
        Self {
            literal,
            guard: if is_word && has_dash {
                Guard::Capital
            } else {
                Guard::Envelope
            },
            begins_with_blank: literal == Some(b' ') || is_empty,
        }
    }

    /// Returns the suspects behind a line that had no envelope: they include every line that the opening stops.
    pub(super) fn suspects(self) -> Suspects {
        Suspects(match self.guard {
            Guard::Capital => &CAPITAL,
            Guard::Envelope => &BEGINNINGS,
        })
    }

    /// Returns whether a line must not be read from its first byte before envelopes are tried.
    pub(super) fn stops(self, line: &[u8]) -> bool {
        match self.guard {
            Guard::Capital => Suspects(&CAPITAL).include(line),
            Guard::Envelope => may_begin(line),
        }
    }

    /// Returns whether a line begins with the byte that the format begins with.
    #[inline]
    pub(super) fn is_own(self, line: &[u8]) -> bool {
        self.literal.is_some() && line.first() == self.literal.as_ref()
    }
}
