//! Finds what needs attention.
//!
//! Invariant: a trouble has a remedy; each concerns one source, or the exporter.

mod english;
mod found;
mod french;
mod text;

use super::document::{Source, SourceState, Trouble};
use super::history::{History, SourceHistory};
use super::reading::{gauge, number, series, source_of, sum, total};
use super::setup::{Circumstances, Setup, SourceSetup};
use crate::model::{Families, Language};
use found::Found;

/// Age of an unread byte from which a source is late, in seconds.
const LATE: f64 = 30.0;
/// Time without a line from which a source is silent, in seconds.
const SILENT: f64 = 3_600.0;
/// Remaining validity of a certificate that is worth a warning, in seconds.
const CERTIFICATE: f64 = 14.0 * 86_400.0;
/// Least rejected lines of an hour that are worth a warning: one in this many.
const REJECTED_SHARE: u64 = 100;
/// Least requests of an hour that were passed on and have no line behind, to be worth a warning: one in this many.
const MISSING_SHARE: u64 = 10;
/// Share of the series budget, or of the descriptors, from which it is nearly used up, in hundredths.
const NEARLY: u64 = 90;

/// Returns all troubles, the gravest first.
pub(super) fn find(
    families: &Families,
    history: &History,
    setup: &Setup,
    circumstances: &Circumstances,
    sources: &[Source],
    language: Language,
) -> Vec<Trouble> {
    let mut found = Vec::new();
    let none = SourceHistory::default();
    for (source, state) in setup.sources.iter().zip(sources) {
        let hour = history.sources.get(&*source.name).unwrap_or(&none);
        of_source(source, state, hour, circumstances, &mut found);
    }
    for series in series(families, "httplog_exporter_urlconf_last_reload_successful") {
        if number(series) == Some(0.0) {
            found.push(Found::UrlconfRefused {
                source: source_of(series),
            });
        }
    }
    of_exporter(families, history, setup, circumstances, &mut found);
    found.sort_by_key(|found| found.kind().1);
    let found = found.iter();
    found
        .map(|found| describe(found, setup, language))
        .collect()
}

/// Returns a trouble in a language.
fn describe(found: &Found<'_>, setup: &Setup, language: Language) -> Trouble {
    let (code, severity) = found.kind();
    let text = match language {
        Language::English => english::english(found),
        Language::French => french::french(found),
    };
    Trouble {
        code: code.to_owned(),
        severity,
        source: found.source().map(str::to_owned),
        detail: found.detail().map(str::to_owned),
        command: found.command(setup),
        summary: text.summary,
        remedy: text.remedy.to_owned(),
    }
}

fn of_source<'s>(
    source: &'s SourceSetup,
    state: &'s Source,
    hour: &SourceHistory,
    circumstances: &Circumstances,
    found: &mut Vec<Found<'s>>,
) {
    let reason = state.reason.as_deref().unwrap_or_default();
    match state.state {
        SourceState::Failing => found.push(Found::InputFailing { source, reason }),
        SourceState::Waiting => found.push(Found::InputWaiting { source, reason }),
        SourceState::Open | SourceState::Untried => {}
    }
    let rejected = hour.rejected.until(state.lines.rejected);
    let lines = rejected + hour.recorded.until(state.lines.recorded);
    if rejected * 2 > lines {
        found.push(Found::MostRejected {
            source,
            rejected,
            lines,
        });
    } else if rejected > 0 && rejected * REJECTED_SHARE >= lines {
        found.push(Found::SomeRejected {
            source,
            rejected,
            lines,
        });
    }
    if state.lag_seconds >= LATE {
        found.push(Found::Late {
            source,
            seconds: state.lag_seconds,
            bytes: state.lag_bytes,
        });
    }
    let events = hour.gaps.until(state.gaps.values().sum());
    if events > 0 {
        found.push(Found::LinesLost { source, events });
    }
    let missing = hour.missing.sum();
    let passed = missing + hour.joined.sum();
    if missing > 0 && missing * MISSING_SHARE >= passed {
        found.push(Found::PeerSilent {
            source,
            missing,
            passed,
        });
    }
    if let Some(last) = state.last_line
        && state.state == SourceState::Open
        && circumstances.time - last >= SILENT
    {
        let hours = whole((circumstances.time - last) / 3_600.0);
        found.push(Found::Silent { source, hours });
    }
}

fn of_exporter<'s>(
    families: &Families,
    history: &History,
    setup: &'s Setup,
    circumstances: &'s Circumstances,
    found: &mut Vec<Found<'s>>,
) {
    let gauge = |name: &str| gauge(families, name);
    let used = whole(sum(families, "httplog_exporter_series"));
    let overflow = total(families, "httplog_exporter_series_overflow_total");
    let (limit, overflow) = (setup.series_limit, history.overflow.until(overflow));
    if used >= limit || overflow > 0 {
        found.push(Found::SeriesFull { limit, overflow });
    } else if used * 100 >= limit * NEARLY {
        found.push(Found::SeriesNearlyFull { used, limit });
    }
    match gauge("httplog_exporter_state_durable") {
        Some(0.0) => found.push(Found::NotDurable {
            reason: circumstances.commit_failure.as_deref(),
        }),
        None if setup.file.is_some() => found.push(Found::NotKept),
        _ => {}
    }
    let down = circumstances.nginx_down.iter();
    found.extend(down.map(|(address, reason)| Found::NginxDown { address, reason }));
    if gauge("httplog_exporter_config_last_reload_successful") == Some(0.0) {
        found.push(Found::ReloadRefused {
            reason: circumstances.reload_refusal.as_deref(),
        });
    }
    if gauge("httplog_exporter_web_config_last_reload_successful") == Some(0.0) {
        found.push(Found::WebConfigRefused);
    }
    if let Some(end) = gauge("httplog_exporter_certificate_not_after_timestamp_seconds") {
        let left = end - circumstances.time;
        if left <= 0.0 {
            found.push(Found::CertificateExpired);
        } else if left < CERTIFICATE {
            let days = whole(left / 86_400.0);
            found.push(Found::CertificateExpires { days });
        }
    }
    if let (Some(used), Some(limit)) = (gauge("process_open_fds"), gauge("process_max_fds")) {
        let (used, limit) = (whole(used), whole(limit));
        if used * 100 >= limit * NEARLY {
            found.push(Found::FewDescriptors { used, limit });
        }
    }
    let dropped = total(families, "httplog_exporter_log_messages_dropped_total");
    let messages = history.messages.until(dropped);
    if messages > 0 {
        found.push(Found::MessagesDropped { messages });
    }
    let warnings = setup.warnings.iter();
    found.extend(warnings.map(|text| Found::ConfigurationWarning { text }));
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests;
