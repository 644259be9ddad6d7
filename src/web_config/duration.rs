//! Durations as Go writes them: `1s`, `1m30s`, `100ms`.

use std::time::Duration;

/// Units and their length in nanoseconds; a unit stands before those that are its beginning.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses a duration, rounded down to whole nanoseconds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, after) = rest.split_at(rest.find(|c| !is_number(c))?);
        let unit = UNITS
            .iter()
            .find_map(|(name, nanos)| Some((after.strip_prefix(name)?, *nanos)));
        let (after, nanos) = unit?;
        sum = sum.checked_add(scaled(number, nanos)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_nanos(sum))
}

/// Returns a decimal number times a unit.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut sum = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        sum = sum.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let millis = |text: &str| parse(text).map(|duration| duration.as_millis());
        assert_eq!(millis("1s"), Some(1000));
        assert_eq!(millis("1m1.5s"), Some(61_500));
        assert_eq!(millis(".5h"), Some(1_800_000));
        assert_eq!(millis("250ms"), Some(250));
        assert_eq!(parse("3\u{b5}s"), Some(Duration::from_micros(3)));
        assert_eq!(millis("0"), Some(0));
        for text in [
            "",
            "1",
            "s",
            "1x",
            "-1s",
            "1.2.3s",
            ".s",
            "99999999999h",
            "1 s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
