//! The times between which lines are selected.
//!
//! Invariant: a time without a zone is one of the clock that the log was written by.

use crate::model::Timestamp;

/// The times of `--between`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// Times of each day, in seconds since midnight on the clock of the log.
    EachDay(i64, i64),
    /// Two moments.
    Moments(Moment, Moment),
}

/// A moment, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// With a zone.
    Absolute(i64),
    /// On the clock of the log.
    Local(i64),
}

const DAY: i64 = 86_400;
const NOTATION: &str =
    "write `03:00`, `2026-11-22T03:00`, or with a zone `2026-11-22T03:00:00+01:00`";

enum Bound {
    OfDay(i64),
    Moment(Moment),
}

impl Between {
    /// Parses the two times. Fails with a message and a remedy.
    pub(super) fn parse(from: &str, to: &str) -> Result<Self, (String, String)> {
        let bound = |text: &str| {
            bound(text).ok_or_else(|| (format!("`{text}` is not a time"), NOTATION.to_owned()))
        };
        match (bound(from)?, bound(to)?) {
            (Bound::OfDay(from), Bound::OfDay(to)) => Ok(Self::EachDay(from, to)),
            (Bound::Moment(start), Bound::Moment(end)) => match (start, end) {
                (Moment::Absolute(first), Moment::Absolute(last))
                | (Moment::Local(first), Moment::Local(last))
                    if first >= last =>
                {
                    let message = format!("no time is between `{from}` and `{to}`");
                    Err((message, "give the earlier time first".to_owned()))
                }
                _ => Ok(Self::Moments(start, end)),
            },
            _ => {
                let message = "one time has a date, the other one has none".to_owned();
                Err((message, "give both a date, or none".to_owned()))
            }
        }
    }

    /// Returns whether the time of a line is within; `None` if it cannot be read.
    pub(super) fn contains(self, time: Option<&[u8]>) -> Option<bool> {
        let (time, offset) = Timestamp::parse_with_offset(time?)?;
        let absolute = i64::from(time.0);
        let local = absolute + offset;
        let is_since = |moment: Moment| match moment {
            Moment::Absolute(moment) => moment <= absolute,
            Moment::Local(moment) => moment <= local,
        };
        let of_day = local.rem_euclid(DAY);
        Some(match self {
            Self::EachDay(from, to) if from < to => (from..to).contains(&of_day),
            // Over midnight.
            Self::EachDay(from, to) => of_day >= from || of_day < to,
            Self::Moments(from, to) => is_since(from) && !is_since(to),
        })
    }
}

fn bound(text: &str) -> Option<Bound> {
    let utc = |text: &str| Timestamp::parse(text.as_bytes()).map(|time| i64::from(time.0));
    if let Some(moment) = utc(text) {
        return Some(Bound::Moment(Moment::Absolute(moment)));
    }
    let seconds = |time: &str| match time.len() {
        5 => format!("{time}:00"),
        _ => time.to_owned(),
    };
    if text.contains(':') && !text.contains('-') {
        let moment = utc(&format!("1970-01-02T{}Z", seconds(text)))?;
        return Some(Bound::OfDay(moment - DAY));
    }
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let moment = utc(&format!("{date}T{}Z", seconds(time)))?;
    Some(Bound::Moment(Moment::Local(moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_on_the_clock_of_the_log_unless_it_has_a_zone() {
        let check = |from, to, time: &str, expected| {
            let between = Between::parse(from, to).unwrap();
            let found = between.contains(Some(time.as_bytes()));
            assert_eq!(found, expected, "{from} {to} {time}");
        };
        let (yes, no) = (Some(true), Some(false));
        let line = "22/Nov/2026:03:30:00 +0100";
        check("03:00", "04:00", line, yes);
        check("03:30", "03:30:01", line, yes);
        check("02:00", "03:30", line, no);
        check("23:00", "03:31", line, yes);
        check("23:00", "03:30", line, no);
        check("2026-11-22", "2026-11-23", line, yes);
        check("2026-11-22T03:30", "2026-11-22 03:31", line, yes);
        check("2026-11-22T02:30:00Z", "2026-11-22T02:30:01Z", line, yes);
        check("2026-11-22T03:30:00Z", "2026-11-22T04:30:00Z", line, no);
        check("2026-11-22T02:30:00Z", "2026-11-22T04:00", line, yes);
        check("03:00", "04:00", "2026-11-22 03:30:00", None);
        let between = Between::parse("03:00", "04:00").unwrap();
        assert_eq!(between.contains(None), None);
    }

    #[test]
    fn every_fault_has_a_remedy() {
        let check = |from, to, message: &str| {
            let (found, help) = Between::parse(from, to).unwrap_err();
            assert_eq!(found, message);
            assert!(!help.is_empty());
        };
        check("3", "04:00", "`3` is not a time");
        check("03:00", "25:00", "`25:00` is not a time");
        check("2026-02-30", "2026-03-01", "`2026-02-30` is not a time");
        check(
            "03:00",
            "2026-03-01",
            "one time has a date, the other one has none",
        );
        check(
            "2026-03-02",
            "2026-03-01",
            "no time is between `2026-03-02` and `2026-03-01`",
        );
    }
}
