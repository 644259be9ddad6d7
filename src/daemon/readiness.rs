//! Readiness of the daemon, for `/-/ready` and the log.
//!
//! Invariant: the daemon is ready exactly if every source is open and it is not stopping; each source that is not open is
//! named with its reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::access::Access;
use crate::model::counted;
use crate::status::SourceState;

/// Most sources that one message of the log names.
const MOST_NAMED: usize = 10;

/// The states of all sources at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    /// The state of each source, by name.
    pub(super) sources: BTreeMap<String, Access>,
}

/// Body of `/-/ready`.
#[derive(Serialize)]
struct Report<'a> {
    ready: bool,
    stopping: bool,
    /// Number of open sources.
    open: usize,
    /// Number of all sources.
    sources: usize,
    not_open: Vec<NotOpen<'a>>,
}

/// A source that is not open.
#[derive(Serialize)]
struct NotOpen<'a> {
    source: &'a str,
    state: SourceState,
    reason: &'a str,
}

impl Readiness {
    /// Returns whether every source is open.
    pub(super) fn is_ready(&self) -> bool {
        self.not_open().next().is_none()
    }

    /// Returns whether an attempt to open every source was made.
    pub(super) fn all_tried(&self) -> bool {
        !self
            .sources
            .values()
            .any(|access| *access == Access::Untried)
    }

    /// Returns the body of `/-/ready`: a line of JSON.
    pub(super) fn json(&self, is_stopping: bool) -> String {
        let not_open: Vec<_> = self.not_open().collect();
        let report = Report {
            ready: not_open.is_empty() && !is_stopping,
            stopping: is_stopping,
            open: self.sources.len() - not_open.len(),
            sources: self.sources.len(),
            not_open,
        };
        // Texts, numbers and lists can always be written.
        let mut json = serde_json::to_string(&report).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Returns a message for the log: the number of open sources, and why some of the others are not.
    pub(super) fn summary(&self) -> String {
        let left = self.not_open().count();
        if left == 0 {
            return "every source is open".to_owned();
        }
        let all = self.sources.len();
        let mut text = format!("{} of {} open", all - left, counted(all, "source"));
        for NotOpen { source, reason, .. } in self.not_open().take(MOST_NAMED) {
            // Writing to a string cannot fail.
            let _ = write!(text, "; `{source}`: {reason}");
        }
        if left > MOST_NAMED {
            let _ = write!(text, "; and {} more, see /-/ready", left - MOST_NAMED);
        }
        text
    }

    fn not_open(&self) -> impl Iterator<Item = NotOpen<'_>> {
        self.sources.iter().filter_map(|(source, access)| {
            let reason = access.reason()?;
            let state = access.state();
            Some(NotOpen {
                source,
                state,
                reason,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readiness(sources: &[(&str, Access)]) -> Readiness {
        let sources = sources
            .iter()
            .map(|(name, access)| ((*name).to_owned(), access.clone()));
        Readiness {
            sources: sources.collect(),
        }
    }

    fn check(sources: &[(&str, Access)], json: &str, summary: &str) {
        let readiness = readiness(sources);
        assert_eq!(readiness.json(false), format!("{json}\n"));
        assert_eq!(readiness.summary(), summary);
        let ready = json.starts_with(r#"{"ready":true,"#);
        assert_eq!(readiness.is_ready(), ready);
    }

    #[test]
    fn the_sources_that_are_not_open_are_named_with_their_reasons() {
        let open = ("a", Access::Open);
        check(
            std::slice::from_ref(&open),
            r#"{"ready":true,"stopping":false,"open":1,"sources":1,"not_open":[]}"#,
            "every source is open",
        );
        check(
            &[open.clone(), ("w", Access::Waiting("no file at /a".into()))],
            r#"{"ready":false,"stopping":false,"open":1,"sources":2,"not_open":[{"source":"w","state":"waiting","reason":"no file at /a"}]}"#,
            "1 of 2 sources open; `w`: no file at /a",
        );
        check(
            &[
                ("f", Access::Failing("cannot read fifo".into())),
                ("n", Access::Untried),
            ],
            r#"{"ready":false,"stopping":false,"open":0,"sources":2,"not_open":[{"source":"f","state":"failing","reason":"cannot read fifo"},{"source":"n","state":"untried","reason":"not tried yet"}]}"#,
            "0 of 2 sources open; `f`: cannot read fifo; `n`: not tried yet",
        );
    }

    #[test]
    fn any_name_and_any_path_leave_the_json_valid() {
        let (name, reason) = ("a\"b\\</script>\u{202e}", "no file at /\"\\\n\u{1}");
        let json = readiness(&[(name, Access::Waiting(reason.into()))]).json(false);
        assert_eq!(json.lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["not_open"][0]["source"], name);
        assert_eq!(json["not_open"][0]["reason"], reason);
    }

    #[test]
    fn a_daemon_that_stops_is_not_ready() {
        let json = readiness(&[("a", Access::Open)]).json(true);
        let expected = r#"{"ready":false,"stopping":true,"open":1,"sources":1,"not_open":[]}"#;
        assert_eq!(json, format!("{expected}\n"));
    }

    #[test]
    fn a_message_names_a_bounded_number_of_sources() {
        let names: Vec<_> = (0..12).map(|nth| format!("s{nth:02}")).collect();
        let sources: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), Access::Untried))
            .collect();
        let summary = readiness(&sources).summary();
        assert!(summary.contains("`s09`") && !summary.contains("`s10`"));
        assert!(summary.ends_with("; and 2 more, see /-/ready"), "{summary}");
    }

    #[test]
    fn a_source_that_waits_was_tried() {
        let waiting = ("w", Access::Waiting("no file".into()));
        assert!(readiness(std::slice::from_ref(&waiting)).all_tried());
        assert!(!readiness(&[waiting, ("n", Access::Untried)]).all_tried());
    }
}
