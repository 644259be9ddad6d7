//! Values of fixed lists, told from a line's text.
//!
//! Invariant: what is not in the list is a number of its own, whatever its bytes.

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scheme {
    /// Anything else, or nothing.
    Other,
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// The charset of a `Content-Type`, by its place in [`Charset::NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(u8);

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 3] = [Self::Other, Self::Http, Self::Https];

    /// The scheme of a request.
    #[inline]
    pub fn from_bytes(scheme: Option<&[u8]>) -> Self {
        match scheme {
            Some(b"http") => Self::Http,
            Some(b"https") => Self::Https,
            _ => Self::Other,
        }
    }

    /// The label's value; `None` for what is not in the list.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Other => None,
            Self::Http => Some("http"),
            Self::Https => Some("https"),
        }
    }
}

impl Charset {
    /// No charset is said.
    pub const ABSENT: Self = Self(0);
    /// One that is not in the list.
    pub const OTHER: Self = Self(1);
    /// The list, lower-cased; at most 30, so that a number takes five bits.
    pub const NAMES: [&'static str; 16] = [
        "utf-8",
        "iso-8859-1",
        "us-ascii",
        "ascii",
        "iso-8859-2",
        "iso-8859-15",
        "windows-1251",
        "windows-1252",
        "utf-16",
        "koi8-r",
        "gb2312",
        "gbk",
        "big5",
        "euc-jp",
        "shift_jis",
        "euc-kr",
    ];

    /// The charset that a `Content-Type` (RFC 9110, 8.3) names.
    pub fn from_content_type(content_type: Option<&[u8]>) -> Self {
        const KEY: &[u8] = b"charset=";
        let Some(text) = content_type else {
            return Self::ABSENT;
        };
        let is_key = |window: &[u8]| window.eq_ignore_ascii_case(KEY);
        let Some(at) = text.windows(KEY.len()).position(is_key) else {
            return Self::ABSENT;
        };
        let name = &text[at + KEY.len()..];
        // A quote as it is, and as servers escape it.
        let name = [&b"\""[..], b"\\x22", b"\\\""]
            .into_iter()
            .find_map(|quote| name.strip_prefix(quote))
            .unwrap_or(name);
        let end = name
            .iter()
            .position(|byte| matches!(byte, b';' | b' ' | b'"' | b'\\' | b','));
        let name = &name[..end.unwrap_or(name.len())];
        let known = Self::NAMES
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        known
            .and_then(|at| u8::try_from(at + 2).ok())
            .map_or(Self::OTHER, Self)
    }

    /// Its number, below 32.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The charset of a number.
    pub const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// The label's value; `None` for what is not in the list or not said.
    pub fn name(self) -> Option<&'static str> {
        let at = usize::from(self.0).checked_sub(2)?;
        Self::NAMES.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_are_of_the_list_whatever_their_case() {
        let check =
            |text: &[u8], expected| assert_eq!(Charset::from_content_type(Some(text)), expected);
        let utf8 = Charset::from_content_type(Some(b"text/html; charset=utf-8"));
        assert_eq!(utf8.name(), Some("utf-8"));
        check(b"text/html;Charset=UTF-8", utf8);
        check(b"text/html; charset=\"utf-8\"; x=y", utf8);
        check(b"text/html; charset=\\x22utf-8\\x22", utf8);
        check(b"text/html; charset=jane@example.com", Charset::OTHER);
        check(b"text/html; charset=", Charset::OTHER);
        check(b"application/json", Charset::ABSENT);
        assert_eq!(Charset::from_content_type(None), Charset::ABSENT);
        assert!(Charset::NAMES.len() <= 30);
    }

    #[test]
    fn schemes_are_two() {
        assert_eq!(Scheme::from_bytes(Some(b"https")).name(), Some("https"));
        assert_eq!(Scheme::from_bytes(Some(b"HTTPS")).name(), None);
        assert_eq!(Scheme::from_bytes(None), Scheme::Other);
    }
}
