//! Integers with their unit in the type.
//!
//! Invariant: sums are exact; floating point numbers appear only in encoders.

use std::fmt;

use super::digits;

/// A duration in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A logged status code of three decimal digits, 000 to 999.
///
/// RFC 9110 defines 100 to 599. nginx also writes 000, 009 (HTTP/0.9), 444 and 494 to 499
/// (`src/http/ngx_http_request.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

/// The unit of an integer in a series, by which encoders format it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A count; written as it is.
    One,
    /// Microseconds; written as seconds with at most six decimals.
    Micros,
    /// Bytes; written as a whole number.
    Bytes,
}

impl Micros {
    /// Parses whole seconds with an optional fraction (nginx `$request_time`, gunicorn `%(L)s`).
    /// Digits past the sixth decimal are cut off. `None` for anything else and above `u64::MAX`
    /// microseconds.
    ///
    /// ```
    /// use httplog_exporter::model::Micros;
    /// assert_eq!(Micros::from_seconds(b"1.25"), Some(Micros(1_250_000)));
    /// assert_eq!(Micros::from_seconds(b"-"), None);
    /// ```
    #[inline]
    pub fn from_seconds(text: &[u8]) -> Option<Self> {
        // Fast path for `d.ddd`, which nginx writes nearly always; `from_decimal` agrees with it.
        if let [a, b, c, d, e] = *text
            && let word = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
            && let Some(thousandths) = digits::thousandths(word)
        {
            return Some(Self(thousandths * 1_000));
        }
        Self::from_other_seconds(text)
    }

    /// Parses seconds of any form. It is not inlined, as few values of nginx need it and all others are read faster so.
    #[inline(never)]
    fn from_other_seconds(text: &[u8]) -> Option<Self> {
        // Fast path for `d.dddddd`, which gunicorn writes nearly always.
        if let [whole @ b'0'..=b'9', b'.', a, b, c, d, e, f] = *text
            && let word = u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
            && digits::leading(word) == 6
        {
            let whole = u64::from(whole - b'0') * 1_000_000;
            return Some(Self(whole + digits::number(word, 6)));
        }
        Self::from_decimal::<1_000_000>(text)
    }

    /// Parses a number with or without decimals, of a unit of `UNIT` microseconds; a power of ten. Further decimals than
    /// microseconds are cut off.
    fn from_decimal<const UNIT: u64>(text: &[u8]) -> Option<Self> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = parse_integer(&text[..digits])?.checked_mul(UNIT)?;
        let fraction = match &text[digits..] {
            [] => return Some(Self(whole)),
            [b'.', fraction @ ..] if !fraction.is_empty() => fraction,
            _ => return None,
        };
        let mut micros = 0;
        let mut scale = UNIT / 10;
        for byte in fraction {
            if !byte.is_ascii_digit() {
                return None;
            }
            micros += u64::from(byte - b'0') * scale;
            scale /= 10;
        }
        whole.checked_add(micros).map(Self)
    }

    /// Parses milliseconds (gunicorn `%(M)s`), with or without decimals (Granian).
    pub fn from_millis(text: &[u8]) -> Option<Self> {
        match parse_integer(text) {
            Some(whole) => whole.checked_mul(1_000).map(Self),
            None => Self::from_decimal::<1_000>(text),
        }
    }

    /// Parses microseconds (gunicorn `%(D)s`, Apache `%D`), with or without decimals.
    pub fn from_micros(text: &[u8]) -> Option<Self> {
        match parse_integer(text) {
            Some(whole) => Some(Self(whole)),
            None => Self::from_decimal::<1>(text),
        }
    }

    /// Parses nanoseconds (Traefik `Duration`), with or without decimals. What is below a microsecond is cut off.
    pub fn from_nanos(text: &[u8]) -> Option<Self> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (whole, rest) = text.split_at(digits);
        let is_number = match rest {
            [] => true,
            [b'.', fraction @ ..] => {
                !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        };
        let nanos = parse_integer(whole).filter(|_| is_number)?;
        Some(Self(nanos / 1_000))
    }
}

impl fmt::Display for Micros {
    /// Formats the exact value in milliseconds: `12ms`, `0.25ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000) {
            (millis, 0) => write!(f, "{millis}ms"),
            (millis, micros) => {
                let decimals = format!("{micros:03}");
                write!(f, "{millis}.{}ms", decimals.trim_end_matches('0'))
            }
        }
    }
}

impl Bytes {
    /// Parses a whole number of bytes; `None` for anything else, such as `-`.
    pub fn from_decimal(text: &[u8]) -> Option<Self> {
        parse_integer(text).map(Self)
    }
}

impl Status {
    /// Parses exactly three digits.
    pub fn from_digits(text: &[u8]) -> Option<Self> {
        match text {
            [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
                let digit = |byte: &u8| u16::from(byte - b'0');
                Some(Self(digit(a) * 100 + digit(b) * 10 + digit(c)))
            }
            _ => None,
        }
    }

    /// Returns the three digits.
    pub fn digits(self) -> [u8; 3] {
        [self.0 / 100, self.0 / 10, self.0].map(|digit| b'0' + (digit % 10) as u8)
    }

    /// Parses the three digits that a word (see `digits`) begins with; later bytes are ignored.
    #[inline]
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        let code = u16::try_from(digits::number(word, 3)).ok()?;
        (digits::leading(word) >= 3).then_some(Self(code))
    }

    /// Returns the code, 0 to 999.
    pub fn code(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// Parses one or more decimal digits without a sign; `None` above `u64::MAX`.
#[inline]
fn parse_integer(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    if text.len() < 19 {
        // 18 digits cannot overflow.
        for byte in text {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u64::from(digit);
        }
        return Some(value);
    }
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seconds_are_exact_decimals() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(
                Micros::from_seconds(text.as_bytes()),
                expected.map(Micros),
                "{text:?}"
            );
        };
        check("0.000", Some(0));
        check("0.001", Some(1_000));
        check("12.345", Some(12_345_000));
        check("0.000123", Some(123));
        check("0.0001239", Some(123));
        check("7", Some(7_000_000));
        for wrong in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "-1",
            "1e9",
            "0.001, 0.002",
            "1.2.3",
            "nan",
            "+1",
        ] {
            check(wrong, None);
        }
        check("x.001", None);
        check("0.0x1", None);
        check("9.999", Some(9_999_000));
        check("9.000120", Some(9_000_120));
        check("0.00012x", None);
        check("x.000120", None);
        check("18446744073709.551615", Some(u64::MAX));
        check("18446744073709.551616", None);
        check("99999999999999999999", None);
    }

    #[test]
    fn durations_are_shown_in_milliseconds() {
        assert_eq!(Micros(12_000).to_string(), "12ms");
        assert_eq!(Micros(250).to_string(), "0.25ms");
        assert_eq!(Micros(0).to_string(), "0ms");
    }

    #[test]
    fn status_is_three_digits() {
        assert_eq!(Status::from_digits(b"009").map(Status::code), Some(9));
        assert_eq!(Status::from_digits(b"499").map(Status::code), Some(499));
        for wrong in [&b""[..], b"20", b"2000", b"2x0", b"-"] {
            assert_eq!(Status::from_digits(wrong), None);
        }
        assert_eq!(Status(9).to_string(), "009");
    }

    proptest! {
        #[test]
        fn any_microseconds_survive_being_written_as_seconds(micros: u64) {
            let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(Micros::from_seconds(text.as_bytes()), Some(Micros(micros)));
        }

        #[test]
        fn fast_and_general_parsing_of_seconds_agree(text in "[0-9x]{1,2}[.0x]([0-9]{1,7}|[0-9x]{3,6})") {
            let (fast, general) = (Micros::from_seconds, Micros::from_decimal::<1_000_000>);
            prop_assert_eq!(fast(text.as_bytes()), general(text.as_bytes()));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text: Vec<u8>) {
            let _ = (Micros::from_seconds(&text), Bytes::from_decimal(&text), Status::from_digits(&text));
        }
    }
}
