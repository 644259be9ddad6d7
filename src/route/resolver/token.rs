//! What a pattern is made of when it needs no backtracking.
//!
//! Invariant: tokens are matched from left to right, each taking all it can, and the outcome is
//! that of the expression they were made from.

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
    pub(super) limit: u32,
}

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// Those of ASCII, one bit each.
    pub(super) ascii: u128,
    pub(super) rest: Rest,
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
    pub(super) fn has(&self, c: char) -> bool {
        if c.is_ascii() {
            self.ascii >> u32::from(c) & 1 == 1
        } else {
            match &self.rest {
                Rest::None => false,
                Rest::All => true,
                Rest::Some(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)),
            }
        }
    }

    /// Whether a byte is a character of this set.
    #[inline]
    fn has_ascii(&self, byte: u8) -> bool {
        byte < 128 && self.ascii >> byte & 1 == 1
    }

    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        let rest = matches!(self.rest, Rest::None) || matches!(other.rest, Rest::None);
        self.ascii & other.ascii == 0 && rest
    }

    /// Everything but `/`, as in `<str:…>`.
    fn is_segment(&self) -> bool {
        self.ascii == !(1 << b'/') && matches!(self.rest, Rest::All)
    }
}

impl Run {
    /// How many characters, and how many bytes they take.
    #[inline]
    fn longest(&self, text: &[u8]) -> (u32, usize) {
        let most = self.most as usize;
        let near = text.get(..most).unwrap_or(text);
        let length = near
            .iter()
            .position(|byte| !self.class.has_ascii(*byte))
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
        let (count, length) = self.longest(text);
        (count >= self.least && count <= self.limit).then_some(length)
    }

    /// Whether it takes the whole of a text that holds no `/`.
    #[inline]
    pub(super) fn takes_segment(&self, segment: &[u8]) -> bool {
        if self.most == u32::MAX && self.limit == u32::MAX && self.class.is_segment() {
            return self.least == 0 || self.least == 1 && !segment.is_empty();
        }
        self.take(segment) == Some(segment.len())
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
