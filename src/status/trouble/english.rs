//! Troubles in English.

use super::found::Found;
use super::text::{Text, is_denied, text};
use crate::model::{counted, plural};

/// Returns the summary and the remedy of a trouble.
#[expect(clippy::too_many_lines, reason = "an arm for each trouble")]
pub(super) fn english(found: &Found<'_>) -> Text {
    match found {
        Found::InputFailing { source, reason } if is_denied(reason) => text(
            format!("`{}` cannot be read: permission denied", source.name),
            "Let the service's user or one of its groups read the log and enter its directories; on Debian, nginx's logs belong to the group adm.",
        ),
        Found::InputFailing { source, .. } => text(
            format!("`{}` cannot be opened", source.name),
            "Remove what the reason names; the exporter tries again by itself.",
        ),
        Found::InputWaiting { source, .. } => text(
            format!("`{}` waits for its log", source.name),
            "Compare the path with the server's configuration, or wait until the server writes its first line.",
        ),
        Found::MostRejected {
            source,
            rejected,
            lines,
        } => text(
            format!(
                "`{}`: {rejected} of {} of the last hour {} rejected",
                source.name,
                counted(*lines, "line"),
                plural(*rejected, "was", "were"),
            ),
            "The pattern is not the format of the log: see where a line stops matching, then correct the source's `pattern`.",
        ),
        Found::SomeRejected {
            source,
            rejected,
            lines,
        } => text(
            format!(
                "`{}`: {rejected} of {} of the last hour {} rejected",
                source.name,
                counted(*lines, "line"),
                plural(*rejected, "was", "were"),
            ),
            "Look at the rejected lines, then correct the pattern or give them a source of their own.",
        ),
        Found::Late {
            source,
            seconds,
            bytes,
        } => text(
            format!(
                "`{}` is {seconds:.0} s behind: {} not read",
                source.name,
                are(*bytes, "byte"),
            ),
            "Wait if the exporter was started a moment ago; otherwise give it more processor time, or look for a disk that is slow.",
        ),
        Found::LinesLost { source, events } => text(
            format!(
                "`{}`: lines may be lost, {} in the last hour",
                source.name,
                counted(*events, "time"),
            ),
            "The exporter's log names the file and the reason; rotate by renaming, and keep one rotated file uncompressed (delaycompress).",
        ),
        Found::PeerSilent {
            source,
            missing,
            passed,
        } => text(
            format!(
                "`{}` passed {} on in the last hour, and {missing} of them {} no line behind it",
                source.name,
                counted(*passed, "request"),
                plural(*missing, "has", "have"),
            ),
            "Check that the source behind it reads the log that the server behind writes, and that the server is alive.",
        ),
        Found::UrlconfRefused { source } => text(
            format!("`{source}`: the changed URLconf has errors, the previous one stays in force"),
            "Write the dump again with dump_urlconf.py; it is read again by itself.",
        ),
        Found::Silent { source, hours } => text(
            format!("`{}`: no line for {hours} h", source.name),
            "If the site has traffic, check that the server still writes this log.",
        ),
        Found::SeriesFull { limit, overflow } => text(
            format!(
                "the series budget of {limit} is used up; {} of the last hour {} under `<other>`",
                counted(*overflow, "line"),
                plural(*overflow, "counts", "count"),
            ),
            "Raise limits.series, or use fewer metric sets, routes or methods.",
        ),
        Found::SeriesNearlyFull { used, limit } => text(
            format!("{used} of {limit} series are used"),
            "Raise limits.series before it is full, or use fewer metric sets, routes or methods.",
        ),
        Found::NotDurable { .. } => text(
            "counts are not kept: they would be lost with the process",
            "Make room on the disk and let the service write to state.dir; the exporter tries again by itself.",
        ),
        Found::NotKept => text(
            "counts are not kept across restarts",
            "Set state.dir, so that counters go on after a restart and no line is missed.",
        ),
        Found::ReloadRefused { .. } => text(
            "the last reload was refused, the previous configuration stays in force",
            "Correct the configuration, then reload again.",
        ),
        Found::WebConfigRefused => text(
            "the web configuration has errors, the previous one stays in force",
            "Correct the file; it is read again by itself.",
        ),
        Found::CertificateExpired => text(
            "the server's certificate has expired",
            "Replace the certificate; its file is read again by itself.",
        ),
        Found::CertificateExpires { days } => text(
            format!(
                "the server's certificate expires in {}",
                counted(*days, "day")
            ),
            "Replace the certificate; its file is read again by itself.",
        ),
        Found::FewDescriptors { used, limit } => text(
            format!("{used} of {limit} file descriptors are used"),
            "Raise LimitNOFILE= of the service, or follow fewer files.",
        ),
        Found::NginxDown { address, .. } => text(
            format!("nginx's {address} gives no metrics: nginx_up is 0"),
            "Let nginx serve its stub status at this address to this machine, or correct the address; it is requested again by itself.",
        ),
        Found::MessagesDropped { messages } => text(
            format!(
                "{} of the exporter's log {} dropped in the last hour",
                counted(*messages, "message"),
                plural(*messages, "was", "were"),
            ),
            "Check that the journal, or whatever reads the log, keeps up.",
        ),
        Found::ConfigurationWarning { .. } => text(
            "the configuration has a warning",
            "See the place that it names.",
        ),
    }
}

/// Returns a number with its noun and the verb: `1 byte is`, `2 bytes are`.
fn are(count: u64, noun: &str) -> String {
    format!("{} {}", counted(count, noun), plural(count, "is", "are"))
}
