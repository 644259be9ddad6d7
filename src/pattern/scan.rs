//! How a value is passed over.
//!
//! Invariant: a scan ends where the regex would end the same value at its first try, and never passes
//! a newline: a text may go on behind the line.

use memchr::{memchr, memmem};

use super::plan::Literal;
use super::search::{first_of, within};
use super::template::{Entry, Item, Shape};
use crate::model::byte_set::ByteSet;
use crate::model::digits::{leading, thousandths, word};

/// How a step finds its end.
#[derive(Clone, Debug)]
pub(super) enum Scan {
    /// These bytes.
    Literal(Box<[u8]>),
    /// `[^"]*`.
    ToQuote,
    /// `(?:\\"|[^"])*`.
    ToBareQuote,
    /// `(?:[^"\\]|\\.)*`.
    ToUnescapedQuote,
    /// `[^"]*?` before a literal.
    Before(Box<Before>),
    /// The same at the end of the line.
    Rest(Quotes),
    /// As many bytes of the class as there are, but no more than leaves room for the literal.
    Class(Box<Class>),
    /// `[^ "]*` or `[^ "]+`, before a blank, a quote or the end.
    Word {
        /// Fewest bytes.
        least: usize,
    },
    /// `[0-9]+`, before a blank, a quote or the end.
    Digits,
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
    /// Upstream entries.
    List(Entry),
    /// As few bytes of a class as reach the literal, or the end.
    Lazy(Box<Lazy>),
    /// One after the other.
    Row(Box<[Scan]>),
}

/// Which quotes a lazy text may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// None.
    None,
    /// Those behind a backslash.
    AfterBackslash,
    /// The same, and a backslash takes the meaning from the byte behind it.
    Escaped,
}

/// As few bytes as reach a literal.
#[derive(Clone, Debug)]
pub(super) struct Before {
    /// The literal behind the text `-`, if it is short and doesn't begin like it.
    dash: Option<Literal>,
    literal: memmem::Finder<'static>,
    quotes: Quotes,
    /// What stands behind the literal, if its width is fixed: where it doesn't, the literal is part of
    /// the text.
    then: Option<&'static Fixed>,
}

/// A repeated set of bytes.
#[derive(Clone, Debug)]
pub(super) struct Class {
    members: ByteSet,
    /// The bytes that end it, if they are so few: a newline and two others, perhaps the same.
    stops: Option<[u8; 3]>,
    pub(super) least: usize,
    pub(super) most: usize,
    /// A literal that follows and begins with a member: the last one that fits is meant.
    pub(super) before: Box<[u8]>,
}

/// A set of bytes repeated as little as can be.
#[derive(Clone, Debug)]
pub(super) struct Lazy {
    pub(super) members: ByteSet,
    pub(super) least: usize,
    /// The literal that follows; none at the end of the line.
    pub(super) before: Option<memmem::Finder<'static>>,
}

impl Class {
    /// At least `least` bytes for which `is_member` holds, before this literal.
    pub(super) fn new(is_member: impl Fn(u8) -> bool, least: usize, next: Option<&[u8]>) -> Self {
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
            most: usize::MAX,
            before: inside.unwrap_or_default().into(),
        }
    }

    #[inline]
    fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        let most = rest.len().min(self.most);
        let run = match self.stops {
            Some(stops) => (first_of(text, at, stops) - at).min(most),
            None => rest[..most]
                .iter()
                .position(|byte| !self.members.contains(*byte))
                .unwrap_or(most),
        };
        if self.before.is_empty() {
            return (run >= self.least).then_some(at + run);
        }
        (self.least..=run)
            .rev()
            .find(|run| rest[*run..].starts_with(&self.before))
            .map(|run| at + run)
    }
}

impl Lazy {
    fn end(&self, text: &[u8], at: usize) -> Option<usize> {
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
    fn new(literal: &[u8], quotes: Quotes, then: Option<&'static Fixed>) -> Self {
        Self {
            dash: (literal.len() <= Literal::BYTES && !literal.starts_with(b"-"))
                .then(|| Literal::new(literal)),
            literal: memmem::Finder::new(literal).into_owned(),
            quotes,
            then,
        }
    }

    #[inline]
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        // Nearly always the text is `-`.
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

impl Scan {
    /// How a shape is passed over when these items follow it.
    pub(super) fn of_shape(shape: Shape, after: &[Item]) -> Option<Self> {
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
        // What follows can be no part of a word or number: it ends where its bytes do.
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
            Scan::Class(Box::new(Class::new(is_member, least, literal)))
        };
        Some(match shape {
            Shape::Text if quoted => Scan::ToQuote,
            Shape::Text => lazy(Quotes::None)?,
            Shape::SlashText if quoted => Scan::ToBareQuote,
            Shape::SlashText => lazy(Quotes::AfterBackslash)?,
            Shape::Escaped if quoted => Scan::ToUnescapedQuote,
            // A plan can't go back to the other way to read `""`.
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
            Shape::DigitsOrDash => Scan::DigitsOrDash,
            Shape::Status => Scan::Status,
            Shape::Decimal => Scan::Decimal,
            Shape::ClfTime => Scan::ClfTime,
            Shape::IsoTime => Scan::IsoTime,
            Shape::List(entry) => Scan::List(entry),
        })
    }

    /// Whether it can only be passed with a newline.
    pub(super) fn asks_for_newline(&self) -> bool {
        match self {
            Self::Literal(literal) => literal.contains(&b'\n'),
            Self::Row(scans) => scans.iter().any(Self::asks_for_newline),
            _ => false,
        }
    }

    /// Where the step's bytes end, in the way the regex prefers. `at` is inside `text`, or its end.
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

/// Where the last of a row ends.
fn row(scans: &[Scan], text: &[u8], at: usize) -> Option<usize> {
    scans.iter().try_fold(at, |at, scan| match scan {
        Scan::Row(_) => None, // Rows are not made of rows.
        plain => plain.end(text, at),
    })
}

impl Quotes {
    /// Whether the text between two places of a line holds no quote that it must not.
    #[inline]
    fn covers(self, text: &[u8], at: usize, end: usize) -> bool {
        let value = &text[..end];
        match self {
            Self::None => first_of(value, at, [b'"']) == end,
            Self::AfterBackslash => bare_quote(value, at) == end,
            Self::Escaped => unescaped_quote(value, at) == end,
        }
    }
}

/// The end of the line.
#[inline]
fn line_end(text: &[u8], at: usize) -> usize {
    memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length)
}

/// The end of a word of `least` bytes or more.
#[inline]
pub(super) fn word_end(text: &[u8], at: usize, least: usize) -> Option<usize> {
    let end = first_of(text, at, [b' ', b'"', b'\n']);
    (end >= at + least).then_some(end)
}

/// The first quote from `at` that no backslash precedes, or the end of the line.
#[inline]
fn bare_quote(text: &[u8], at: usize) -> usize {
    let mut quote = first_of(text, at, [b'"', b'\n']);
    while quote > at && text.get(quote) == Some(&b'"') && text[quote - 1] == b'\\' {
        quote = first_of(text, quote + 1, [b'"', b'\n']);
    }
    quote
}

/// The end of the longest text in which a backslash takes the meaning from the byte behind it.
fn unescaped_quote(text: &[u8], mut at: usize) -> usize {
    loop {
        at = first_of(text, at, [b'"', b'\\', b'\n']);
        match text[at..] {
            // A backslash with nothing behind it is no text: the regex stops before it.
            [b'\\', byte, ..] if byte != b'\n' => at += 2,
            _ => return at,
        }
    }
}

/// The end of `[0-9]+` from `at`.
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

/// The end of `[0-9]+\.[0-9]+` from `at`.
#[inline]
fn decimal(text: &[u8], at: usize) -> Option<usize> {
    if thousandths(word(text, at)).is_some() {
        return Some(at + 5);
    }
    let point = digits(text, at)?;
    (text.get(point) == Some(&b'.')).then_some(())?;
    digits(text, point + 1)
}

/// The end of an upstream list: entries between `, ` and ` : `.
pub(super) fn list(text: &[u8], at: usize, entry: Entry) -> Option<usize> {
    let mut end = entry_end(text, at, entry)?;
    loop {
        let separator = match &text[end..] {
            [b',', b' ', ..] => 2,
            [b' ', b':', b' ', ..] => 3,
            _ => return Some(end),
        };
        match entry_end(text, end + separator, entry) {
            Some(next) => end = next,
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

/// Bytes of fixed width, each between two bounds; at `sign` only the bounds are meant. Compared as two
/// vectors that overlap.
#[derive(Debug)]
pub(super) struct Fixed {
    low: [[u8; 16]; 2],
    span: [[u8; 16]; 2],
    width: usize,
    sign: usize,
}

/// `dd/Aaa/dddd:dd:dd:dd ±dddd`.
pub(super) static CLF_TIME: Fixed = Fixed::new(b"dd/Aaa/dddd:dd:dd:dd +dddd");
/// `dddd-dd-ddTdd:dd:dd±dd:dd`.
static ISO_TIME: Fixed = Fixed::new(b"dddd-dd-ddTdd:dd:dd+dd:dd");

impl Fixed {
    /// `d` a digit, `A` a capital, `a` a small letter, `+` a sign; all else itself. 16 to 32 bytes.
    const fn new(mask: &[u8]) -> Self {
        let mut fixed = Self {
            low: [[0; 16]; 2],
            span: [[0; 16]; 2],
            width: mask.len(),
            sign: 0,
        };
        let starts = [0, mask.len() - 16];
        let mut at = 0;
        while at < 32 {
            let (half, place) = (at / 16, at % 16);
            let byte = mask[starts[half] + place];
            (fixed.low[half][place], fixed.span[half][place]) = match byte {
                b'd' => (b'0', 9),
                b'A' => (b'A', 25),
                b'a' => (b'a', 25),
                b'+' => {
                    fixed.sign = starts[half] + place;
                    (b'+', 2)
                }
                byte => (byte, 0),
            };
            at += 1;
        }
        fixed
    }

    /// Where they end if the text goes on with such bytes.
    #[inline]
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let text = text.get(at..)?.get(..self.width)?;
        let first = text.first_chunk()?;
        let last = text.last_chunk()?;
        let is_inside = within(first, &self.low[0], &self.span[0])
            && within(last, &self.low[1], &self.span[1])
            && text[self.sign] != b',';
        is_inside.then_some(at + self.width)
    }
}
