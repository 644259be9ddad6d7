//! What is said of logs that cannot be followed, or tell too little, and the lines to paste.
//!
//! Invariant: each remark names what to write, and where.

use std::fmt::Write as _;

use super::draft::{Input, Source};
use super::nginx::{Log, Nginx, Target};
use super::paste;
use super::toml::shown;
use crate::diag::{Fault, Place, Report};
use crate::model::Field;

/// Where a log goes when there is nothing better to propose.
const LOG: &str = "/var/log/nginx/access.log";

/// Why a log cannot be followed, for a comment; the report says what to do.
pub(super) fn unfollowable(log: &Log, report: &mut Report) -> Option<String> {
    let format = &log.format.name;
    let (message, help) = match &log.target {
        Target::Syslog(servers) => (
            format!("this log is sent to syslog ({servers}): there is no file to follow"),
            format!(
                "have nginx write a file as well:\naccess_log {LOG} {format};\nor send it to the exporter, and take the comment marks off the source below:\naccess_log syslog:server=127.0.0.1:5514,tag=nginx {format};"
            ),
        ),
        Target::Compressed(path) => (
            "gzip= writes no text: this log cannot be followed".to_owned(),
            format!("write {}", directive(path, log)),
        ),
        Target::File(path) if is_stream(path) => (
            format!("{path} is no file that can be followed"),
            format!("have nginx write one as well:\naccess_log {LOG} {format};"),
        ),
        Target::File(path) if path.starts_with('$') => (
            "the path begins with a variable: where it leads cannot be told".to_owned(),
            format!("write a path that begins with `/`:\naccess_log {LOG} {format};"),
        ),
        Target::File(_) => return None,
    };
    let comment = format!("Not followed: {message}.");
    // Where its requests are in a file too, nothing is to be done.
    if log.beside.is_empty() {
        report.push(at(Fault::warning(message).help(help), log.place.as_ref()));
    }
    Some(comment)
}

/// Whether a path is a stream of the process or nothing at all.
pub(super) fn is_stream(path: &str) -> bool {
    path.starts_with("/dev/") || path.starts_with("/proc/")
}

/// A log whose lines are of two kinds.
pub(super) fn two_formats(log: &Log, other: &Log) -> Fault {
    let path = match &log.target {
        Target::File(path) | Target::Compressed(path) | Target::Syslog(path) => path,
    };
    let (one, two) = (&other.format.name, &log.format.name);
    let fault = Fault::error(format!(
        "{path} is written in two formats, `{one}` and `{two}`"
    ));
    let own = path.strip_suffix(".log").unwrap_or(path);
    let help = format!(
        "write both in one, or give this one a file of its own:\naccess_log {own}-{two}.log {two};"
    );
    at(fault.help(help), log.place.as_ref())
}

/// A glob that takes in another log.
pub(super) fn overlap(glob: &str, taken: &str, place: Option<&Place>) -> Fault {
    let fault = Fault::error(format!(
        "{glob} takes in {taken}, which another access_log writes"
    ));
    let fault = fault.help("give the logs with variables in their path a folder of their own, as in /var/log/nginx/vhosts/$host.log");
    at(fault, place)
}

/// Where some log that is followed has no duration: the format that has all, and the lines to
/// change. For the top of the configuration and, in short, for the report.
pub(super) fn recommendation(
    nginx: &Nginx,
    sources: &[Source],
    report: &mut Report,
) -> Option<String> {
    let lacks = |log: &&Log| {
        sources.iter().any(|source| {
            let is_its = match (&source.input, &log.target) {
                (Input::Path(glob), Target::File(path)) => *glob == super::names::glob(path),
                _ => false,
            };
            is_its && source.is_live && !source.has(Field::Duration)
        })
    };
    let logs: Vec<&Log> = nginx.logs.iter().filter(lacks).collect();
    if logs.is_empty() {
        return None;
    }
    let first = logs.iter().find_map(|log| log.place.clone());
    let is_taken = |name: &str| nginx.logs.iter().any(|log| log.format.name == name);
    let name = super::names::unique("httplog", is_taken);
    let mut lines = format!(
        "put this into `http {{ }}`, before any access_log that names it:\n{}\nand change",
        paste::log_format(&name)
    );
    for log in logs {
        let Target::File(path) = &log.target else {
            continue;
        };
        let mut better = log.clone();
        better.format.name.clone_from(&name);
        let better = directive(path, &better);
        if log.place.is_none() {
            let _ = write!(lines, "\n`http {{ }}`: add {better}");
        }
        for place in log.place.iter().chain(&log.others) {
            let _ = write!(lines, "\n{}: {better}", shown(place));
        }
    }
    lines.push_str("\nthen `nginx -t`, reload nginx, and run init again");
    let message = "no duration is logged here; nginx can log it and all else that is counted";
    report.push(at(
        Fault::warning(message).help(lines.clone()),
        first.as_ref(),
    ));
    Some(format!("To have durations, {lines}"))
}

/// An `access_log` as it can be pasted.
fn directive(path: &str, log: &Log) -> String {
    let path = if path.contains(char::is_whitespace) || path.contains(['"', '\'', ';', '{', '\\']) {
        format!("'{}'", path.replace('\\', "\\\\").replace('\'', "\\'"))
    } else {
        path.to_owned()
    };
    let name = &log.format.name;
    match log.conditions.as_slice() {
        [only] => format!("access_log {path} {name} if={only};"),
        _ => format!("access_log {path} {name};"),
    }
}

/// A fault at a place, if there is one.
pub(super) fn at(fault: Fault, place: Option<&Place>) -> Fault {
    match place {
        Some(place) => fault.at(place.clone()),
        None => fault,
    }
}
