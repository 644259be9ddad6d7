//! The lowered matcher: finds delimiters instead of running an automaton.
//!
//! Invariant: a plan takes, at each step, the choice that the regex prefers there. So a line that it
//! reads to the end is read exactly as the regex reads it; of any other line it says nothing, and
//! the regex decides.

use memchr::{memchr, memmem};

use super::template::{Binding, Entry, Item, Shape, Template};

/// Steps that read a line from left to right.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    steps: Vec<Step>,
}

/// One step, and what the bytes it passes over tell.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) scan: Scan,
    pub(super) binding: Option<Binding>,
}

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

impl Plan {
    /// The plan of a template; `None` where a lazy text is followed by no literal.
    pub(super) fn of_template(template: &Template) -> Option<Self> {
        let mut steps = Vec::with_capacity(template.items.len());
        for (at, item) in template.items.iter().enumerate() {
            let next = template.items.get(at + 1);
            steps.push(match item {
                Item::Literal(literal) => Step {
                    scan: Scan::Literal(literal.as_bytes().into()),
                    binding: None,
                },
                Item::Slot(slot) => Step {
                    scan: scan(slot.shape, next)?,
                    binding: slot.binding,
                },
            });
        }
        Some(Self { steps })
    }

    pub(super) fn of_steps(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// Passes over the line; gives each bound value to `found`. `false` means nothing: `found` may
    /// have been given wrong values.
    #[inline]
    pub(super) fn run<'l>(&self, line: &'l [u8], mut found: impl FnMut(Binding, &'l [u8])) -> bool {
        let mut at = 0;
        for step in &self.steps {
            let Some(end) = step.scan.end(line, at) else {
                return false;
            };
            if let Some(binding) = step.binding {
                found(binding, &line[at..end]);
            }
            at = end;
        }
        at == line.len()
    }

    /// Leaves out the values that nobody wants.
    pub(super) fn retain(&mut self, wanted: impl Fn(Binding) -> bool) {
        for step in &mut self.steps {
            step.binding = step.binding.filter(|binding| wanted(*binding));
        }
    }
}

/// How a shape is passed over when this item follows it.
fn scan(shape: Shape, next: Option<&Item>) -> Option<Scan> {
    let literal = match next {
        Some(Item::Literal(literal)) => Some(literal.as_bytes()),
        _ => None,
    };
    let quoted = literal.is_some_and(|literal| literal.starts_with(b"\""));
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
        Shape::Raw => {
            let before = match (literal, next) {
                (Some(literal), _) => Some(memmem::Finder::new(literal).into_owned()),
                (None, None) => None,
                (None, Some(_)) => return None,
            };
            Scan::Lazy(Box::new(Lazy {
                members: [true; 256],
                least: 0,
                before,
            }))
        }
        Shape::Word => class(|byte| !matches!(byte, b' ' | b'"'), 1),
        Shape::WordOrNothing => class(|byte| !matches!(byte, b' ' | b'"'), 0),
        Shape::Digits => class(|byte| byte.is_ascii_digit(), 1),
        Shape::DigitsOrDash => Scan::DigitsOrDash,
        Shape::Status => Scan::Status,
        Shape::Decimal => Scan::Decimal,
        Shape::ClfTime => Scan::ClfTime,
        Shape::IsoTime => Scan::IsoTime,
        Shape::List(entry) => Scan::List(entry),
    })
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
    /// Where the step's bytes end, in the way the regex prefers.
    #[inline]
    fn end(&self, line: &[u8], at: usize) -> Option<usize> {
        let rest = line.get(at..)?;
        match self {
            Self::Literal(literal) => rest.starts_with(literal).then(|| at + literal.len()),
            Self::ToQuote => Some(at + memchr(b'"', rest).unwrap_or(rest.len())),
            Self::ToBareQuote => Some(at + bare_quote(rest).unwrap_or(rest.len())),
            Self::ToUnescapedQuote => unescaped_quote(rest).map(|length| at + length),
            Self::Before(literal, quotes) => {
                let length = first(literal, rest)?;
                quotes.allow(&rest[..length]).then_some(at + length)
            }
            Self::Rest(quotes) => quotes.allow(rest).then_some(line.len()),
            Self::Class(class) => class.end(line, at),
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
            Self::Row(scans) => scans.iter().try_fold(at, |at, scan| scan.end(line, at)),
        }
    }
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
    fn allow(self, text: &[u8]) -> bool {
        match self {
            Self::None => memchr(b'"', text).is_none(),
            Self::AfterBackslash => bare_quote(text).is_none(),
            Self::Escaped => unescaped_quote(text) == Some(text.len()),
        }
    }
}

/// The first quote that no backslash precedes.
fn bare_quote(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'"', text).find(|at| *at == 0 || text[at - 1] != b'\\')
}

/// The end of the longest text in which a backslash takes the meaning from the byte behind it.
fn unescaped_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) else {
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
        for at in 0..32 {
            outside |= u8::from(bytes[at].wrapping_sub(self.low[at]) > self.span[at]);
        }
        outside == 0
    }
}
