//! The expressions of values, from what their bytes may be to what well-formed requests have.
//!
//! Invariant: of the levels, each accepts what the next one accepts: plain, full, exact, usual, strict.

use std::borrow::Cow;

use super::super::escape::Escaping;
use super::super::kind::Kind;
use super::super::template::{Entry, Shape, Slot};

/// Strictness with which the values of a format are defined, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// The bytes of the shape. The regex and the plan read this.
    Plain,
    /// The values that the server can write.
    Full,
    /// The values that the server can write, without the rare forms that a neighbour could be mistaken for.
    Exact,
    /// The values of requests that the server answers, with blanks in targets, which old servers accept.
    Usual,
    /// The values of well-formed requests.
    Strict,
}

impl Slot {
    /// Returns an expression for the values of a slot.
    pub(super) fn language(&self, level: Level, escaping: Escaping) -> Cow<'static, str> {
        const ADDRESS: &str = r#"(?:[^ ,":][^ ,"]*[^ ,":]|[^ ,":])"#;
        let plain = Cow::Borrowed(self.shape.lazy_regex());
        if self.shape == Shape::List(Entry::Address) && level != Level::Plain {
            // No address begins or ends with a colon.
            return Cow::Owned(format!("{ADDRESS}(?:(?:, | : ){ADDRESS})*(?: : )?"));
        }
        let Some(alphabet) = Alphabet::of(self.shape, level).filter(|_| level != Level::Plain)
        else {
            return plain;
        };
        let (any, graphic) = (alphabet.without(""), alphabet.without(" "));
        let absent = match escaping {
            Escaping::Json | Escaping::None => "",
            Escaping::Nginx | Escaping::Quotes | Escaping::C => "-",
        };
        let is_strict = level == Level::Strict;
        let is_full = level == Level::Full;
        let is_exact = is_full || level == Level::Exact;
        let inner = if is_strict { &graphic } else { &any };
        Cow::Owned(match self.kind {
            Kind::Any => match self.shape {
                Shape::Word => format!("{any}+"),
                Shape::User => format!("\"\"|{any}*"),
                _ => format!("{any}*"),
            },
            Kind::Word | Kind::MediaType | Kind::Addresses | Kind::Length if is_exact => {
                format!("{any}*")
            }
            Kind::Word => format!("{graphic}*"),
            Kind::MediaType => {
                let part = alphabet.without(" /;");
                format!("{absent}|{part}+/{part}+(?:; *{any}*)?")
            }
            Kind::Args => format!("{inner}*"),
            // gunicorn writes the line itself, with the protocol (`gunicorn/glogging.py`, `atoms`).
            Kind::Request if self.shape == Shape::SlashText => {
                format!(r"{graphic}+ {inner}* HTTP/[0-9]+\.[0-9]+")
            }
            Kind::Request if is_exact => format!("{any}*"),
            Kind::Request => {
                format!(r"{absent}|[A-Za-z_-]+ {inner}+ HTTP/[0-9]+\.[0-9]+")
            }
            // The target of `GET http://a.test?x HTTP/1.1` is `?x`.
            Kind::Target if is_full => format!(r"{absent}|\*|[/?]{any}*"),
            Kind::Target => format!(r"{absent}|\*|/{inner}*"),
            Kind::Path if is_strict => format!(r"{absent}|\*|/{}*", alphabet.without(" ?")),
            Kind::Path => format!(r"{absent}|\*|/{any}*"),
            Kind::PathAndQuery if is_strict => format!(r"{absent}|\*|/{graphic}*"),
            Kind::PathAndQuery => format!("[*/-]{any}*"),
            Kind::Query => format!(r"(?:\?{inner}*)?"),
            Kind::QuestionMark => r"\??".to_owned(),
            // Quotes in a host could be taken for those of the format: gunicorn leaves a backslash bare.
            Kind::HostHeader if self.shape == Shape::SlashText => r#"[^"\\ /?]*"#.to_owned(),
            Kind::HostHeader if is_exact => format!("{any}*"),
            Kind::Host if is_full => format!("{}*", alphabet.without(" /")),
            Kind::Host | Kind::HostHeader => format!("{}*", alphabet.without(" /?")),
            Kind::Protocol if is_full => format!(r"{absent}|(?:HTTP/[0-9]+\.[0-9]+ *)?"),
            Kind::Protocol => format!(r"{absent}|HTTP/[0-9]+\.[0-9]+"),
            Kind::Scheme => "https?".to_owned(),
            Kind::Method if is_full => format!("{graphic}*"),
            Kind::Method => format!("{absent}|[A-Za-z_-]+"),
            Kind::Id => "[0-9a-f]{32}".to_owned(),
            Kind::Addresses => {
                let address = alphabet.without(" ,");
                format!("{address}*(?:, *{address}+)*")
            }
            Kind::Length => format!("{absent}|[0-9]*"),
        })
    }
}

/// The bytes that never stand for themselves under Apache's escaping and that of JSON.
const CONTROL_ESCAPED: &str = r#""\\\x00-\x1f"#;
/// The bytes that never stand for themselves under nginx's escaping.
const UNPRINTABLE: &str = r#""\\\x00-\x1f\x7f-\xff"#;

/// The characters of a value: bytes, or escapes of the server.
struct Alphabet {
    /// Bytes that stand for themselves never include these.
    never: &'static str,
    /// Escapes that are characters too.
    escape: &'static str,
}

impl Alphabet {
    /// Returns the characters of a shape; `None` for numbers, times and lists.
    fn of(shape: Shape, level: Level) -> Option<Self> {
        let (never, escape) = match shape {
            // A backslash at the end of a value, which gunicorn leaves bare, is not considered: with it, no format of
            // several values would be clear.
            Shape::SlashText => (r#""\\"#, r#"\\+"|\\+[^"\\]|"#),
            // Control characters are escaped, so that a tab divides values.
            Shape::Escaped | Shape::User => (CONTROL_ESCAPED, r"\\.|"),
            Shape::Word | Shape::WordOrNothing => (r#"" \x00-\x1f"#, ""),
            // Nothing is escaped; a value that holds quotes is odd.
            Shape::Raw if matches!(level, Level::Full | Level::Exact) => ("", ""),
            Shape::Raw => ("\"", ""),
            Shape::Text => (UNPRINTABLE, r"\\x[0-9A-F]{2}|"),
            _ => return None,
        };
        Some(Self { never, escape })
    }

    /// Returns an expression for one character that is none of these.
    fn without(&self, these: &str) -> String {
        let Self { never, escape } = self;
        match (*never, these) {
            ("", "") => ".".to_owned(),
            _ => format!("(?:{escape}[^{never}{these}])"),
        }
    }
}
