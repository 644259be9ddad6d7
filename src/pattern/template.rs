//! Templates: literals and the values between them, the common form of all text dialects.
//!
//! Invariant: a template's regex is anchored at both ends, so a line matches whole or not at all.

use std::ops::Range;

use super::Complaint;
use super::binding::Binding;
use super::escape::Escaping;
use super::kind::Kind;
use crate::model::FieldSet;

/// A log format as a sequence of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The items, in the order of the line.
    pub items: Vec<Item>,
    /// The escaping of values. With [`Escaping::None`], nginx's `escape=none`, a client can forge
    /// other values, and split a line in two.
    pub escaping: Escaping,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Fixed bytes.
    Literal(String),
    /// A value that varies.
    Slot(Slot),
}

/// A place for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The server's name for the value (`request_time`, `L`).
    pub name: String,
    /// The possible values.
    pub shape: Shape,
    /// The type of the value.
    pub kind: Kind,
    /// The meaning of the value, if it fills a field.
    pub binding: Option<Binding>,
    /// The place in the format string, in bytes.
    pub span: Range<usize>,
}

/// The possible values of a slot: a regular language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any bytes except `"`, which nginx writes as `\x22`.
    Text,
    /// Any bytes, `"` only after a backslash: gunicorn.
    SlashText,
    /// Any bytes, `"` and `\` only after a backslash: Apache, and nginx with `escape=json`.
    Escaped,
    /// [`Shape::Escaped`], or the `""` that Apache writes for a user with an empty name.
    User,
    /// Any bytes, as few as possible: nginx with `escape=none`.
    Raw,
    /// One or more bytes without blanks and quotes.
    Word,
    /// A word, or nothing.
    WordOrNothing,
    /// Decimal digits.
    Digits,
    /// Decimal digits, or nothing.
    DigitsOrNothing,
    /// Decimal digits, or `-`.
    DigitsOrDash,
    /// Exactly three digits.
    Status,
    /// Three digits, or `-`.
    StatusOrDash,
    /// Digits, a point, digits.
    Decimal,
    /// `22/Nov/2026:18:47:15 +0000`.
    ClfTime,
    /// `2026-11-22T18:47:15+00:00`.
    IsoTime,
    /// One value for each upstream attempt; an entry may be `-`. An internal redirect that reaches no upstream leaves a
    /// ` : ` at the end (`src/http/ngx_http_upstream.c`, `ngx_http_upstream_response_time_variable`).
    List(Entry),
}

/// An entry of an upstream list.
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
    /// Start of the regular expression, before the first item.
    pub(super) const HEAD: &str = r"(?s-u)\A";
    /// End of the regular expression, after the last item.
    pub(super) const TAIL: &str = r"\z";

    /// Creates an empty template.
    pub(super) fn new(escaping: Escaping) -> Self {
        Self {
            items: Vec::new(),
            escaping,
        }
    }

    /// Returns the regular expression that accepts the template's lines; capture group N is the Nth
    /// bound slot.
    pub fn to_regex(&self) -> String {
        let mut regex = String::from(Self::HEAD);
        for at in 0..self.items.len() {
            regex.push_str(&self.fragment(at));
        }
        regex.push_str(Self::TAIL);
        regex
    }

    /// Returns the part of the regular expression for one item.
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

    /// Returns the bindings of the bound slots, in the order of the line.
    pub fn bindings(&self) -> impl Iterator<Item = Binding> + '_ {
        self.items.iter().filter_map(|item| match item {
            Item::Slot(slot) => slot.binding,
            Item::Literal(_) => None,
        })
    }

    /// Appends a literal, merged with a literal before it.
    pub(super) fn push_literal(&mut self, text: &str) {
        match self.items.last_mut() {
            Some(Item::Literal(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.items.push(Item::Literal(text.to_owned())),
        }
    }

    /// Binds each field once: of several slots for the same field, the one with the lowest rank keeps
    /// it; of equal ranks, the first.
    pub(super) fn dedupe_bindings(&mut self, rank: impl Fn(&Slot) -> u8) {
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

    /// Returns whether values are written without any escaping.
    pub(super) fn is_unescaped(&self) -> bool {
        let is_raw = |item: &Item| matches!(item, Item::Slot(slot) if slot.shape == Shape::Raw);
        self.items.iter().any(is_raw)
    }

    /// Returns whether two values without a fixed end are neighbours.
    pub(super) fn has_open_neighbours(&self) -> bool {
        let is_open = |item: &Item| matches!(item, Item::Slot(slot) if slot.shape.is_open());
        self.items.windows(2).any(|pair| pair.iter().all(is_open))
    }

    /// Refuses a template without variables; `sigil` starts a variable of the dialect.
    pub(super) fn checked(self, sigil: &str) -> Result<Self, Complaint> {
        if !self.items.iter().any(|item| matches!(item, Item::Slot(_))) {
            return Err(Complaint::new(
                format!("no variable: every value begins with `{sigil}`"),
                0..0,
            )
            .help("paste the server's format string, between single quotes"));
        }
        Ok(self)
    }
}

impl Slot {
    /// Creates a slot for any text of a shape.
    pub(super) fn new(
        name: impl Into<String>,
        shape: Shape,
        binding: Option<Binding>,
        span: Range<usize>,
    ) -> Self {
        Self {
            name: name.into(),
            shape,
            kind: Kind::Any,
            binding,
            span,
        }
    }

    /// Sets the type of the value.
    pub(super) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

impl Shape {
    /// Returns the regular expression of all values.
    pub(super) fn lazy_regex(self) -> &'static str {
        self.regex(false)
    }

    /// Returns the regular expression; `quoted` if a `"` follows, which ends a text at its first bare
    /// occurrence.
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
            (Self::DigitsOrNothing, _) => "[0-9]*",
            (Self::DigitsOrDash, _) => "[0-9]+|-",
            (Self::Status, _) => "[0-9]{3}",
            (Self::StatusOrDash, _) => "[0-9]{3}|-",
            (Self::Decimal, _) => r"[0-9]+\.[0-9]+",
            (Self::ClfTime, _) => {
                "[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}"
            }
            (Self::IsoTime, _) => {
                "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}"
            }
            (Self::List(Entry::Decimal), _) => {
                r"(?:-|[0-9]+\.[0-9]+)(?:(?:, | : )(?:-|[0-9]+\.[0-9]+))*(?: : )?"
            }
            (Self::List(Entry::Digits), _) => "(?:-|[0-9]+)(?:(?:, | : )(?:-|[0-9]+))*(?: : )?",
            (Self::List(Entry::Address), _) => r#"[^ ,"]+(?:(?:, | : )[^ ,"]+)*(?: : )?"#,
        }
    }

    /// Returns whether only the following item determines the end of the value.
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
            | Self::DigitsOrNothing
            | Self::DigitsOrDash
            | Self::Status
            | Self::StatusOrDash
            | Self::Decimal
            | Self::ClfTime
            | Self::IsoTime
            | Self::List(Entry::Decimal | Entry::Digits) => false,
        }
    }
}
