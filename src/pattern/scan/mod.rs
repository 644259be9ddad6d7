//! Scans: where a value ends, found without an automaton.
//!
//! Invariant: a scan ends where the regex would end the same value at its first try, and never passes
//! a newline, since the text may go on after the line.

mod fixed;
mod repeat;

use memchr::memmem;

use super::search::first_of;
use super::template::{Entry, Item, Shape};
use crate::model::byte_set::ByteSet;
use crate::model::digits::{leading, thousandths, word};

use repeat::{Before, Quotes, bare_quote, line_end, unescaped_quote};

pub(super) use fixed::{CLF_TIME, ISO_TIME};
pub(super) use repeat::{Class, Lazy};

/// The way a step finds its end.
#[derive(Clone, Debug)]
pub(super) enum Scan {
    /// Fixed bytes.
    Literal(Box<[u8]>),
    /// `[^"]*`.
    ToQuote,
    /// `(?:\\"|[^"])*`.
    ToBareQuote,
    /// `(?:[^"\\]|\\.)*`.
    ToUnescapedQuote,
    /// `[^"]*?` before a literal.
    Before(Box<Before>),
    /// `[^"]*?` at the end of the line.
    Rest(Quotes),
    /// A greedy run of a class that leaves room for the literal that follows.
    Class(Box<Class>),
    /// `[^ "]*` or `[^ "]+`, before a blank, a quote or the end.
    Word {
        /// Fewest bytes.
        least: usize,
    },
    /// `[0-9]+`, before a blank, a quote or the end.
    Digits,
    /// `[0-9]*`.
    DigitsOrNothing,
    /// `[0-9]+|-`.
    DigitsOrDash,
    /// `[0-9]{3}`.
    Status,
    /// `[0-9]+\.[0-9]+`.
    Decimal,
    /// `22/Nov/2026:18:47:15 +0000`.
    ClfTime,
    /// `2026-11-22T18:47:15+00:00`.
    IsoTime,
    /// An upstream list.
    List(Entry),
    /// A lazy run of a class, up to the literal that follows or the end of the line.
    Lazy(Box<Lazy>),
    /// Several scans, one after the other.
    Row(Box<[Scan]>),
}

impl Scan {
    /// Returns the scan of a shape that these items follow; `None` if a plan cannot find its end.
    pub(super) fn from_shape(shape: Shape, after: &[Item]) -> Option<Self> {
        let next = after.first();
        let then = match after.get(1) {
            Some(Item::Slot(slot)) => match slot.shape {
                Shape::ClfTime => Some(&CLF_TIME),
                Shape::IsoTime => Some(&ISO_TIME),
                _ => None,
            },
            _ => None,
        };
        let literal = match next {
            Some(Item::Literal(literal)) => Some(literal.as_bytes()),
            _ => None,
        };
        let quoted = literal.is_some_and(|literal| literal.starts_with(b"\""));
        // What follows cannot belong to a word or a number, so either ends with its bytes.
        let plain = match literal {
            Some(literal) => matches!(literal.first(), Some(b' ' | b'"')),
            None => next.is_none(),
        };
        let lazy = |quotes| match (literal, next) {
            (Some(literal), _) => Some(Scan::Before(Box::new(Before::new(literal, quotes, then)))),
            (None, None) => Some(Scan::Rest(quotes)),
            (None, Some(_)) => None,
        };
        let class = |is_member: fn(u8) -> bool, least| {
            Scan::Class(Box::new(Class::new(is_member, least, usize::MAX, literal)))
        };
        Some(match shape {
            Shape::Text if quoted => Scan::ToQuote,
            Shape::Text => lazy(Quotes::None)?,
            Shape::SlashText if quoted => Scan::ToBareQuote,
            Shape::SlashText => lazy(Quotes::AfterBackslash)?,
            Shape::Escaped if quoted => Scan::ToUnescapedQuote,
            // A plan cannot return to the other way to read `""`.
            Shape::User if quoted => return None,
            Shape::Escaped | Shape::User => lazy(Quotes::Escaped)?,
            Shape::Raw if literal.is_none() && next.is_some() => return None,
            Shape::Raw => Scan::Lazy(Box::new(Lazy {
                members: ByteSet::ALL,
                least: 0,
                before: literal.map(|literal| memmem::Finder::new(literal).into_owned()),
            })),
            Shape::Word if plain => Scan::Word { least: 1 },
            Shape::WordOrNothing if plain => Scan::Word { least: 0 },
            Shape::Word => class(|byte| !matches!(byte, b' ' | b'"'), 1),
            Shape::WordOrNothing => class(|byte| !matches!(byte, b' ' | b'"'), 0),
            Shape::Digits if plain => Scan::Digits,
            Shape::Digits => class(|byte| byte.is_ascii_digit(), 1),
            Shape::DigitsOrNothing => Scan::DigitsOrNothing,
            Shape::DigitsOrDash => Scan::DigitsOrDash,
            // A plan leaves the rare `-` to the regex.
            Shape::Status | Shape::StatusOrDash => Scan::Status,
            Shape::Decimal => Scan::Decimal,
            Shape::ClfTime => Scan::ClfTime,
            Shape::IsoTime => Scan::IsoTime,
            Shape::List(entry) => Scan::List(entry),
        })
    }

    /// Returns whether the scan requires a newline.
    pub(super) fn contains_newline(&self) -> bool {
        match self {
            Self::Literal(literal) => literal.contains(&b'\n'),
            Self::Row(scans) => scans.iter().any(Self::contains_newline),
            _ => false,
        }
    }

    /// Returns the end that the regex prefers. `at` is inside `text`, or its end.
    #[inline(never)]
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Literal(literal) => text
                .get(at..)?
                .starts_with(literal)
                .then(|| at + literal.len()),
            Self::ToQuote => Some(first_of(text, at, [b'"', b'\n'])),
            Self::ToBareQuote => Some(bare_quote(text, at)),
            Self::ToUnescapedQuote => Some(unescaped_quote(text, at)),
            Self::Before(before) => before.end(text, at),
            Self::Rest(quotes) => {
                let end = line_end(text, at);
                quotes.covers(text, at, end).then_some(end)
            }
            Self::Class(class) => class.end(text, at),
            Self::Word { least } => word_end(text, at, *least),
            Self::Digits => digits(text, at),
            Self::DigitsOrNothing => Some(digits(text, at).unwrap_or(at)),
            Self::DigitsOrDash => match text.get(at)? {
                b'-' => Some(at + 1),
                _ => digits(text, at),
            },
            Self::Status => (leading(word(text, at)) >= 3).then_some(at + 3),
            Self::Decimal => decimal(text, at),
            Self::ClfTime => CLF_TIME.end(text, at),
            Self::IsoTime => ISO_TIME.end(text, at),
            Self::List(entry) => list(text, at, *entry),
            Self::Lazy(lazy) => lazy.end(text, at),
            Self::Row(scans) => row(scans, text, at),
        }
    }
}

/// Returns the end of the last scan of a row.
fn row(scans: &[Scan], text: &[u8], at: usize) -> Option<usize> {
    scans.iter().try_fold(at, |at, scan| match scan {
        Scan::Row(_) => None, // A row never contains a row.
        plain => plain.end(text, at),
    })
}

/// Returns the end of a word of `least` bytes or more.
#[inline]
pub(super) fn word_end(text: &[u8], at: usize, least: usize) -> Option<usize> {
    let end = first_of(text, at, [b' ', b'"', b'\n']);
    (end >= at + least).then_some(end)
}

/// Returns the end of `[0-9]+` from `at`.
#[inline]
fn digits(text: &[u8], at: usize) -> Option<usize> {
    match leading(word(text, at)) {
        0 => None,
        8 => Some(many_digits(text, at)),
        count => Some(at + count),
    }
}

#[cold]
fn many_digits(text: &[u8], at: usize) -> usize {
    let run = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    at + run.count()
}

/// Returns the end of `[0-9]+\.[0-9]+` from `at`.
#[inline]
fn decimal(text: &[u8], at: usize) -> Option<usize> {
    if thousandths(word(text, at)).is_some() {
        return Some(at + 5);
    }
    let point = digits(text, at)?;
    (text.get(point) == Some(&b'.')).then_some(())?;
    digits(text, point + 1)
}

/// Returns the end of an upstream list: entries separated by `, ` or ` : `.
fn list(text: &[u8], at: usize, entry: Entry) -> Option<usize> {
    let mut end = entry_end(text, at, entry)?;
    loop {
        let separator = match &text[end..] {
            [b',', b' ', ..] => 2,
            [b' ', b':', b' ', ..] => 3,
            _ => return Some(end),
        };
        match entry_end(text, end + separator, entry) {
            Some(next) => end = next,
            // A list may end in ` : `.
            None if separator == 3 => return Some(end + separator),
            None => return Some(end),
        }
    }
}

#[inline]
fn entry_end(text: &[u8], at: usize, entry: Entry) -> Option<usize> {
    match (entry, text.get(at)?) {
        (Entry::Decimal | Entry::Digits, b'-') => Some(at + 1),
        (Entry::Decimal, _) => decimal(text, at),
        (Entry::Digits, _) => digits(text, at),
        (Entry::Address, _) => {
            let is_member = |byte: &&u8| !matches!(**byte, b' ' | b',' | b'"' | b'\n');
            let run = text[at..].iter().take_while(is_member).count();
            (run > 0).then_some(at + run)
        }
    }
}
