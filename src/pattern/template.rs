//! The one form that every text dialect is read into: literals and the values between them.
//!
//! Invariant: a template's regex is anchored at both ends, so a line matches whole or not at all.

use std::ops::Range;

use super::binding::Binding;
use super::escape::Escaping;
use crate::model::FieldSet;

/// A log format, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// In the order of the line.
    pub items: Vec<Item>,
    /// How values are escaped. [`Escaping::None`] is nginx's `escape=none`: a client can write
    /// what looks like other values, and split a line in two.
    pub escaping: Escaping,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// These very bytes.
    Literal(String),
    /// A value.
    Slot(Slot),
}

/// A place for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What the server calls it (`request_time`, `L`).
    pub name: String,
    /// What it can look like.
    pub shape: Shape,
    /// What it tells, if anything we use.
    pub binding: Option<Binding>,
    /// Where it stands in the format string, in bytes.
    pub span: Range<usize>,
}

/// What a value can look like; each is a regular language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any bytes but `"`: nginx writes that as `\x22`.
    Text,
    /// Any bytes, `"` only behind a backslash: gunicorn and Apache.
    SlashText,
    /// Any bytes, `"` and `\` only behind a backslash: Apache, and nginx with `escape=json`.
    Escaped,
    /// The same, or `""`: what Apache writes for a user whose name is empty.
    User,
    /// Any bytes, as few as can be: nginx with `escape=none`.
    Raw,
    /// No blank and no quote; at least one byte.
    Word,
    /// The same, and may be empty.
    WordOrNothing,
    /// Decimal digits.
    Digits,
    /// Decimal digits, or `-`.
    DigitsOrDash,
    /// Exactly three digits.
    Status,
    /// Digits, a point, digits.
    Decimal,
    /// `22/Nov/2026:18:47:15 +0000`.
    ClfTime,
    /// `2026-11-22T18:47:15+00:00`.
    IsoTime,
    /// One value for each upstream attempt; an entry may be `-`.
    List(Entry),
}

/// What stands in an upstream list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Seconds.
    Decimal,
    /// A status or a size.
    Digits,
    /// `127.0.0.1:8000`, `unix:/run/g.sock`.
    Address,
}

impl Template {
    /// What stands before the first item's part of the regular expression.
    pub(super) const HEAD: &str = r"(?s-u)\A";
    /// And behind the last one's.
    pub(super) const TAIL: &str = r"\z";

    /// A template of nothing.
    pub(super) fn new(escaping: Escaping) -> Self {
        Self {
            items: Vec::new(),
            escaping,
        }
    }

    /// The regular expression that accepts what the template describes; capture group N is the
    /// Nth bound slot.
    pub fn to_regex(&self) -> String {
        let mut regex = String::from(Self::HEAD);
        for at in 0..self.items.len() {
            regex.push_str(&self.fragment(at));
        }
        regex.push_str(Self::TAIL);
        regex
    }

    /// The part of the regular expression that one item is.
    pub(super) fn fragment(&self, at: usize) -> String {
        match self.items.get(at) {
            None => String::new(),
            Some(Item::Literal(literal)) => regex::escape(literal),
            Some(Item::Slot(slot)) => {
                let quoted = matches!(self.items.get(at + 1), Some(Item::Literal(next)) if next.starts_with('"'));
                let open = if slot.binding.is_some() { "(" } else { "(?:" };
                format!("{open}{})", slot.shape.regex(quoted))
            }
        }
    }

    /// The bound slots, in order.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> + '_ {
        self.items.iter().filter_map(|item| match item {
            Item::Slot(slot) => slot.binding,
            Item::Literal(_) => None,
        })
    }

    /// Adds a literal, joining it to one that stands before it.
    pub(super) fn push_literal(&mut self, text: &str) {
        match self.items.last_mut() {
            Some(Item::Literal(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.items.push(Item::Literal(text.to_owned())),
        }
    }

    /// Binds each field once: where two slots tell the same field, the one that `rank`s lower
    /// keeps it, the earlier one of two equals.
    pub(super) fn settle(&mut self, rank: impl Fn(&Slot) -> u8) {
        let mut best: Vec<(FieldSet, u8, usize)> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            if let Item::Slot(slot) = item
                && let Some(binding) = slot.binding
            {
                best.push((binding.fields(), rank(slot), at));
            }
        }
        best.sort_by_key(|(_, rank, at)| (*rank, *at));
        let mut taken = FieldSet::EMPTY;
        for (fields, _, at) in best {
            if fields.iter().any(|field| taken.contains(field)) {
                if let Some(Item::Slot(slot)) = self.items.get_mut(at) {
                    slot.binding = None;
                }
            } else {
                taken = taken.union(fields);
            }
        }
    }

    /// The first two neighbouring slots whose border nothing tells.
    pub(super) fn ambiguity(&self) -> Option<(&Slot, &Slot)> {
        self.items.windows(2).find_map(|pair| match pair {
            [Item::Slot(first), Item::Slot(second)]
                if first.shape.is_open() && second.shape.is_open() =>
            {
                Some((first, second))
            }
            _ => None,
        })
    }
}

impl Shape {
    /// `quoted`: a `"` follows, so that a text ends at the first bare one.
    fn regex(self, quoted: bool) -> &'static str {
        match (self, quoted) {
            (Self::Text, true) => r#"[^"]*"#,
            (Self::Text, false) => r#"[^"]*?"#,
            (Self::SlashText, true) => r#"(?:\\"|[^"])*"#,
            (Self::SlashText, false) => r#"(?:\\"|[^"])*?"#,
            (Self::Escaped, true) => r#"(?:[^"\\]|\\.)*"#,
            (Self::Escaped, false) => r#"(?:[^"\\]|\\.)*?"#,
            (Self::User, true) => r#"""|(?:[^"\\]|\\.)*"#,
            (Self::User, false) => r#"""|(?:[^"\\]|\\.)*?"#,
            (Self::Raw, _) => ".*?",
            (Self::Word, _) => r#"[^ "]+"#,
            (Self::WordOrNothing, _) => r#"[^ "]*"#,
            (Self::Digits, _) => "[0-9]+",
            (Self::DigitsOrDash, _) => "[0-9]+|-",
            (Self::Status, _) => "[0-9]{3}",
            (Self::Decimal, _) => r"[0-9]+\.[0-9]+",
            (Self::ClfTime, _) => {
                "[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}"
            }
            (Self::IsoTime, _) => {
                "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}"
            }
            (Self::List(Entry::Decimal), _) => {
                r"(?:-|[0-9]+\.[0-9]+)(?:(?:, | : )(?:-|[0-9]+\.[0-9]+))*"
            }
            (Self::List(Entry::Digits), _) => "(?:-|[0-9]+)(?:(?:, | : )(?:-|[0-9]+))*",
            (Self::List(Entry::Address), _) => r#"[^ ,"]+(?:(?:, | : )[^ ,"]+)*"#,
        }
    }

    /// Whether only what follows tells where it ends.
    fn is_open(self) -> bool {
        match self {
            Self::Text
            | Self::SlashText
            | Self::Escaped
            | Self::User
            | Self::Raw
            | Self::Word
            | Self::WordOrNothing
            | Self::List(Entry::Address) => true,
            Self::Digits
            | Self::DigitsOrDash
            | Self::Status
            | Self::Decimal
            | Self::ClfTime
            | Self::IsoTime
            | Self::List(Entry::Decimal | Entry::Digits) => false,
        }
    }
}
