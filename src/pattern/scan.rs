//! How a value is passed over.
//!
//! Invariant: a scan ends where the regex would end the same value at its first try.

use memchr::{memchr2, memmem};

use super::quotes::FindQuote;
use super::template::{Entry, Item, Shape};

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
    /// `[^"]*?` before a literal, which is passed too (it is the next step's).
    Before(Box<memmem::Finder<'static>>, Quotes),
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

/// A repeated set of bytes.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) members: [bool; 256],
    pub(super) least: usize,
    pub(super) most: usize,
    /// A literal that follows and begins with a member: the last one that fits is meant.
    pub(super) before: Box<[u8]>,
}

/// A set of bytes repeated as little as can be.
#[derive(Clone, Debug)]
pub(super) struct Lazy {
    pub(super) members: [bool; 256],
    pub(super) least: usize,
    /// The literal that follows; none at the end of the line.
    pub(super) before: Option<memmem::Finder<'static>>,
}

impl Class {
    /// At least `least` bytes for which `is_member` holds, before this literal.
    pub(super) fn new(is_member: impl Fn(u8) -> bool, least: usize, next: Option<&[u8]>) -> Self {
        let mut members = [false; 256];
        for byte in 0..=255 {
            members[usize::from(byte)] = is_member(byte);
        }
        let inside = next.filter(|next| next.first().is_some_and(|first| is_member(*first)));
        Self {
            members,
            least,
            most: usize::MAX,
            before: inside.unwrap_or_default().into(),
        }
    }

    #[inline]
    fn end(&self, line: &[u8], at: usize) -> Option<usize> {
        let rest = line.get(at..)?;
        let most = rest.len().min(self.most);
        let run = rest[..most]
            .iter()
            .position(|byte| !self.members[usize::from(*byte)])
            .unwrap_or(most);
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
    fn end(&self, text: &[u8]) -> Option<usize> {
        let end = match &self.before {
            Some(literal) => self.least + literal.find(text.get(self.least..)?)?,
            None => text.len(),
        };
        (end >= self.least
            && text[..end]
                .iter()
                .all(|byte| self.members[usize::from(*byte)]))
        .then_some(end)
    }
}

impl Scan {
    /// How a shape is passed over when this item follows it.
    pub(super) fn of_shape(shape: Shape, next: Option<&Item>) -> Option<Self> {
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
            (Some(literal), _) => Some(Scan::Before(
                Box::new(memmem::Finder::new(literal).into_owned()),
                quotes,
            )),
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
                members: [true; 256],
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

    /// Where the step's bytes end, in the way the regex prefers.
    #[expect(
        clippy::inline_always,
        reason = "one jump a step instead of a call: a third of a plan's time"
    )]
    #[inline(always)]
    pub(super) fn end(&self, line: &[u8], at: usize, quotes: &mut impl FindQuote) -> Option<usize> {
        let rest = line.get(at..)?;
        match self {
            Self::Literal(literal) => rest.starts_with(literal).then(|| at + literal.len()),
            Self::ToQuote => Some(quotes.quote(line, at)),
            Self::ToBareQuote => Some(bare_quote(line, at, line.len(), quotes)),
            Self::ToUnescapedQuote => unescaped_quote(rest).map(|length| at + length),
            Self::Before(literal, allowed) => {
                let end = at + first(literal, rest)?;
                allowed.covers(line, at, end, quotes).then_some(end)
            }
            Self::Rest(allowed) => allowed
                .covers(line, at, line.len(), quotes)
                .then_some(line.len()),
            Self::Class(class) => class.end(line, at),
            Self::Word { least } => {
                let length = memchr2(b' ', b'"', rest).unwrap_or(rest.len());
                (length >= *least).then_some(at + length)
            }
            Self::Digits => digits(line, at),
            Self::DigitsOrDash => match rest.first()? {
                b'-' => Some(at + 1),
                _ => digits(rest, 0).map(|length| at + length),
            },
            Self::Status => match rest {
                [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] => Some(at + 3),
                _ => None,
            },
            Self::Decimal => decimal(rest, 0).map(|length| at + length),
            Self::ClfTime => CLF_TIME.holds(rest).then_some(at + CLF_TIME.width),
            Self::IsoTime => ISO_TIME.holds(rest).then_some(at + ISO_TIME.width),
            Self::List(entry) => list(rest, *entry).map(|length| at + length),
            Self::Lazy(lazy) => lazy.end(rest).map(|length| at + length),
            Self::Row(scans) => row(scans, line, at, quotes),
        }
    }
}

/// Where the last of a row ends.
fn row(scans: &[Scan], line: &[u8], at: usize, quotes: &mut impl FindQuote) -> Option<usize> {
    scans.iter().try_fold(at, |at, scan| match scan {
        Scan::Row(_) => None, // Rows are not made of rows.
        plain => plain.end(line, at, quotes),
    })
}

/// Where a literal stands first. Nearly always the text before it is `-`.
#[inline]
fn first(literal: &memmem::Finder<'_>, text: &[u8]) -> Option<usize> {
    match text {
        [b'-', rest @ ..] if rest.starts_with(literal.needle()) && literal.needle()[0] != b'-' => {
            Some(1)
        }
        _ => literal.find(text),
    }
}

impl Quotes {
    /// Whether the text between two places holds no quote that it must not.
    #[inline]
    fn covers(self, line: &[u8], at: usize, end: usize, quotes: &mut impl FindQuote) -> bool {
        match self {
            Self::None => quotes.quote(line, at) >= end,
            Self::AfterBackslash => bare_quote(line, at, end, quotes) >= end,
            Self::Escaped => unescaped_quote(&line[at..end]) == Some(end - at),
        }
    }
}

/// The first quote from `at` that no backslash precedes, or any place from `end` on if there is none
/// before that: what stands there is the next step's to ask for.
#[inline]
fn bare_quote(line: &[u8], at: usize, end: usize, quotes: &mut impl FindQuote) -> usize {
    let mut quote = quotes.quote(line, at);
    while quote > at && quote < end && line[quote - 1] == b'\\' {
        quote = quotes.quote(line, quote + 1);
    }
    quote
}

/// The end of the longest text in which a backslash takes the meaning from the byte behind it.
fn unescaped_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let Some(found) = memchr2(b'"', b'\\', &text[at..]) else {
            return Some(text.len());
        };
        at += found;
        if text[at] == b'"' {
            return Some(at);
        }
        // A backslash with nothing behind it is no text: the regex stops before it.
        if at + 1 == text.len() {
            return Some(at);
        }
        at += 2;
    }
}

/// The end of `[0-9]+` from `at`.
#[inline]
fn digits(text: &[u8], at: usize) -> Option<usize> {
    let run = text
        .get(at..)?
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (run > 0).then_some(at + run)
}

/// The end of `[0-9]+\.[0-9]+` from `at`.
#[inline]
fn decimal(text: &[u8], at: usize) -> Option<usize> {
    // What nginx writes nearly always; the general way gives the same.
    if let [a, b'.', b, c, d, after, ..] = text.get(at..)?
        && [a, b, c, d].into_iter().all(u8::is_ascii_digit)
        && !after.is_ascii_digit()
    {
        return Some(at + 5);
    }
    let point = digits(text, at)?;
    (text.get(point) == Some(&b'.')).then_some(())?;
    digits(text, point + 1)
}

/// The end of an upstream list: entries between `, ` and ` : `.
#[inline]
fn list(text: &[u8], entry: Entry) -> Option<usize> {
    let mut end = entry_end(text, 0, entry)?;
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
            let is_member = |byte: &&u8| !matches!(**byte, b' ' | b',' | b'"');
            let run = text[at..].iter().take_while(is_member).count();
            (run > 0).then_some(at + run)
        }
    }
}

/// Bytes of fixed width, each between two bounds; where `either` is set, it or the lower bound.
struct Fixed {
    low: [u8; 32],
    span: [u8; 32],
    width: usize,
    /// A place where only the two ends of the range are meant.
    sign: usize,
}

/// `dd/Aaa/dddd:dd:dd:dd ±dddd`.
static CLF_TIME: Fixed = Fixed::new(b"dd/Aaa/dddd:dd:dd:dd +dddd");
/// `dddd-dd-ddTdd:dd:dd±dd:dd`.
static ISO_TIME: Fixed = Fixed::new(b"dddd-dd-ddTdd:dd:dd+dd:dd");

impl Fixed {
    /// `d` a digit, `A` a capital, `a` a small letter, `+` a sign; all else itself.
    const fn new(mask: &[u8]) -> Self {
        let mut fixed = Self {
            low: [0; 32],
            span: [255; 32],
            width: mask.len(),
            sign: 0,
        };
        let mut at = 0;
        while at < mask.len() {
            (fixed.low[at], fixed.span[at]) = match mask[at] {
                b'd' => (b'0', 9),
                b'A' => (b'A', 25),
                b'a' => (b'a', 25),
                b'+' => {
                    fixed.sign = at;
                    (b'+', 2)
                }
                byte => (byte, 0),
            };
            at += 1;
        }
        fixed
    }

    #[inline]
    fn holds(&self, text: &[u8]) -> bool {
        if text.get(self.sign).is_none_or(|byte| *byte == b',') || text.len() < self.width {
            return false;
        }
        let mut bytes = [0; 32];
        match text.first_chunk::<32>() {
            Some(chunk) => bytes = *chunk,
            None => bytes[..text.len()].copy_from_slice(text),
        }
        let mut outside = 0;
        for ((byte, low), span) in bytes.iter().zip(&self.low).zip(&self.span) {
            outside |= u8::from(byte.wrapping_sub(*low) > *span);
        }
        outside == 0
    }
}
