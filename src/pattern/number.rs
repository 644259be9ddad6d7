//! Numbers in every notation that JSON allows.
//!
//! Invariant: a number is read exactly, or truncated to its unit, or not at all.

use crate::model::Status;

/// Parses a status with a fraction or an exponent: `200.0`, `2e2`.
#[cold]
pub(super) fn status_of_number(text: &[u8]) -> Option<Status> {
    if text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = u16::try_from(whole(text)?).ok()?;
    let digit = |of: u16| u8::try_from(of % 10).map(|digit| b'0' + digit);
    let digits = [code / 100, code / 10, code].map(digit);
    match (code, digits) {
        (..1_000, [Ok(a), Ok(b), Ok(c)]) => Status::from_digits(&[a, b, c]),
        _ => None,
    }
}

/// Parses a number with an optional fraction and exponent; `None` unless it is an integer of 64 bits.
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    let (value, is_exact) = shifted(text, 0)?;
    is_exact.then_some(value)
}

/// Parses a number and multiplies it by ten to the power of `digits`, truncated.
pub(super) fn scaled(text: &[u8], digits: i32) -> Option<u64> {
    shifted(text, digits).map(|(value, _)| value)
}

/// Parses a number, multiplies it by ten to the power of `digits`, and returns whether the result is
/// exact. `None` if the text is not a number, or is negative, or exceeds 64 bits.
fn shifted(text: &[u8], digits: i32) -> Option<(u64, bool)> {
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (
            &text[..at],
            std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?,
        ),
        None => (text, 0_i32),
    };
    let point = memchr::memchr(b'.', mantissa);
    let (whole, fraction) = match point {
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        None => (mantissa, &b""[..]),
    };
    if whole.is_empty() || (point.is_some() && fraction.is_empty()) {
        return None;
    }
    let whole_length = i64::try_from(whole.len()).ok()?;
    // Digits of the mantissa that belong to the result.
    let kept = whole_length + i64::from(exponent) + i64::from(digits);
    let mut value: u64 = 0;
    let mut is_exact = true;
    let mut at = 0;
    for digit in whole.iter().chain(fraction) {
        if !digit.is_ascii_digit() {
            return None;
        }
        if at < kept {
            value = value
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
        } else {
            is_exact &= *digit == b'0';
        }
        at += 1;
    }
    // Zero stays zero however far it is shifted; any other number overflows past 20 digits.
    while at < kept && value != 0 {
        value = value.checked_mul(10)?;
        at += 1;
    }
    Some((value, is_exact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Micros;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_in_every_notation() {
        let check = |text: &str, digits, expected| {
            assert_eq!(scaled(text.as_bytes(), digits), expected, "{text}");
        };
        check("0.012", 6, Some(12_000));
        check("12", 6, Some(12_000_000));
        check("1.5e-05", 6, Some(15));
        check("1.5E+1", 3, Some(15_000));
        check("1e-9", 6, Some(0));
        check("12.3456", 3, Some(12_345));
        check("17.9", 0, Some(17));
        check("0e99999", 6, Some(0));
        check("1e99999", 6, None);
        check("1e-2147483648", 6, Some(0));
        check("18446744073709551616", 0, None);
        for wrong in [
            "",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e",
            "e1",
            "nan",
            "1e99999999999",
            "1 ",
            "true",
        ] {
            check(wrong, 6, None);
        }
    }

    #[test]
    fn integers_are_read_in_every_notation() {
        let check = |text: &str, expected| assert_eq!(whole(text.as_bytes()), expected, "{text}");
        check("1204", Some(1204));
        check("1204.0", Some(1204));
        check("1e3", Some(1000));
        check("1.204E+3", Some(1204));
        check("12000e-3", Some(12));
        check("0.0", Some(0));
        check("0e-9", Some(0));
        check("18446744073709551615.00", Some(u64::MAX));
        for wrong in ["0.5", "1.204e2", "12000e-4", "1e20", "-1.0", "", "1.", "x"] {
            check(wrong, None);
        }
    }

    proptest! {
        #[test]
        fn seconds_are_read_as_in_other_dialects(text in r"[0-9]{1,22}(\.[0-9]{1,8})?") {
            let expected = Micros::from_seconds(text.as_bytes());
            prop_assert_eq!(scaled(text.as_bytes(), 6).map(Micros), expected);
        }

        #[test]
        fn no_number_makes_scaling_panic(text in r"[0-9.eE+-]{0,30}", digits in 0..7) {
            let _ = scaled(text.as_bytes(), digits);
        }
    }
}
