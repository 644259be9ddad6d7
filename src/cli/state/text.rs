//! Facts about a checkpoint, in words.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;
use crate::state::choose::Verdict;
use crate::state::{Checkpoint, Durability, Header, Host};

/// Returns the time of writing.
pub(super) fn written_at(header: &Header) -> Timestamp {
    Timestamp(u32::try_from(header.written_at / 1_000).unwrap_or(u32::MAX))
}

/// Describes a checkpoint in one line.
pub(super) fn describe(header: &Header, now: SystemTime) -> String {
    let Header { number, writer, .. } = header;
    let (time, age) = (written_at(header), age(header, now));
    format!("checkpoint {number}, written {time} ({age}) by httplog-exporter {writer}")
}

/// Returns the time since writing in its largest unit.
fn age(header: &Header, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let Some(seconds) = now.checked_sub(header.written_at / 1_000) else {
        return "later than now, by this clock".to_owned();
    };
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let largest = units.into_iter().find(|(length, _)| seconds >= *length);
    let (length, unit) = largest.unwrap_or((1, "second"));
    let count = seconds / length;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// Returns the name of a durability, as in a configuration.
pub(super) fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Process => "process",
        Durability::Power => "power",
    }
}

/// Returns what should be known before a checkpoint is used, each in a sentence.
pub(super) fn remarks(
    verdict: &Verdict,
    checkpoint: &Checkpoint,
    host: Host,
    now: SystemTime,
) -> Vec<String> {
    let mut remarks = Vec::new();
    let header = checkpoint.header();
    let millis = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    if verdict.may_be_behind() {
        remarks.push(
            "the exporter may have served more than this copy holds: it first counts what the logs hold, then serves",
        );
    }
    if header.host.is_elsewhere(&host) {
        remarks.push(
            "another host wrote it: logs are recognised by their text, and those that are not here are lost to it",
        );
    }
    if checkpoint.may_be_rolled_back(&host) {
        remarks.push(
            "it was written without fsync (state.durability = \"process\"), and the machine was started since: after a \
             loss of power it may be older than what was served",
        );
    }
    if u128::from(header.written_at) > millis {
        remarks.push("it was written later than now by this host's clock, which was set back");
    }
    remarks.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_age_is_in_its_largest_unit() {
        let header = Header::new(7, 1_795_373_235_999, Host::default(), Durability::Power);
        let describe = |seconds: u64| describe(&header, UNIX_EPOCH + Duration::from_secs(seconds));
        let written = 1_795_373_235;
        for (seconds, age) in [
            (written - 1, "later than now, by this clock"),
            (written, "0 seconds ago"),
            (written + 1, "1 second ago"),
            (written + 119, "1 minute ago"),
            (written + 7_200, "2 hours ago"),
            (written + 864_000, "10 days ago"),
        ] {
            let expected = format!(
                "checkpoint 7, written 2026-11-22T18:47:15Z ({age}) by httplog-exporter {}",
                env!("CARGO_PKG_VERSION")
            );
            assert_eq!(describe(seconds), expected);
        }
    }
}
