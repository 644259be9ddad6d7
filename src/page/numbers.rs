//! Numbers as a language writes them.

use crate::model::Language;

/// Writes numbers of a language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers(pub(super) Language);

impl Numbers {
    /// Returns a whole number with separators between thousands.
    pub(super) fn whole(self, number: u64) -> String {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        let separator = match self.0 {
            Language::English => ',',
            Language::French => '\u{202f}',
        };
        let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
        let mut text = String::with_capacity(digits.len() + digits.len());
        text.push_str(first);
        for at in (0..rest.len()).step_by(3) {
            text.push(separator);
            text.push_str(&rest[at..at + 3]);
        }
        text
    }

    /// Returns a number with as many decimals as three digits take: `0.25`, `12.3`, `456`.
    pub(super) fn decimal(self, number: f64) -> String {
        let decimals = match number.abs() {
            size if size >= 99.95 => 0,
            size if size >= 9.995 => 1,
            _ => 2,
        };
        let unit = [1_u32, 10, 100][decimals];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "shown numbers are not negative; `as` saturates"
        )]
        let scaled = (number * f64::from(unit)).round() as u64;
        let mut digits = itoa::Buffer::new();
        let mut text = String::with_capacity(16);
        text.push_str(digits.format(scaled / u64::from(unit)));
        if decimals > 0 {
            text.push(match self.0 {
                Language::English => '.',
                Language::French => ',',
            });
            // The first digit of this number is not shown, so that zeros before the others are.
            let fraction = scaled % u64::from(unit) + u64::from(unit);
            text.push_str(&digits.format(fraction)[1..]);
        }
        text
    }

    /// Returns a duration given in seconds.
    pub(super) fn duration(self, seconds: f64) -> String {
        if seconds < 0.9995 {
            return self.decimal(seconds * 1e3) + " ms";
        }
        if seconds < 119.5 {
            return self.decimal(seconds) + " s";
        }
        let minutes = seconds / 60.0;
        if minutes < 119.5 {
            return format!("{minutes:.0} min");
        }
        let hours = minutes / 60.0;
        let day = match self.0 {
            Language::English => "d",
            Language::French => "j",
        };
        if hours < 47.5 {
            return format!("{hours:.0} h");
        }
        format!("{:.0} {day}", hours / 24.0)
    }

    /// Returns an age given in seconds, in whole units.
    pub(super) fn age(self, seconds: f64) -> String {
        if seconds < 119.5 {
            return format!("{:.0} s", seconds.max(0.0));
        }
        self.duration(seconds)
    }

    /// Returns a number of bytes, in powers of ten.
    pub(super) fn bytes(self, bytes: u64) -> String {
        let units = match self.0 {
            Language::English => ["B", "kB", "MB", "GB", "TB"],
            Language::French => ["o", "ko", "Mo", "Go", "To"],
        };
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let mut size = bytes as f64;
        let mut at = 0;
        while size >= 999.5 && at + 1 < units.len() {
            size /= 1_000.0;
            at += 1;
        }
        if at == 0 {
            return format!("{bytes} {}", units[0]);
        }
        format!("{} {}", self.decimal(size), units[at])
    }

    /// Returns a share as a percentage.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub(super) fn percent(self, part: u64, whole: u64) -> String {
        let share = if whole == 0 {
            0.0
        } else {
            part as f64 / whole as f64 * 100.0
        };
        match self.0 {
            Language::English => self.decimal(share) + "%",
            Language::French => self.decimal(share) + "\u{202f}%",
        }
    }

    /// Returns a time of day in UTC, with seconds.
    pub(super) fn time_of_day(since_1970: f64) -> String {
        let second = seconds_of_day(since_1970);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{hour:02}:{minute:02}:{second:02} UTC")
    }

    /// Returns a time of day in UTC, without seconds.
    pub(super) fn minute_of_day(since_1970: f64) -> String {
        let second = seconds_of_day(since_1970);
        format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a day has 86,400 seconds"
)]
fn seconds_of_day(since_1970: f64) -> u32 {
    since_1970.rem_euclid(86_400.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_whole() {
        let (en, fr) = (Numbers(Language::English), Numbers(Language::French));
        assert_eq!(
            (en.age(-1.0), fr.age(7_260.0)),
            ("0 s".into(), "2 h".into())
        );
    }

    #[test]
    fn numbers_are_those_of_the_language() {
        let (en, fr) = (Numbers(Language::English), Numbers(Language::French));
        assert_eq!(en.whole(1_234_567), "1,234,567");
        assert_eq!(fr.whole(123_456), "123\u{202f}456");
        assert_eq!(en.whole(999), "999");
        assert_eq!(
            (en.decimal(0.0), fr.decimal(12.34)),
            ("0.00".into(), "12,3".into())
        );
        assert_eq!(
            (en.decimal(9.05), en.decimal(9.996)),
            ("9.05".into(), "10.0".into())
        );
        assert_eq!(
            (en.decimal(99.96), en.decimal(f64::NAN)),
            ("100".into(), "0.00".into())
        );
        assert_eq!(en.duration(0.0123), "12.3 ms");
        assert_eq!(fr.duration(2.5), "2,50 s");
        assert_eq!(
            (en.duration(7_200.0), fr.duration(864_000.0)),
            ("2 h".into(), "10 j".into())
        );
        assert_eq!(
            (en.bytes(999), fr.bytes(1_234_567)),
            ("999 B".into(), "1,23 Mo".into())
        );
        assert_eq!(
            (en.percent(1, 8), fr.percent(0, 0)),
            ("12.5%".into(), "0,00\u{202f}%".into())
        );
        assert_eq!(Numbers::time_of_day(86_399.9), "23:59:59 UTC");
        assert_eq!(Numbers::minute_of_day(3_661.0), "01:01");
    }
}
