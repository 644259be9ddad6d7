//! When a line was written.
//!
//! Invariant: a timestamp was read from a whole text that says its time zone; nothing is guessed.

/// Whole seconds since 1970-01-01T00:00:00Z; up to the year 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u32);

/// Days from 0000-03-01 to 1970-01-01 in the calendar of today.
const DAYS_TO_1970: i64 = 719_468;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

impl Timestamp {
    /// Reads what servers write: `22/Nov/2026:18:47:15 +0000` (nginx's `$time_local`, gunicorn's `%(t)s`, Apache's
    /// `%t`, brackets or not), `2026-11-22T18:47:15+00:00` (`$time_iso8601`; also with a blank for the `T`, a
    /// fraction, `Z`), and seconds with a fraction or not, milliseconds or microseconds since 1970, told apart by
    /// their 10, 13 and 16 digits (`$msec`; Apache's `%{msec}t`). Fractions are cut off. `None` for anything else,
    /// a time without a zone, and one outside 1970 to 2106.
    ///
    /// ```
    /// use httplog_exporter::model::Timestamp;
    /// let time = Timestamp::parse(b"22/Nov/2026:19:47:15 +0100");
    /// assert_eq!(time, Timestamp::parse(b"1795373235.110"));
    /// assert_eq!(Timestamp::parse(b"2026-11-22 18:47:15"), None);
    /// ```
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = match text {
            [b'[', inside @ .., b']'] => inside,
            _ => text,
        };
        let seconds = match text {
            [_, _, b'/', ..] => clf(text)?,
            [_, _, _, _, b'-', ..] => iso(text)?,
            _ => epoch(text)?,
        };
        u32::try_from(seconds).ok().map(Self)
    }
}

/// `22/Nov/2026:18:47:15 +0000`
fn clf(text: &[u8]) -> Option<i64> {
    let [
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b':',
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let month = MONTHS.iter().position(|name| **name == [*m1, *m2, *m3])?;
    let month = i64::try_from(month).ok()? + 1;
    let days = days(digits(&[*y1, *y2, *y3, *y4])?, month, digits(&[*d1, *d2])?)?;
    let (time, zone) = rest.split_at_checked(8)?;
    let zone = zone.strip_prefix(b" ")?;
    Some(days * 86_400 + of_day(time)? - offset(zone)?)
}

/// `2026-11-22T18:47:15+00:00`
fn iso(text: &[u8]) -> Option<i64> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b' ',
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let year = digits(&[*y1, *y2, *y3, *y4])?;
    let days = days(year, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?)?;
    let (time, mut zone) = rest.split_at_checked(8)?;
    if let [b'.' | b',', fraction @ ..] = zone {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit());
        zone = match length.count() {
            0 => return None,
            length => &fraction[length..],
        };
    }
    Some(days * 86_400 + of_day(time)? - offset(zone)?)
}

/// Seconds, milliseconds or microseconds since 1970.
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

/// `18:47:15`; a leap second is the first of the next minute.
fn of_day(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *text else {
        return None;
    };
    let (hours, minutes, seconds) = (digits(&[h1, h2])?, digits(&[m1, m2])?, digits(&[s1, s2])?);
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// `+0000`, `+00:00` or `Z`, in seconds east.
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

/// Days since 1970-01-01 of a day that exists. Years begin in March here, so that the day that some lack is
/// their last.
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

/// Digits only.
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
    fn every_notation_of_a_server_gives_the_same_second() {
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
    fn what_is_no_time_or_has_no_zone_is_none() {
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
    fn each_day_follows_the_one_before() {
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

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Timestamp::parse(&text);
        }

        #[test]
        fn nearly_right_texts_neither(text in "[0-9]{2}/(Nov|Feb)/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}") {
            let _ = Timestamp::parse(text.as_bytes());
        }
    }
}
