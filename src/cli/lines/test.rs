//! Tests of values: of label values and texts, and of numbers.
//!
//! Invariant: a test depends on one value alone.

use regex::bytes::Regex;

use crate::metric::Quantity;
use crate::model::{Bytes, Micros, Unit};

/// A test of a text.
#[derive(Debug)]
pub(super) struct TextTest {
    /// The text that is compared; `None` if only the expression counts.
    literal: Option<String>,
    /// The expression, which must match the whole text; `None` if only the literal counts.
    expression: Option<Regex>,
    is_negated: bool,
}

/// A comparison of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumberTest {
    pub(super) quantity: Quantity,
    pub(super) operator: Operator,
    /// In the unit of the quantity.
    pub(super) value: u64,
}

/// An operator between a name and a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Is,
    IsNot,
    Matches,
    MatchesNot,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Operator {
    /// Every operator with its notation; a longer one precedes its beginning.
    pub(super) const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::IsNot),
        ("!~", Self::MatchesNot),
        ("=~", Self::Matches),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Is),
        ("<", Self::Below),
        (">", Self::Above),
    ];

    /// Returns whether it compares the sizes of numbers.
    pub(super) fn is_of_numbers(self) -> bool {
        matches!(
            self,
            Self::Below | Self::AtMost | Self::Above | Self::AtLeast
        )
    }
}

impl TextTest {
    /// Makes a test for equality.
    pub(super) fn literal(value: &str, operator: Operator) -> Self {
        Self {
            literal: Some(value.to_owned()),
            expression: None,
            is_negated: operator == Operator::IsNot,
        }
    }

    /// Makes a test by an expression; `or_equal` also lets the same text pass.
    pub(super) fn expression(
        value: &str,
        operator: Operator,
        or_equal: bool,
    ) -> Result<Self, regex::Error> {
        Ok(Self {
            literal: or_equal.then(|| value.to_owned()),
            expression: Some(Regex::new(&format!("^(?s:{value})$"))?),
            is_negated: matches!(operator, Operator::IsNot | Operator::MatchesNot),
        })
    }

    /// Returns whether a value passes.
    pub(super) fn passes(&self, value: &[u8]) -> bool {
        let is_equal = |literal: &String| literal.as_bytes() == value;
        let is_found = self.literal.as_ref().is_some_and(is_equal)
            || (self.expression.as_ref()).is_some_and(|expression| expression.is_match(value));
        is_found != self.is_negated
    }

    pub(super) fn is_negated(&self) -> bool {
        self.is_negated
    }
}

impl NumberTest {
    /// Returns whether a number passes; an absent one does not.
    pub(super) fn passes(self, number: Option<u64>) -> bool {
        let value = self.value;
        number.is_some_and(|number| match self.operator {
            Operator::Is | Operator::Matches => number == value,
            Operator::IsNot | Operator::MatchesNot => number != value,
            Operator::Below => number < value,
            Operator::AtMost => number <= value,
            Operator::Above => number > value,
            Operator::AtLeast => number >= value,
        })
    }
}

/// Parses a number with its unit, such as `1.5s`, `250ms`, `64KiB`. Seconds and bytes need none.
pub(super) fn number(text: &str, unit: Unit) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (digits, suffix) = (digits.as_bytes(), &text[digits.len()..]);
    let micros = |times: u64| {
        let seconds = Micros::from_seconds(digits)?;
        seconds.0.checked_mul(times)
    };
    let bytes = |times: u64| Bytes::from_decimal(digits)?.0.checked_mul(times);
    match (unit, suffix) {
        (Unit::Micros, "us") => Micros::from_micros(digits).map(|it| it.0),
        (Unit::Micros, "ms") => Micros::from_millis(digits).map(|it| it.0),
        (Unit::Micros, "" | "s") => micros(1),
        (Unit::Micros, "m" | "min") => micros(60),
        (Unit::Micros, "h") => micros(3_600),
        (Unit::Bytes, "" | "B") | (Unit::One, "") => bytes(1),
        (Unit::Bytes, "kB" | "KB") => bytes(1_000),
        (Unit::Bytes, "MB") => bytes(1_000_000),
        (Unit::Bytes, "GB") => bytes(1_000_000_000),
        (Unit::Bytes, "KiB") => bytes(1 << 10),
        (Unit::Bytes, "MiB") => bytes(1 << 20),
        (Unit::Bytes, "GiB") => bytes(1 << 30),
        _ => None,
    }
}

/// Returns what [`number`] accepts.
pub(super) fn notation(unit: Unit) -> &'static str {
    match unit {
        Unit::Micros => "a duration is a number with us, ms, s, m or h, as in `1.5s`",
        Unit::Bytes => {
            "a size is a whole number with B, kB, MB, GB, KiB, MiB or GiB, as in `64KiB`"
        }
        Unit::One => "it is a whole number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        let check = |text, unit, expected| assert_eq!(number(text, unit), expected, "{text}");
        check("1s", Unit::Micros, Some(1_000_000));
        check("1.5", Unit::Micros, Some(1_500_000));
        check("250ms", Unit::Micros, Some(250_000));
        check("80us", Unit::Micros, Some(80));
        check("2m", Unit::Micros, Some(120_000_000));
        check("0.5h", Unit::Micros, Some(1_800_000_000));
        check("64KiB", Unit::Bytes, Some(65_536));
        check("3MB", Unit::Bytes, Some(3_000_000));
        check("7", Unit::One, Some(7));
        for (text, unit) in [
            ("1x", Unit::Micros),
            ("s", Unit::Micros),
            ("-1s", Unit::Micros),
            ("1.5KiB", Unit::Bytes),
            ("1s", Unit::Bytes),
            ("1B", Unit::One),
            ("99999999999999999999", Unit::One),
            ("18446744073709551615GiB", Unit::Bytes),
        ] {
            check(text, unit, None);
        }
    }

    #[test]
    fn an_expression_matches_the_whole_value() {
        let check = |expression: &str, value: &str, expected| {
            let test = TextTest::expression(expression, Operator::Is, true).unwrap();
            assert_eq!(
                test.passes(value.as_bytes()),
                expected,
                "{expression} {value}"
            );
        };
        check("5..", "502", true);
        check("5..", "1502", false);
        check("GET|POST", "POST", true);
        check("GET|POST", "POSTS", false);
        check("a.b", "a\nb", true);
        check("/a/(x+)/", "/a/(x+)/", true);
        check("<other>", "<other>", true);
        let other = TextTest::literal("5..", Operator::IsNot);
        assert!(other.passes(b"502") && !other.passes(b"5.."));
    }
}
