//! Numbers as decimal text.
//!
//! Invariant: the text parses to the same value; nothing is rounded.

use std::io::Write;

use crate::model::{Number, Unit};

const MICROS_PER_SECOND: u64 = 1_000_000;
/// Largest integer below which a float tells all integers apart.
const MAX_EXACT: u64 = 1 << 53;
/// Digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;
/// Least float that is written with an exponent.
const LARGE: f64 = 1e17;
/// Floats below this are also written with an exponent.
const SMALL: f64 = 1e-5;

/// Appends a number in its base unit: seconds, bytes or a count.
pub(super) fn push_number(number: Number, out: &mut Vec<u8>) {
    match number {
        Number::Exact(value, unit) => push_exact(value, unit, out),
        Number::Float(value) => push_float(value, out),
    }
}

/// Appends an integer in its base unit. Microseconds become seconds without trailing zeros.
pub fn push_exact(value: u64, unit: Unit, out: &mut Vec<u8>) {
    match unit {
        Unit::One | Unit::Bytes => push_integer(value, out),
        Unit::Micros => {
            push_integer(value / MICROS_PER_SECOND, out);
            push_fraction(value % MICROS_PER_SECOND, out);
        }
    }
}

/// Returns the float nearest to an integer in its base unit, as a reader of its decimals gets it.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest float is what is wanted"
)]
pub(super) fn nearest_float(value: u64, unit: Unit) -> f64 {
    match unit {
        Unit::One | Unit::Bytes => value as f64,
        // A quotient is rounded once.
        Unit::Micros if value <= MAX_EXACT => value as f64 / MICROS_PER_SECOND as f64,
        Unit::Micros => {
            let mut text = Vec::new();
            push_exact(value, unit, &mut text);
            let text = std::str::from_utf8(&text).ok();
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        }
    }
}

/// Appends milliseconds as seconds with three decimals.
pub(super) fn push_millis(millis: u64, out: &mut Vec<u8>) {
    push_integer(millis / 1_000, out);
    let thousandths = (millis % 1_000) as u16;
    out.push(b'.');
    for unit in [100, 10, 1] {
        out.push(b'0' + (thousandths / unit % 10) as u8);
    }
}

/// Appends an inclusive upper bound, in its base unit, as Go writes a float in OpenMetrics (`expfmt/openmetrics_create.go`,
/// `writeOpenMetricsFloat`), and Python in every format: `1.0`, `0.005`, `1.5e+06`. Prometheus 3 stores a bound in this form,
/// whatever form it was scraped in. A short bound is that of Go's text format: `1`.
pub(super) fn push_bound(value: u64, unit: Unit, is_short: bool, out: &mut Vec<u8>) {
    let start = out.len();
    push_exact(value, unit, out);
    let exact = std::str::from_utf8(&out[start..]).ok();
    let float: f64 = exact.and_then(|text| text.parse().ok()).unwrap_or_default();
    let scientific = format!("{float:e}");
    if let Some((mantissa, exponent)) = scientific.split_once('e')
        && let Ok(exponent @ (6.. | ..-4)) = exponent.parse::<i32>()
    {
        out.truncate(start);
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    } else if !is_short && !out[start..].contains(&b'.') {
        out.extend_from_slice(b".0");
    }
}

/// Appends an integer in decimal digits.
pub(super) fn push_integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(Digits::of(value).text());
}

/// The decimal digits of an integer, with a newline behind them.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    bytes: [u8; MAX_DIGITS + 1],
    /// The bytes, if there are at most eight: a copy of what was just written to memory would have to wait for it.
    word: u64,
    length: usize,
}

impl Digits {
    /// Returns the digits of an integer.
    #[inline]
    pub(super) fn of(value: u64) -> Self {
        let mut bytes = [b'\n'; MAX_DIGITS + 1];
        if value >= SHORT {
            let length = value.ilog10() as usize + 1;
            let mut rest = value;
            for digit in bytes[..length].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            return Self {
                bytes,
                word: 0,
                length,
            };
        }
        // Seven digits are put together in a register: a copy of bytes that were just written one by one has to wait
        // for them.
        let (mut text, mut rest, mut length) = (u64::from(b'\n'), value, 0);
        while rest >= 100 {
            text = text << 16 | PAIRS[(rest % 100) as usize];
            rest /= 100;
            length += 2;
        }
        if rest >= 10 {
            text = text << 16 | PAIRS[(rest % 100) as usize];
            length += 2;
        } else {
            text = text << 8 | u64::from(b'0') | rest;
            length += 1;
        }
        bytes[..8].copy_from_slice(&text.to_le_bytes());
        Self {
            bytes,
            word: text,
            length,
        }
    }

    /// Appends the digits and the newline.
    #[inline]
    pub(super) fn push_line(&self, out: &mut Vec<u8>) {
        if self.length < size_of::<u64>() {
            let end = out.len() + self.length + 1;
            out.extend_from_slice(&self.word.to_le_bytes());
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.bytes[..=self.length]);
        }
    }

    /// Returns the digits.
    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Least number whose digits and newline do not fit eight bytes.
const SHORT: u64 = 10_000_000;

/// The numbers from 0 to 99 as two digits, the first one in the low byte.
const PAIRS: [u64; 100] = {
    let mut pairs = [0; 100];
    let mut number = 0;
    while number < pairs.len() {
        let (tens, ones) = (number as u64 / 10, number as u64 % 10);
        pairs[number] = (b'0' as u64 + tens) | (b'0' as u64 + ones) << 8;
        number += 1;
    }
    pairs
};

/// Appends the shortest text that parses to the same float. `NaN`, `+Inf` and `-Inf` are spelt as in
/// the text format.
fn push_float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        let size = value.abs();
        // Writing to a Vec cannot fail.
        let _ = if size != 0.0 && !(SMALL..LARGE).contains(&size) {
            write!(out, "{value:e}")
        } else {
            write!(out, "{value}")
        };
    }
}

/// Appends a point and up to six decimals; nothing for zero.
fn push_fraction(micros: u64, out: &mut Vec<u8>) {
    if micros == 0 {
        return;
    }
    let (mut rest, mut places) = (micros, 6);
    while rest % 10 == 0 {
        rest /= 10;
        places -= 1;
    }
    out.push(b'.');
    let start = out.len();
    out.resize(start + places, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Micros;
    use proptest::prelude::*;

    fn written(number: Number) -> String {
        let mut out = Vec::new();
        push_number(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn microseconds_are_seconds_without_trailing_zeros() {
        let check = |micros, expected: &str| {
            assert_eq!(written(Number::Exact(micros, Unit::Micros)), expected);
        };
        check(0, "0");
        check(1, "0.000001");
        check(5_000, "0.005");
        check(100_000, "0.1");
        check(1_000_000, "1");
        check(1_234_567, "1.234567");
        check(10_000_010, "10.00001");
        check(u64::MAX, "18446744073709.551615");
    }

    #[test]
    fn counts_and_bytes_are_whole_numbers() {
        for unit in [Unit::One, Unit::Bytes] {
            assert_eq!(written(Number::Exact(0, unit)), "0");
            assert_eq!(written(Number::Exact(1_000, unit)), "1000");
            assert_eq!(
                written(Number::Exact(u64::MAX, unit)),
                "18446744073709551615"
            );
        }
    }

    #[test]
    fn floats_are_short_and_special_values_spelt_as_go_does() {
        let check = |value, expected: &str| assert_eq!(written(Number::Float(value)), expected);
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(0.0, "0");
        check(5.0, "5");
        check(0.1, "0.1");
        check(-2.5, "-2.5");
        check(1_795_000_000.25, "1795000000.25");
        check(1e300, "1e300");
        check(2.5e-9, "2.5e-9");
    }

    #[test]
    fn bounds_are_written_as_go_writes_floats() {
        let bound = |value, unit, is_short| {
            let mut out = Vec::new();
            push_bound(value, unit, is_short, &mut out);
            String::from_utf8(out).unwrap()
        };
        let check = |value, unit, expected: &str, short: &str| {
            assert_eq!(bound(value, unit, false), expected);
            assert_eq!(bound(value, unit, true), short);
        };
        check(0, Unit::Micros, "0.0", "0");
        check(1, Unit::Micros, "1e-06", "1e-06");
        check(25, Unit::Micros, "2.5e-05", "2.5e-05");
        check(100, Unit::Micros, "0.0001", "0.0001");
        check(5_000, Unit::Micros, "0.005", "0.005");
        check(1_000_000, Unit::Micros, "1.0", "1");
        check(2_500_000, Unit::Micros, "2.5", "2.5");
        check(1_024, Unit::Bytes, "1024.0", "1024");
        check(999_999, Unit::Bytes, "999999.0", "999999");
        check(1_000_000, Unit::Bytes, "1e+06", "1e+06");
        check(1_048_576, Unit::Bytes, "1.048576e+06", "1.048576e+06");
        check(
            u64::MAX,
            Unit::One,
            "1.8446744073709552e+19",
            "1.8446744073709552e+19",
        );
    }

    proptest! {
        #[test]
        fn the_nearest_float_is_that_of_the_decimals(value: u64, shift in 0..64_u32) {
            for unit in [Unit::One, Unit::Bytes, Unit::Micros] {
                for value in [value >> shift, (1 << 53) + (value >> 56)] {
                    let text = written(Number::Exact(value, unit));
                    let read: f64 = text.parse().unwrap();
                    prop_assert_eq!(nearest_float(value, unit).to_bits(), read.to_bits());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_bound_is_the_float_of_its_number(value: u64, shift in 0..64, is_short: bool) {
            let value = value >> shift;
            for unit in [Unit::One, Unit::Micros] {
                let (mut bound, mut exact) = (Vec::new(), Vec::new());
                push_bound(value, unit, is_short, &mut bound);
                push_exact(value, unit, &mut exact);
                let bits = |text: Vec<u8>| {
                    String::from_utf8(text).unwrap().parse::<f64>().unwrap().to_bits()
                };
                prop_assert_eq!(bits(bound), bits(exact));
            }
        }

        #[test]
        fn any_integer_survives_a_round_trip(value: u64) {
            prop_assert_eq!(written(Number::Exact(value, Unit::One)), value.to_string());
            let seconds = written(Number::Exact(value, Unit::Micros));
            prop_assert_eq!(Micros::from_seconds(seconds.as_bytes()), Some(Micros(value)));
        }

        #[test]
        fn any_float_survives_a_round_trip(bits: u64) {
            let value = f64::from_bits(bits);
            let back: f64 = written(Number::Float(value)).parse().unwrap();
            prop_assert!(back.to_bits() == bits || (back.is_nan() && value.is_nan()));
        }
    }
}
