//! Notices a source most of whose lines do not match its pattern.
//!
//! Invariant: a source is reported at most once an hour, and nothing of its lines is.

use std::fmt;
use std::time::Duration;

use crate::aggregate::Ledger;
use crate::config::{Input, Source};
use crate::model::{counted, plural};
use crate::source::Stream;
use crate::status::is_shell_word;

/// Time between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_hours(1);

/// Compares the account of a source with an earlier one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RejectWatch {
    /// Time of the next check.
    due: Duration,
    lines: u64,
    rejected: u64,
}

/// Lines since the last check, more than half of which were rejected. [`fmt::Display`] writes one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unmatched {
    lines: u64,
    rejected: u64,
    reason: &'static str,
}

impl RejectWatch {
    /// Returns what to report. `ledger` is called only if a check is due.
    pub(super) fn check(
        &mut self,
        now: Duration,
        ledger: impl FnOnce() -> Ledger,
    ) -> Option<Unmatched> {
        if now < self.due {
            return None;
        }
        let ledger = ledger();
        let (lines, rejected) = (ledger.lines(), ledger.rejected_lines());
        let unmatched = Unmatched {
            lines: lines.saturating_sub(self.lines),
            rejected: rejected.saturating_sub(self.rejected),
            reason: most_frequent(&ledger).unwrap_or_default(),
        };
        (self.lines, self.rejected) = (lines, rejected);
        let is_most = unmatched.rejected * 2 > unmatched.lines;
        let pause = if is_most {
            REPORT_INTERVAL
        } else {
            CHECK_INTERVAL
        };
        self.due = now + pause;
        is_most.then_some(unmatched)
    }
}

fn most_frequent(ledger: &Ledger) -> Option<&'static str> {
    let reasons = ledger.rejected.iter();
    reasons
        .max_by_key(|(_, lines)| **lines)
        .map(|(name, _)| *name)
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lines,
            rejected,
            reason,
        } = self;
        write!(
            f,
            "{rejected} of the last {} {} rejected, most of them as {reason}",
            counted(*lines, "line"),
            plural(*rejected, "was", "were")
        )
    }
}

/// Returns the command that shows why a line of this source is rejected.
pub(super) fn explain_command(source: &Source) -> String {
    let explain = format!(
        "httplog-exporter explain --pattern {}",
        source.pattern.name()
    );
    match &source.input {
        Input::Files(files) => {
            let first = files.paths.first().and_then(|path| path.as_path().to_str());
            let log = first.filter(|path| is_shell_word(path)).unwrap_or("LOG");
            format!("tail -n 1 {log} | {explain} -")
        }
        Input::Stream(Stream::Journal(journal)) if is_shell_word(&journal.unit) => {
            format!("journalctl -n 1 -o cat -u {} | {explain} -", journal.unit)
        }
        Input::Stream(_) => format!("{explain} 'LINE'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Preset;
    use crate::source::PathPattern;
    use std::sync::Arc;

    fn ledger(recorded: u64, rejected: u64) -> Ledger {
        Ledger {
            recorded,
            rejected: [("malformed", rejected)].into(),
            ..Ledger::default()
        }
    }

    #[test]
    fn a_source_most_of_whose_lines_are_rejected_is_reported_once_an_hour() {
        let mut watch = RejectWatch::default();
        let at = Duration::from_secs;
        let mut check = |seconds, recorded, rejected| {
            let unmatched = watch.check(at(seconds), || ledger(recorded, rejected));
            unmatched.map(|it| it.to_string())
        };
        assert_eq!(check(0, 0, 0), None);
        assert_eq!(check(9, 0, 9), None, "not due");
        let said = "9 of the last 17 lines were rejected, most of them as malformed";
        assert_eq!(check(10, 8, 9).as_deref(), Some(said));
        assert_eq!(check(3_609, 8, 900), None, "reported within the hour");
        let said = "991 of the last 992 lines were rejected, most of them as malformed";
        assert_eq!(check(3_610, 9, 1_000).as_deref(), Some(said));
        // Half of the lines are not most of them, and no lines are none.
        assert_eq!(check(7_210, 19, 1_010), None);
        assert_eq!(check(7_220, 19, 1_010), None);
    }

    #[test]
    fn the_command_names_the_log() {
        let pattern = Arc::new(Preset::find("gunicorn").unwrap().pattern().unwrap());
        let command = |path: &str| {
            let input = Input::log(PathPattern::literal(path.into()));
            explain_command(&Source::new("x".into(), input, Arc::clone(&pattern)))
        };
        assert_eq!(
            command("/var/log/a.log"),
            "tail -n 1 /var/log/a.log | httplog-exporter explain --pattern gunicorn -"
        );
        assert!(command("/a b.log").starts_with("tail -n 1 LOG | "));
    }
}
