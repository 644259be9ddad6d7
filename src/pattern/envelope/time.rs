//! Times as headers and prefixes write them.

/// Names of the months, three bytes each.
const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// Skips `2026-11-22T10:00:00` or `2026-11-22 10:00:00`, with or without a fraction and a zone: ISO 8601 as rsyslog's
/// `RSYSLOG_ForwardFormat`, syslog-ng's `ts-format(iso)` and journalctl write it, and Python's `asctime`.
pub(super) fn after_iso(text: &[u8]) -> Option<&[u8]> {
    let rest = after_shape(text, b"dddd-dd-dd")?;
    let rest = rest
        .strip_prefix(b"T")
        .or_else(|| rest.strip_prefix(b" "))?;
    Some(after_zone(after_fraction(after_shape(rest, b"dd:dd:dd")?)))
}

/// Skips `Nov 22 10:00:00`, also with the year before it (syslog-ng's `ts-format(full)`) or behind the day, and with or
/// without a fraction.
pub(super) fn after_month(text: &[u8]) -> Option<&[u8]> {
    let rest = after_shape(text, b"dddd ").unwrap_or(text);
    let (month, rest) = rest.split_at_checked(3)?;
    let is_month = MONTHS.chunks_exact(3).any(|known| known == month);
    let rest = after_shape(rest, b" _d ").filter(|_| is_month)?;
    let rest = after_shape(rest, b"dddd ").unwrap_or(rest);
    Some(after_fraction(after_shape(rest, b"dd:dd:dd")?))
}

/// Skips the fraction of a second, if there is one.
fn after_fraction(rest: &[u8]) -> &[u8] {
    let digits = rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit());
    match (rest.first(), digits.count()) {
        (Some(b'.' | b','), digits @ 1..) => &rest[1 + digits..],
        _ => rest,
    }
}

/// Skips `Z`, `+01:00` or `+0100`, also behind a blank, if it is there.
fn after_zone(rest: &[u8]) -> &[u8] {
    let zone = rest.strip_prefix(b" ").unwrap_or(rest);
    let skipped = match zone {
        [b'Z', rest @ ..] => Some(rest),
        [b'+' | b'-', rest @ ..] => {
            after_shape(rest, b"dd:dd").or_else(|| after_shape(rest, b"dddd"))
        }
        _ => None,
    };
    // Behind a zone stands no further part of a word.
    let is_whole = |rest: &&[u8]| !rest.first().is_some_and(u8::is_ascii_alphanumeric);
    skipped.filter(is_whole).unwrap_or(rest)
}

/// Skips text in which `d` stands for a digit, `_` for a digit or a blank, and everything else for itself.
pub(super) fn after_shape<'l>(text: &'l [u8], shape: &[u8]) -> Option<&'l [u8]> {
    let (head, rest) = text.split_at_checked(shape.len())?;
    let is_shaped = head.iter().zip(shape).all(|(byte, shape)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'_' => *byte == b' ' || byte.is_ascii_digit(),
        _ => byte == shape,
    });
    is_shaped.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_end_where_the_rest_begins() {
        let check = |after: fn(&[u8]) -> Option<&[u8]>, text: &str, rest: Option<&str>| {
            assert_eq!(after(text.as_bytes()), rest.map(str::as_bytes), "{text}");
        };
        for time in [
            "2026-11-22T10:00:00",
            "2026-11-22T10:00:00.123456+01:00",
            "2026-11-22T10:00:00Z",
            "2026-11-22T10:00:00+0000",
            "2026-11-22 10:00:00,123",
            "2026-11-22 10:00:00 +0000",
        ] {
            check(after_iso, &format!("{time} x"), Some(" x"));
            check(after_iso, &format!("{time}] x"), Some("] x"));
        }
        check(after_iso, "2026-11-22T10:00:00 +01 x", Some(" +01 x"));
        check(after_iso, "2026-11-22T10:00 x", None);
        check(after_iso, "2026/11/22 10:00:00 x", None);
        for time in [
            "Nov 22 10:00:00",
            "Nov  2 10:00:00.123",
            "2026 Nov 22 10:00:00",
            "Nov 22 2026 10:00:00",
        ] {
            check(after_month, &format!("{time} x"), Some(" x"));
        }
        check(after_month, "Foo 22 10:00:00 x", None);
        check(after_month, "Nov 22 10:00 x", None);
    }
}
