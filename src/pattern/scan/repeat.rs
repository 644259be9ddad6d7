//! Repetitions: as many bytes of a set as possible, or as few as reach a literal.

use memchr::{memchr, memmem, memrchr};

use super::super::literal::Literal;
use super::super::search::first_of;
use super::fixed::Fixed;
use crate::model::byte_set::ByteSet;

/// The quotes that a lazy text may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// None.
    None,
    /// Quotes after a backslash.
    AfterBackslash,
    /// Quotes after a backslash that is not itself escaped.
    Escaped,
}

/// A lazy run of bytes up to a literal.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    /// The literal, if it is short and does not begin with `-`. It is tried first after a `-`, the text of an absent value.
    dash: Option<Literal>,
    literal: memmem::Finder<'static>,
    quotes: Quotes,
    /// A value of fixed width that follows the literal. An occurrence of the literal without that value
    /// belongs to the text.
    then: Option<&'static Fixed>,
}

/// A greedy repetition of a set of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    members: ByteSet,
    /// The bytes that end the repetition, if they are a newline and at most two others.
    stops: Option<[u8; 3]>,
    least: usize,
    most: usize,
    /// A literal that follows and begins with a member: its last occurrence ends the repetition.
    before: Option<Last>,
}

/// A literal whose last occurrence is searched.
#[derive(Clone, Debug)]
struct Last {
    literal: Box<[u8]>,
    /// Offset of the byte by which occurrences are found: punctuation, if it has any, since that is rare.
    rare: usize,
}

/// A lazy repetition of a set of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Lazy {
    pub(crate) members: ByteSet,
    pub(crate) least: usize,
    /// The literal that follows; `None` at the end of the line.
    pub(crate) before: Option<memmem::Finder<'static>>,
}

impl Class {
    /// Repeats the bytes for which `is_member` holds, `least` to `most` times, before the literal
    /// `next`.
    pub(crate) fn new(
        is_member: impl Fn(u8) -> bool,
        least: usize,
        most: usize,
        next: Option<&[u8]>,
    ) -> Self {
        let members = ByteSet::from_fn(|byte| byte != b'\n' && is_member(byte));
        let others: Vec<u8> = (0..=255).filter(|byte| !members.contains(*byte)).collect();
        let inside = next.filter(|next| next.first().is_some_and(|first| is_member(*first)));
        Self {
            members,
            stops: match *others {
                [a] => Some([a; 3]),
                [a, b] => Some([a, b, b]),
                [a, b, c] => Some([a, b, c]),
                _ => None,
            },
            least,
            most,
            before: inside.map(Last::new),
        }
    }

    #[inline]
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        let most = rest.len().min(self.most);
        let run = match self.stops {
            Some(stops) => (first_of(text, at, stops) - at).min(most),
            None => rest[..most]
                .iter()
                .position(|byte| !self.members.contains(*byte))
                .unwrap_or(most),
        };
        if run < self.least {
            return None;
        }
        match &self.before {
            None => Some(at + run),
            Some(last) => Some(at + last.start(rest, self.least, run)?),
        }
    }
}

impl Last {
    fn new(literal: &[u8]) -> Self {
        let is_rare = |byte: &u8| byte.is_ascii_punctuation();
        Self {
            rare: literal.iter().position(is_rare).unwrap_or_default(),
            literal: literal.into(),
        }
    }

    /// Returns the start of the last occurrence that begins between `first` and `last`.
    fn start(&self, text: &[u8], first: usize, last: usize) -> Option<usize> {
        let mut end = text.len().min(last + self.rare + 1);
        loop {
            let window = text.get(first + self.rare..end)?;
            let start = first + memrchr(*self.literal.get(self.rare)?, window)?;
            if text[start..].starts_with(&self.literal) {
                return Some(start);
            }
            end = start + self.rare;
        }
    }
}

impl Lazy {
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = &text[at..line_end(text, at)];
        let end = match &self.before {
            Some(literal) => self.least + literal.find(rest.get(self.least..)?)?,
            None => rest.len(),
        };
        (end >= self.least && rest[..end].iter().all(|byte| self.members.contains(*byte)))
            .then_some(at + end)
    }
}

impl Before {
    pub(super) fn new(literal: &[u8], quotes: Quotes, then: Option<&'static Fixed>) -> Self {
        Self {
            dash: (literal.len() <= Literal::BYTES && !literal.starts_with(b"-"))
                .then(|| Literal::new(literal)),
            literal: memmem::Finder::new(literal).into_owned(),
            quotes,
            then,
        }
    }

    #[expect(clippy::inline_always, reason = "a call costs more than to read `-`")]
    #[inline(always)]
    pub(crate) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        // The text is nearly always `-`.
        if text.get(at) == Some(&b'-')
            && let Some(literal) = &self.dash
            && literal.end(text, at + 1).is_some()
        {
            return Some(at + 1);
        }
        self.later_end(text, at)
    }

    #[inline(never)]
    fn later_end(&self, text: &[u8], at: usize) -> Option<usize> {
        let line = &text[..line_end(text, at)];
        let mut end = at;
        loop {
            end += self.literal.find(&line[end..])?;
            let behind = end + self.literal.needle().len();
            if self
                .then
                .is_none_or(|then| then.end(line, behind).is_some())
            {
                return self.quotes.covers(line, at, end).then_some(end);
            }
            end += 1;
        }
    }
}

impl Quotes {
    /// Returns whether the text between `at` and `end` contains allowed quotes only.
    #[inline]
    pub(super) fn covers(self, text: &[u8], at: usize, end: usize) -> bool {
        let value = &text[..end];
        match self {
            Self::None => first_of(value, at, [b'"']) == end,
            Self::AfterBackslash => bare_quote(value, at) == end,
            Self::Escaped => unescaped_quote(value, at) == end,
        }
    }
}

/// Returns the end of the line.
#[inline]
pub(super) fn line_end(text: &[u8], at: usize) -> usize {
    memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length)
}

/// Returns the first quote from `at` that no backslash precedes, or the end of the line.
#[inline]
pub(super) fn bare_quote(text: &[u8], at: usize) -> usize {
    let mut quote = first_of(text, at, [b'"', b'\n']);
    while quote > at && text.get(quote) == Some(&b'"') && text[quote - 1] == b'\\' {
        quote = first_of(text, quote + 1, [b'"', b'\n']);
    }
    quote
}

/// Returns the end of the longest text in which a backslash escapes the byte after it.
pub(super) fn unescaped_quote(text: &[u8], mut at: usize) -> usize {
    loop {
        at = first_of(text, at, [b'"', b'\\', b'\n']);
        match text[at..] {
            // A backslash at the end of the line does not belong to the text: the regex stops before it.
            [b'\\', byte, ..] if byte != b'\n' => at += 2,
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_last_occurrence_is_found(
            text in "[a/ ]{0,12}",
            literal in "[a/ ]{1,3}",
            first in 0_usize..4,
            more in 0_usize..12,
        ) {
            let last = (first + more).min(text.len());
            prop_assume!(first <= last);
            let expected = (first..=last).rev().find(|at| text[*at..].starts_with(&literal));
            let found = Last::new(literal.as_bytes()).start(text.as_bytes(), first, last);
            prop_assert_eq!(found, expected);
        }
    }
}
