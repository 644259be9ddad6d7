//! The time of a log line.
//!
//! Invariant: a timestamp comes from a complete text with a time zone; nothing is guessed.

use std::fmt;

use memchr::memchr2;

/// Whole seconds since 1970-01-01T00:00:00Z, until 2106-02-07T06:28:15Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u32);

/// Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar.
const DAYS_TO_1970: i64 = 719_468;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

impl Timestamp {
    /// Parses the notations that servers write. Fractions are cut off. `None` for anything else, a time without a
    /// zone, and a time outside 1970 to 2106.
    ///
    /// - `22/Nov/2026:18:47:15 +0000`, with or without brackets and a fraction: nginx `$time_local`, gunicorn `%(t)s`, Apache `%t`
    ///   (nginx `src/core/ngx_times.c`).
    /// - `2026-11-22T18:47:15+00:00`: nginx `$time_iso8601` (RFC 3339); also with a blank instead of the `T` and before
    ///   the zone, with a fraction, and with `Z` as the zone.
    /// - Seconds since 1970 (10 digits) with or without a fraction, milliseconds (13) or microseconds (16): nginx
    ///   `$msec`, Apache `%{msec}t` and `%{usec}t`.
    ///
    /// ```
    /// use httplog_exporter::model::Timestamp;
    /// let time = Timestamp::parse(b"22/Nov/2026:19:47:15 +0100");
    /// assert_eq!(time, Timestamp::parse(b"1795373235.110"));
    /// assert_eq!(Timestamp::parse(b"2026-11-22 18:47:15"), None);
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (local, offset) = local(unbracketed(text))?;
        u32::try_from(local - offset).ok().map(Self)
    }

    /// Parses what [`Self::parse`] does; returns also how many seconds the clock of its zone is ahead of UTC, 0 for seconds since
    /// 1970.
    pub fn parse_with_offset(text: &[u8]) -> Option<(Self, i64)> {
        let (_, offset) = local(unbracketed(text))?;
        Some((Self::parse(text)?, offset))
    }

    /// Parses what [`Self::parse`] does, as milliseconds since 1970.
    pub fn parse_millis(text: &[u8]) -> Option<u64> {
        let seconds = u64::from(Self::parse(text)?.0);
        let text = unbracketed(text);
        let fraction = match memchr2(b'.', b',', text) {
            Some(point) => text.get(point + 1..),
            // Milliseconds or microseconds since 1970.
            None if text.iter().all(u8::is_ascii_digit) => text.get(10..),
            None => None,
        };
        let fraction = fraction.unwrap_or_default().iter();
        let digits = fraction.take_while(|byte| byte.is_ascii_digit());
        let thousandths = digits.chain(b"000").take(3);
        Some(thousandths.fold(seconds, |number, digit| {
            number * 10 + u64::from(digit - b'0')
        }))
    }
}

impl fmt::Display for Timestamp {
    /// Writes `2026-11-22T18:47:15Z` (RFC 3339).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (i64::from(self.0 / 86_400), self.0 % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Removes the brackets around a time.
fn unbracketed(text: &[u8]) -> &[u8] {
    match text {
        [b'[', inside @ .., b']'] => inside,
        _ => text,
    }
}

/// Parses a time as seconds since 1970 on the clock of its zone, and the seconds by which that is ahead of UTC.
fn local(text: &[u8]) -> Option<(i64, i64)> {
    match text {
        [_, _, b'/', ..] => clf(text),
        [_, _, _, _, b'-', ..] => iso(text),
        _ => epoch(text).map(|seconds| (seconds, 0)),
    }
}

/// Parses `22/Nov/2026:18:47:15 +0000`.
fn clf(text: &[u8]) -> Option<(i64, i64)> {
    let (date, rest) = text.split_first_chunk()?;
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':'] = *date else {
        return None;
    };
    let month = MONTHS.iter().position(|name| **name == [m1, m2, m3])?;
    let month = i64::try_from(month).ok()? + 1;
    let days = days(digits(&[y1, y2, y3, y4])?, month, digits(&[d1, d2])?)?;
    let (time, zone) = rest.split_at_checked(8)?;
    let zone = after_fraction(zone)?.strip_prefix(b" ")?;
    Some((days * 86_400 + of_day(time)?, offset(zone)?))
}

/// Skips the fraction of a second, if there is one.
fn after_fraction(text: &[u8]) -> Option<&[u8]> {
    let [b'.' | b',', fraction @ ..] = text else {
        return Some(text);
    };
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit());
    match length.count() {
        0 => None,
        length => Some(&fraction[length..]),
    }
}

/// Parses `2026-11-22T18:47:15+00:00`.
fn iso(text: &[u8]) -> Option<(i64, i64)> {
    let (date, rest) = text.split_first_chunk()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b' '] = *date else {
        return None;
    };
    let year = digits(&[y1, y2, y3, y4])?;
    let days = days(year, digits(&[m1, m2])?, digits(&[d1, d2])?)?;
    let (time, zone) = rest.split_at_checked(8)?;
    let zone = after_fraction(zone)?;
    // Apache writes a time in pieces, with a blank before the zone.
    let zone = zone.strip_prefix(b" ").unwrap_or(zone);
    Some((days * 86_400 + of_day(time)?, offset(zone)?))
}

/// Parses seconds, milliseconds or microseconds since 1970.
fn epoch(text: &[u8]) -> Option<i64> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(whole);
    match (whole, rest) {
        (10 | 13 | 16, []) => digits(&number[..10]),
        (10, [b'.', fraction @ ..]) if !fraction.is_empty() => {
            let is_number = fraction.iter().all(u8::is_ascii_digit);
            is_number.then(|| digits(number)).flatten()
        }
        _ => None,
    }
}

/// Parses `18:47:15` as seconds since midnight. A leap second counts as the first second of the next minute.
fn of_day(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *text else {
        return None;
    };
    let (hours, minutes, seconds) = (digits(&[h1, h2])?, digits(&[m1, m2])?, digits(&[s1, s2])?);
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// Parses `+0000`, `+00:00` or `Z` as seconds east of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, [h1, h2, m1, m2]) = match *zone {
        [b'Z'] => return Some(0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, [h1, h2, m1, m2]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&[h1, h2])?, digits(&[m1, m2])?);
    let seconds = hours * 3_600 + minutes * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// Returns the days from 1970-01-01 to a date; `None` if the date does not exist.
///
/// Counts years from March, so that the leap day is the last day of a year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month > 2 { year } else { year - 1 };
    let since_march = (month + 9) % 12;
    let of_year = (153 * since_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + of_year - DAYS_TO_1970)
}

/// Returns the year, the month and the day of days since 1970-01-01, which are not negative.
fn date(days: i64) -> (i64, i64, i64) {
    // 400 years have as many days as any other 400.
    let days = days + DAYS_TO_1970;
    let (centuries, days) = (days / 146_097, days % 146_097);
    let of_centuries = (days - days / 1_460 + days / 36_524 - days / 146_096) / 365;
    let of_year = days - (365 * of_centuries + of_centuries / 4 - of_centuries / 100);
    let since_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * since_march + 2) / 5 + 1;
    let month = (since_march + 2) % 12 + 1;
    let year = centuries * 400 + of_centuries + i64::from(month <= 2);
    (year, month, day)
}

/// Parses a number of digits alone.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        Some(number * 10 + digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_notation_is_parsed_to_the_same_second() {
        for text in [
            "22/Nov/2026:18:47:15 +0000",
            "[22/Nov/2026:12:47:15 -0600]",
            "23/Nov/2026:00:17:15 +0530",
            "2026-11-22T18:47:15+00:00",
            "2026-11-22T18:47:15.999Z",
            "2026-11-22 19:47:15,110+0100",
            "1795373235",
            "1795373235.110",
            "1795373235110",
            "1795373235110999",
        ] {
            assert_eq!(
                Timestamp::parse(text.as_bytes()),
                Some(Timestamp(1_795_373_235)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_fraction_is_read_as_milliseconds() {
        for (text, millis) in [
            ("22/Nov/2026:18:47:15 +0000", 0),
            ("[22/Nov/2026:18:47:15.1 +0000]", 100),
            ("2026-11-22T18:47:15.987654Z", 987),
            ("2026-11-22 19:47:15,1+0100", 100),
            ("1795373235", 0),
            ("1795373235.110", 110),
            ("1795373235.0005", 0),
            ("1795373235110", 110),
            ("[1795373235110999]", 110),
        ] {
            let expected = Some(1_795_373_235_000 + millis);
            assert_eq!(Timestamp::parse_millis(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Timestamp::parse_millis(b"-"), None);
    }

    #[test]
    fn other_text_and_times_without_a_zone_are_none() {
        for text in [
            "",
            "-",
            "[]",
            "2026-11-22 18:47:15",
            "2026-11-22T18:47:15.Z",
            "22/Nov/2026:18:47:15",
            "22/Nov/2026:18:47:15 0000",
            "22/Nov/2026:24:00:00 +0000",
            "30/Feb/2026:18:47:15 +0000",
            "29/Feb/2100:18:47:15 +0000",
            "00/Nov/2026:18:47:15 +0000",
            "22/nov/2026:18:47:15 +0000",
            "22/Nov/2026:18:47:15 +0060",
            "31/Dec/1969:23:59:59 +0000",
            "01/Jan/1970:00:59:59 +0100",
            "07/Feb/2106:06:28:16 +0000",
            "123",
            "1795373235.",
            "1795373235.1x",
            "17953732351",
        ] {
            assert_eq!(Timestamp::parse(text.as_bytes()), None, "{text}");
        }
        let last = Timestamp::parse(b"07/Feb/2106:06:28:15 +0000");
        assert_eq!(last, Some(Timestamp(u32::MAX)));
        assert_eq!(
            Timestamp::parse(b"01/Jan/1970:00:00:00 +0000"),
            Some(Timestamp(0))
        );
    }

    #[test]
    fn consecutive_dates_have_consecutive_numbers() {
        let mut expected = 0;
        for year in 1970..2200 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(found) = days(year, month, day) {
                        assert_eq!(found, expected, "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
        assert_eq!(expected, 230 * 365 + 56);
    }

    #[test]
    fn a_time_is_written_as_its_date() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_373_235, "2026-11-22T18:47:15Z"),
            (u32::MAX, "2106-02-07T06:28:15Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed(seconds: u32) {
            let time = Timestamp(seconds);
            prop_assert_eq!(Timestamp::parse(time.to_string().as_bytes()), Some(time));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let seconds = Timestamp::parse(&text).map(|time| u64::from(time.0));
            let millis = Timestamp::parse_millis(&text);
            prop_assert_eq!(millis.map(|millis| millis / 1_000), seconds);
        }

        #[test]
        fn nearly_valid_texts_do_not_panic(text in "[0-9]{2}/(Nov|Feb)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}") {
            let _ = Timestamp::parse(text.as_bytes());
        }
    }
}
