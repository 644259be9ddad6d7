//! What a pattern is made of when it needs no backtracking.
//!
//! Invariant: tokens are matched from left to right, each taking all it can, and the outcome is
//! that of the expression they were made from.

use crate::model::byte_set::ByteSet;

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// These bytes.
    Literal(Box<[u8]>),
    /// As many characters of a class as there are.
    Run(Run),
    /// The same, but for the last bytes of the path.
    Until(Run, usize),
}

/// Characters of a class, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) class: Class,
    pub(super) least: u32,
    pub(super) most: u32,
    /// A longer run is refused.
    limit: u32,
    /// It takes any segment that is not empty.
    pub(super) is_segment: bool,
    /// It takes any text without a newline.
    is_line: bool,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// Its ASCII characters.
    ascii: Box<ByteSet>,
    rest: Rest,
}

/// The characters of a set that are not of ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    None,
    All,
    /// Ranges that ascend, ends included.
    Some(Box<[(char, char)]>),
}

impl Class {
    /// Of ranges that ascend, ends included.
    pub(super) fn new(ranges: &[(char, char)]) -> Self {
        let has = |c: char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
        let ascii = Box::new(ByteSet::from_fn(|byte| byte.is_ascii() && has(byte.into())));
        let beyond: Vec<(char, char)> = ranges
            .iter()
            .filter(|(_, to)| !to.is_ascii())
            .map(|(from, to)| (*from.max(&'\u{80}'), *to))
            .collect();
        let rest = match *beyond {
            [] => Rest::None,
            [('\u{80}', '\u{d7ff}'), ('\u{e000}', char::MAX)] | [('\u{80}', char::MAX)] => {
                Rest::All
            }
            _ => Rest::Some(beyond.into()),
        };
        Self { ascii, rest }
    }

    pub(super) fn has(&self, c: char) -> bool {
        if let Some(byte) = u8::try_from(c).ok().filter(u8::is_ascii) {
            self.ascii.contains(byte)
        } else {
            match &self.rest {
                Rest::None => false,
                Rest::All => true,
                Rest::Some(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)),
            }
        }
    }

    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        let rest = matches!(self.rest, Rest::None) || matches!(other.rest, Rest::None);
        rest && self.ascii.is_disjoint(&other.ascii)
    }

    /// Everything but this one: `/`, as in `<str:…>`, or a newline, as in `<path:…>`.
    fn is_all_but(&self, one: u8) -> bool {
        let all_but = ByteSet::from_fn(|byte| byte.is_ascii() && byte != one);
        matches!(self.rest, Rest::All) && *self.ascii == all_but
    }

    /// Returns its characters if all are ASCII.
    pub(super) fn ascii(&self) -> Option<&ByteSet> {
        matches!(self.rest, Rest::None).then_some(&self.ascii)
    }
}

impl Run {
    pub(super) fn new(class: Class, (least, most): (u32, u32), limit: Option<u32>) -> Self {
        let limit = limit.unwrap_or(u32::MAX);
        let is_free = least <= 1 && most == u32::MAX && limit == u32::MAX;
        Self {
            is_segment: is_free && least == 1 && class.is_all_but(b'/'),
            is_line: is_free && class.is_all_but(b'\n'),
            class,
            least,
            most,
            limit,
        }
    }

    /// How many characters it takes if all are of its class, ends included.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.least as usize, self.most.min(self.limit) as usize)
    }

    /// The same, where it takes only digits.
    pub(super) fn digits(&self) -> Option<(u32, u32)> {
        let is_digits = *self.class.ascii()? == ByteSet::DIGITS;
        is_digits.then_some((self.least, self.most.min(self.limit)))
    }

    /// How many characters, and how many bytes they take.
    #[inline]
    fn longest(&self, text: &[u8]) -> (u32, usize) {
        let ascii = &self.class.ascii;
        let most = self.most as usize;
        let near = text.get(..most).unwrap_or(text);
        let length = near
            .iter()
            .position(|byte| !ascii.contains(*byte))
            .unwrap_or(near.len());
        match near.get(length) {
            Some(byte) if *byte >= 128 && !matches!(self.class.rest, Rest::None) => {
                self.longest_of_any(text)
            }
            _ => (u32::try_from(length).unwrap_or(u32::MAX), length),
        }
    }

    fn longest_of_any(&self, text: &[u8]) -> (u32, usize) {
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

    /// The bytes it takes of `text`, if it is content.
    #[inline]
    fn take(&self, text: &[u8]) -> Option<usize> {
        if self.is_line {
            let length = memchr::memchr(b'\n', text).unwrap_or(text.len());
            return (length >= self.least as usize).then_some(length);
        }
        let (count, length) = self.longest(text);
        (count >= self.least && count <= self.limit).then_some(length)
    }

    /// Whether it takes the whole of a text that holds no `/`.
    #[inline]
    pub(super) fn takes_segment(&self, segment: &[u8]) -> bool {
        if self.is_segment {
            !segment.is_empty()
        } else {
            self.take(segment) == Some(segment.len())
        }
    }
}

/// Whether tokens match the beginning of `text`, or all of it.
pub(super) fn matches(tokens: &[Token], is_whole: bool, text: &[u8]) -> bool {
    let mut rest = text;
    for token in tokens {
        let taken = match token {
            Token::Literal(literal) => rest.starts_with(literal).then_some(literal.len()),
            Token::Run(run) => run.take(rest),
            Token::Until(run, kept) => rest
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

/// The first character of a text that is UTF-8, and its width.
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
