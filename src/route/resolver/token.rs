//! The tokens of a pattern that needs no backtracking.
//!
//! Invariant: tokens matched from left to right, each greedy, accept what their expression accepts.

use crate::model::byte_set::ByteSet;

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PathToken {
    Literal(Box<[u8]>),
    /// The longest run of characters of a class.
    Run(CharRun),
    /// A run that takes all of the path but its last bytes.
    Until(CharRun, usize),
}

/// Consecutive characters of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CharRun {
    pub(super) class: CharClass,
    /// Bounds of the number of characters, inclusive.
    pub(super) least: usize,
    pub(super) most: usize,
    /// A longer run does not match.
    limit: usize,
    /// Matches any segment that is not empty.
    pub(super) is_segment: bool,
    /// Matches any text without a newline.
    is_line: bool,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CharClass {
    ascii: Box<ByteSet>,
    beyond: BeyondAscii,
}

/// The characters of a set that are not ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
enum BeyondAscii {
    None,
    All,
    /// Ascending ranges, inclusive.
    Some(Box<[(char, char)]>),
}

impl CharClass {
    /// Makes a class of ascending ranges, inclusive.
    pub(super) fn new(ranges: &[(char, char)]) -> Self {
        let has = |c: char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
        let ascii = Box::new(ByteSet::from_fn(|byte| byte.is_ascii() && has(byte.into())));
        let beyond: Vec<(char, char)> = ranges
            .iter()
            .filter(|(_, to)| !to.is_ascii())
            .map(|(from, to)| (*from.max(&'\u{80}'), *to))
            .collect();
        let beyond = match *beyond {
            [] => BeyondAscii::None,
            [('\u{80}', '\u{d7ff}'), ('\u{e000}', char::MAX)] | [('\u{80}', char::MAX)] => {
                BeyondAscii::All
            }
            _ => BeyondAscii::Some(beyond.into()),
        };
        Self { ascii, beyond }
    }

    /// Returns whether the set contains a character.
    pub(super) fn has(&self, c: char) -> bool {
        if let Some(byte) = u8::try_from(c).ok().filter(u8::is_ascii) {
            self.ascii.contains(byte)
        } else {
            match &self.beyond {
                BeyondAscii::None => false,
                BeyondAscii::All => true,
                BeyondAscii::Some(ranges) => {
                    ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))
                }
            }
        }
    }

    /// Returns whether two sets are known to be disjoint.
    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        let is_ascii = |class: &Self| matches!(class.beyond, BeyondAscii::None);
        (is_ascii(self) || is_ascii(other)) && self.ascii.is_disjoint(&other.ascii)
    }

    /// Returns whether the set is everything but one byte: `/` for `<str:…>`, a newline for `<path:…>`.
    fn is_all_but(&self, one: u8) -> bool {
        let all_but = ByteSet::from_fn(|byte| byte.is_ascii() && byte != one);
        matches!(self.beyond, BeyondAscii::All) && *self.ascii == all_but
    }

    /// Returns the characters if all are ASCII.
    pub(super) fn ascii(&self) -> Option<&ByteSet> {
        matches!(self.beyond, BeyondAscii::None).then_some(&self.ascii)
    }
}

impl CharRun {
    /// Makes a run of `least` to `most` characters, which does not match past `limit`.
    pub(super) fn new(
        class: CharClass,
        (least, most): (usize, usize),
        limit: Option<usize>,
    ) -> Self {
        let is_free = least <= 1 && most == usize::MAX && limit.is_none();
        Self {
            is_segment: is_free && least == 1 && class.is_all_but(b'/'),
            is_line: is_free && class.is_all_but(b'\n'),
            class,
            least,
            most,
            limit: limit.unwrap_or(usize::MAX),
        }
    }

    /// Returns the bounds of the length, inclusive, of a text whose characters are all of the class.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.least, self.most.min(self.limit))
    }

    /// Returns whether the class is the ASCII digits.
    pub(super) fn is_digits(&self) -> bool {
        self.class.ascii() == Some(&ByteSet::DIGITS)
    }

    /// Returns the number of characters in the longest run at the beginning of `text`, and of their bytes.
    #[inline]
    fn longest(&self, text: &[u8]) -> (usize, usize) {
        let ascii = &self.class.ascii;
        let near = text.get(..self.most).unwrap_or(text);
        let length = near
            .iter()
            .position(|byte| !ascii.contains(*byte))
            .unwrap_or(near.len());
        match near.get(length) {
            Some(byte) if *byte >= 128 && !matches!(self.class.beyond, BeyondAscii::None) => {
                self.longest_of_any(text)
            }
            _ => (length, length),
        }
    }

    fn longest_of_any(&self, text: &[u8]) -> (usize, usize) {
        let (mut count, mut length) = (0, 0);
        while count < self.most
            && let Some((c, width)) = text.get(length..).and_then(first_char)
            && self.class.has(c)
        {
            count += 1;
            length += width;
        }
        (count, length)
    }

    /// Returns the bytes that the run takes of `text`; `None` if it does not match.
    #[inline]
    fn take(&self, text: &[u8]) -> Option<usize> {
        if self.is_line {
            let length = memchr::memchr(b'\n', text).unwrap_or(text.len());
            return (length >= self.least).then_some(length);
        }
        let (count, length) = self.longest(text);
        (count >= self.least && count <= self.limit).then_some(length)
    }

    /// Returns whether the run matches a whole text without `/`.
    #[inline]
    pub(super) fn matches_segment(&self, segment: &[u8]) -> bool {
        if self.is_segment {
            !segment.is_empty()
        } else {
            self.take(segment) == Some(segment.len())
        }
    }
}

/// Returns whether tokens match the beginning of `text`, or with `is_whole` all of it.
pub(super) fn matches(tokens: &[PathToken], is_whole: bool, text: &[u8]) -> bool {
    let mut rest = text;
    for token in tokens {
        let taken = match token {
            PathToken::Literal(literal) => rest.starts_with(literal).then_some(literal.len()),
            PathToken::Run(run) => run.take(rest),
            PathToken::Until(run, kept) => rest
                .len()
                .checked_sub(*kept)
                .filter(|length| run.take(&rest[..*length]) == Some(*length)),
        };
        match taken {
            Some(taken) => rest = &rest[taken..],
            None => return false,
        }
    }
    !is_whole || rest.is_empty()
}

/// Returns the first character of a text that is UTF-8, and its width in bytes.
fn first_char(text: &[u8]) -> Option<(char, usize)> {
    let width = match text.first()? {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let c = std::str::from_utf8(text.get(..width)?)
        .ok()?
        .chars()
        .next()?;
    Some((c, width))
}
