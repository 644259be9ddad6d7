//! Label values from fixed lists: schemes, versions of HTTP, and charsets.
//!
//! Invariant: every text outside a list has one number.

/// The scheme of a request (RFC 9110, 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scheme {
    /// Another scheme, or none.
    Other,
    /// `http`, without TLS.
    Http,
    /// `https`, over TLS.
    Https,
}

/// The version of HTTP that a request used, as OpenTelemetry names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HttpVersion {
    /// Another version, or none.
    Other,
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
    /// HTTP/3.
    Http3,
}

/// The number of a `Content-Type`'s charset: its index in [`Charset::NAMES`] + 2, [`Charset::OTHER`]
/// or [`Charset::ABSENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(u8);

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 3] = [Self::Other, Self::Http, Self::Https];

    /// Returns the scheme of a logged text.
    #[inline]
    pub fn from_bytes(scheme: Option<&[u8]>) -> Self {
        match scheme {
            Some(b"http") => Self::Http,
            Some(b"https") => Self::Https,
            _ => Self::Other,
        }
    }

    /// Returns the label's value; `None` for [`Scheme::Other`].
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Other => None,
            Self::Http => Some("http"),
            Self::Https => Some("https"),
        }
    }
}

impl HttpVersion {
    /// Every version.
    pub const ALL: [Self; 5] = [
        Self::Other,
        Self::Http10,
        Self::Http11,
        Self::Http2,
        Self::Http3,
    ];

    /// Returns the version of a logged protocol. Servers write `HTTP/2.0` or `HTTP/2`.
    pub fn from_bytes(protocol: Option<&[u8]>) -> Self {
        match protocol.and_then(|protocol| protocol.strip_prefix(b"HTTP/")) {
            Some(b"1.0") => Self::Http10,
            Some(b"1.1") => Self::Http11,
            Some(b"2.0" | b"2") => Self::Http2,
            Some(b"3.0" | b"3") => Self::Http3,
            _ => Self::Other,
        }
    }

    /// Returns the label's value; `None` for [`HttpVersion::Other`].
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Other => None,
            Self::Http10 => Some("1.0"),
            Self::Http11 => Some("1.1"),
            Self::Http2 => Some("2"),
            Self::Http3 => Some("3"),
        }
    }
}

impl Charset {
    /// A `Content-Type` without a charset, or none.
    pub const ABSENT: Self = Self(0);
    /// A charset outside the list.
    pub const OTHER: Self = Self(1);
    /// The list in lower case; at most 30 names, so that a number has five bits.
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

    /// Returns the charset of a `Content-Type` (RFC 9110, 8.3).
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
        // A quote may be plain, or escaped by nginx (`\x22`) or gunicorn (`\"`).
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

    /// Returns the number, below 32.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Creates the charset of a number that [`Charset::number`] returned.
    pub const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// Returns the label's value; `None` for a charset that is absent or outside the list.
    pub fn name(self) -> Option<&'static str> {
        let at = usize::from(self.0).checked_sub(2)?;
        Self::NAMES.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_servers_write() {
        let check = |protocol: &[u8], expected| {
            assert_eq!(HttpVersion::from_bytes(Some(protocol)).name(), expected);
        };
        check(b"HTTP/1.0", Some("1.0"));
        check(b"HTTP/1.1", Some("1.1"));
        check(b"HTTP/2.0", Some("2"));
        check(b"HTTP/2", Some("2"));
        check(b"HTTP/3.0", Some("3"));
        check(b"HTTP/3", Some("3"));
        for unknown in [
            &b"HTTP/0.9"[..],
            b"HTTP/1.2",
            b"http/1.1",
            b"2.0",
            b"",
            b"-",
        ] {
            check(unknown, None);
        }
        assert_eq!(HttpVersion::from_bytes(None), HttpVersion::Other);
    }

    #[test]
    fn charsets_are_listed_regardless_of_case() {
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
    fn only_http_and_https_have_a_name() {
        assert_eq!(Scheme::from_bytes(Some(b"https")).name(), Some("https"));
        assert_eq!(Scheme::from_bytes(Some(b"HTTPS")).name(), None);
        assert_eq!(Scheme::from_bytes(None), Scheme::Other);
    }
}
