//! Remarks on logs that cannot be followed or lack a duration, with the lines to paste.
//!
//! Invariant: each remark says what to write, and where.

use std::fmt::Write as _;

use super::names;
use super::nginx::{Format, Log, Nginx, Target};
use super::place::file_and_line;
use super::snippets;
use super::source::Source;
use crate::diag::{Fault, Place, Report};
use crate::model::{Field, FieldSet, compressed_ending};
use crate::pattern::{Dialect, Pattern};

/// Path proposed for nginx's access log.
const LOG: &str = "/var/log/nginx/access.log";

/// Returns a comment that says why a log cannot be followed; the remedy goes to the report. `None` if
/// it can be followed.
pub(super) fn unfollowable(log: &Log, report: &mut Report) -> Option<String> {
    let format = &log.format.name;
    let (message, help) = match &log.target {
        Target::Syslog(servers) => (
            format!("this log goes to syslog ({servers}), not to a file"),
            format!(
                "have nginx write a file as well:\naccess_log {LOG} {format};\nor send the log to the exporter, and uncomment its source in the configuration:\naccess_log syslog:server=127.0.0.1:5514,tag=nginx {format};"
            ),
        ),
        Target::Compressed(path) => (
            "gzip= compresses this log: it cannot be followed".to_owned(),
            format!("leave out gzip=:\n{}", directive(path, log, format)),
        ),
        Target::File(path) if is_stream(path) => (
            format!("{path} is not a file that can be followed"),
            format!("have nginx write a file as well:\naccess_log {LOG} {format};"),
        ),
        Target::File(path) if path.starts_with('$') => (
            "the path begins with a variable: its directory is unknown".to_owned(),
            format!("write a path that begins with `/`:\naccess_log {LOG} {format};"),
        ),
        Target::File(path) => match refused(&names::to_glob(path))? {
            Refused::Address => (
                "the path contains `://`: nginx writes a file of that name here and sends nothing"
                    .to_owned(),
                format!("have nginx write a file:\naccess_log {LOG} {format};"),
            ),
            Refused::Ending(ending) => (
                format!(
                    "{path} ends in `{ending}`: a file of that name is taken for a compressed one"
                ),
                format!(
                    "leave out {ending}:\n{}",
                    directive(path.strip_suffix(ending).unwrap_or(path), log, format)
                ),
            ),
        },
    };
    let comment = format!("Not followed: {message}.");
    // Requests that another file has as well need no remedy.
    if log.also_in.is_empty() {
        report.push(Fault::warning(message).help(help).at(log.place.clone()));
    }
    Some(comment)
}

/// Returns whether a path is a stream of the process, or a device.
pub(super) fn is_stream(path: &str) -> bool {
    path.starts_with("/dev/") || path.starts_with("/proc/")
}

/// Reason for which `check` refuses a path.
pub(super) enum Refused {
    /// It contains `://`.
    Address,
    /// It has this ending of a compressed file.
    Ending(&'static str),
}

/// Returns why `check` refuses a path or glob; `None` if it does not.
pub(super) fn refused(path: &str) -> Option<Refused> {
    if path.contains("://") {
        return Some(Refused::Address);
    }
    compressed_ending(path.as_bytes()).map(Refused::Ending)
}

/// Reports a file that is written in two formats.
pub(super) fn two_formats(log: &Log, other: &Log) -> Fault {
    let path = match &log.target {
        Target::File(path) | Target::Compressed(path) | Target::Syslog(path) => path,
    };
    let (one, two) = (&other.format.name, &log.format.name);
    let message = format!("{path} is written in two formats, `{one}` and `{two}`");
    let stem = path.strip_suffix(".log").unwrap_or(path);
    let help = format!(
        "use one format for both, or write this one to a separate file:\naccess_log {stem}-{two}.log {two};"
    );
    Fault::error(message).help(help).at(log.place.clone())
}

/// Reports a glob that matches the log of another source.
pub(super) fn overlap(glob: &str, other: &str, place: Option<&Place>) -> Fault {
    let message = format!("{glob} also matches {other}, which another access_log writes");
    let help = "write the logs with variables in their path to a separate directory, as in /var/log/nginx/vhosts/$host.log";
    Fault::error(message).help(help).at(place.cloned())
}

/// Recommends a complete format and the lines to change, if a live log has no duration. Returns the
/// remark for the top of the configuration; the same lines go to the report.
pub(super) fn recommendation(
    nginx: &Nginx,
    sources: &[Source],
    report: &mut Report,
) -> Option<String> {
    let lacks = |log: &&Log| {
        let Target::File(path) = &log.target else {
            return false;
        };
        let glob = names::to_glob(path);
        let mut lacking = sources.iter().filter(|source| !source.has(Field::Duration));
        lacking.any(|source| source.live_path() == Some(&*glob))
    };
    let logs: Vec<&Log> = nginx.logs.iter().filter(lacks).collect();
    if logs.is_empty() {
        return None;
    }
    let first = logs.iter().find_map(|log| log.place.clone());
    let is_taken = |name: &str| nginx.formats.iter().any(|format| format.name == name);
    let (message, name, definition) = match better(nginx, &logs) {
        Some(name) => (
            format!("no duration is logged here, but the format `{name}` has one"),
            name.to_owned(),
            None,
        ),
        None => (
            "no duration is logged here; nginx can log it, and everything else that is counted"
                .to_owned(),
            names::unique("httplog", is_taken),
            Some("add this to `http { }`, before any access_log that uses it:\n"),
        ),
    };
    let mut lines = match definition {
        Some(add) => format!("{add}{}\nand change", snippets::log_format(&name)),
        None => "change".to_owned(),
    };
    for log in logs {
        let Target::File(path) = &log.target else {
            continue;
        };
        let better = directive(path, log, &name);
        if log.place.is_none() {
            let _ = write!(lines, "\n`http {{ }}`: add {better}");
        }
        for place in log.place.iter().chain(&log.other_places) {
            let _ = write!(lines, "\n{}: {better}", file_and_line(place));
        }
    }
    lines.push_str("\nthen run `nginx -t`, reload nginx, and run init again");
    report.push(Fault::warning(message).help(lines.clone()).at(first));
    Some(format!("To measure response times, {lines}"))
}

/// Returns the name of a format of the configuration that has a duration and everything that these logs have; of several, the one
/// with most fields.
fn better<'n>(nginx: &'n Nginx, logs: &[&Log]) -> Option<&'n str> {
    let fields = |format: &Format| {
        let pattern = Pattern::compile("better", Dialect::Nginx, &format.directive());
        Some(pattern.ok()?.fields())
    };
    let needed: Vec<_> = logs.iter().filter_map(|log| fields(&log.format)).collect();
    let formats = nginx.formats.iter().filter_map(|format| {
        let has = fields(format)?;
        let has_all = |needed: &FieldSet| needed.iter().all(|field| has.contains(field));
        (has.contains(Field::Duration) && needed.iter().all(has_all))
            .then_some((has.iter().count(), &*format.name))
    });
    Some(formats.max()?.1)
}

/// Formats an `access_log` directive in this format.
fn directive(path: &str, log: &Log, format: &str) -> String {
    let path = if path.contains(char::is_whitespace) || path.contains(['"', '\'', ';', '{', '\\']) {
        format!("'{}'", path.replace('\\', "\\\\").replace('\'', "\\'"))
    } else {
        path.to_owned()
    };
    match log.conditions.as_slice() {
        [only] => format!("access_log {path} {format} if={only};"),
        _ => format!("access_log {path} {format};"),
    }
}
