//! Drafts a configuration from those of the servers.
//!
//! Invariant: a draft with sources passes `check`. Logs that cannot be followed are commented out, and
//! the report says what to change.

use std::fmt::Write as _;

use super::nginx::{Log, Nginx, Target};
use super::place::{file_and_line, list};
use super::render::render;
use super::resolve::{Patterns, Resolved};
use super::rewrites::Rewrites;
use super::source::{Input, Source};
use super::{Gunicorn, backend, glob, names, remark};
use crate::diag::Report;

/// A drafted configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Commented TOML. Empty without any source, even a commented one.
    pub toml: String,
    /// Number of sources that are followed. With 0, `check` rejects the configuration.
    pub sources: usize,
}

/// Drafts a configuration from those of the servers, read from the files `from`. Recommended changes
/// to them go to the report.
pub fn draft(
    nginx: Option<&Nginx>,
    gunicorn: Option<&Gunicorn>,
    from: &[String],
    report: &mut Report,
) -> Draft {
    let mut patterns = Patterns::default();
    let mut sources: Vec<Source> = Vec::new();
    let mut remarks: Vec<String> = Vec::new();
    if let Some(nginx) = nginx {
        front(nginx, &mut patterns, &mut sources, report);
        if !nginx.unlogged.is_empty() {
            let blocks = list(&nginx.unlogged);
            let remark = format!("Not logged (access_log off), so not counted:{blocks}");
            remarks.push(remark);
        }
        overlaps(&mut sources, nginx, report);
        remarks.extend(remark::recommendation(nginx, &sources, report));
    }
    if let Some(gunicorn) = gunicorn {
        backend::add(gunicorn, &mut patterns, &mut sources, report);
    }
    if report.has_errors() {
        let remark = "INCOMPLETE: the configurations it was generated from have errors; see the messages of init.";
        remarks.insert(0, remark.to_owned());
    }
    if sources.is_empty() {
        return Draft::default();
    }
    let stub = nginx.and_then(|nginx| nginx.stub.as_ref());
    Draft {
        toml: render(from, &remarks, &sources, &patterns.custom, stub),
        sources: sources.iter().filter(|source| source.is_live).count(),
    }
}

/// Adds a source for each of nginx's logs.
fn front(nginx: &Nginx, patterns: &mut Patterns, sources: &mut Vec<Source>, report: &mut Report) {
    for (number, log) in nginx.logs.iter().enumerate() {
        let resolved = patterns.for_nginx(&log.format, log.place.as_ref(), report);
        let (earlier, later) = (&nginx.logs[..number], &nginx.logs[number + 1..]);
        let is_same_file = |other: &&Log| followed(other) == followed(log);
        let mut same_file = earlier.iter().filter(is_same_file);
        if same_file.any(|other| is_same_format(log, other)) {
            continue; // The format has two names.
        }
        let problem = remark::unfollowable(log, report).or_else(|| {
            let before = earlier.iter().find(is_same_file);
            let mut after = later.iter().filter(is_same_file);
            if let Some(before) = before {
                report.push(remark::two_formats(log, before));
            }
            let has_two_formats =
                before.is_some() || after.any(|other| !is_same_format(log, other));
            let comment =
                "Not followed: it is written in two formats, and one pattern cannot read both.";
            has_two_formats.then(|| comment.to_owned())
        });
        let is_taken = |name: &str| sources.iter().any(|source| source.name == name);
        let name = match &log.target {
            Target::File(path) | Target::Compressed(path) => names::source_name(path, is_taken),
            Target::Syslog(_) => names::unique("syslog", is_taken),
        };
        sources.push(source(name, log, resolved, problem));
    }
}

/// Returns the source of one log. It is live if its format can be read and it has no problem.
fn source(name: String, log: &Log, resolved: Option<Resolved>, problem: Option<String>) -> Source {
    let is_live = resolved.is_some() && problem.is_none();
    let mut comments = vec![heading(log)];
    comments.extend(notes(log));
    comments.extend(problem);
    let resolved = resolved.unwrap_or_else(|| {
        comments.push("Its format cannot be read.".to_owned());
        Resolved::unknown(&log.format.name)
    });
    Source {
        name,
        input: match followed(log) {
            Some(glob) => Input::Path(glob),
            None => Input::Syslog("udp://127.0.0.1:5514".to_owned()),
        },
        pattern: resolved.name,
        fields: resolved.fields,
        behind: Vec::new(),
        proxies: log.proxies,
        sets: None,
        capacity: None,
        rewrites: Rewrites::collect(&log.path_changes),
        comments,
        is_live,
    }
}

/// Returns the path or glob by which a log is followed.
fn followed(log: &Log) -> Option<String> {
    match &log.target {
        Target::File(path) | Target::Compressed(path) => Some(names::to_glob(path)),
        Target::Syslog(_) => None,
    }
}

fn is_same_format(one: &Log, other: &Log) -> bool {
    one.format.text == other.format.text && one.format.escape == other.format.escape
}

/// Describes the origin of a log: its directives and its servers.
fn heading(log: &Log) -> String {
    const NAMES: usize = 6;
    let places = log.place.iter().chain(&log.other_places);
    let places: Vec<String> = places.map(file_and_line).collect();
    let mut text = if places.is_empty() {
        "access_log is not set: nginx's packages write this file by default".to_owned()
    } else {
        format!("{}: access_log", places.join(", "))
    };
    if !log.servers.is_empty() {
        let shown: Vec<&str> = log.servers.iter().take(NAMES).map(String::as_str).collect();
        let _ = write!(text, " of {}", shown.join(", "));
        if log.servers.len() > NAMES {
            let _ = write!(text, " and {} more", log.servers.len() - NAMES);
        }
    }
    text
}

/// Notes on a log that can be followed.
fn notes(log: &Log) -> Vec<String> {
    let mut notes = Vec::new();
    if let Target::File(path) = &log.target
        && path.contains('$')
    {
        let note = format!("One file for each value of the variables in {path}.");
        notes.push(note);
    }
    if !log.conditions.is_empty() {
        let conditions = log.conditions.join(", ");
        notes.push(format!(
            "Only requests for which {conditions} is true are logged and counted (if=)."
        ));
    }
    if !log.also_in.is_empty() {
        let others = log.also_in.join(", ");
        notes.push(format!(
            "The same requests are also in {others}: select one source in queries."
        ));
    }
    if log.is_buffered {
        notes.push("Lines are delayed by buffer= or flush=.".to_owned());
    }
    notes
}

/// Comments out sources so that globs do not match the log of another source, which would then be
/// counted twice. With the same format the glob is kept; otherwise the other source is.
fn overlaps(sources: &mut [Source], nginx: &Nginx, report: &mut Report) {
    for wide in 0..sources.len() {
        for narrow in 0..sources.len() {
            let (Some(wide_glob), Some(other)) =
                (sources[wide].live_path(), sources[narrow].live_path())
            else {
                continue;
            };
            // An example of a path that the narrower glob matches.
            let example = other.replace('\\', "").replace('*', "x");
            let is_wide = glob::is_glob(wide_glob) && glob::matches(wide_glob, &example);
            if wide == narrow || !is_wide {
                continue;
            }
            let (wide_glob, other) = (wide_glob.to_owned(), other.to_owned());
            let (disabled, comment) = if sources[wide].pattern == sources[narrow].pattern {
                let by = &sources[wide].name;
                (narrow, format!("Followed by the source {by}: {wide_glob}"))
            } else {
                let mut logs = nginx.logs.iter();
                let log = logs.find(|log| followed(log).as_ref() == Some(&wide_glob));
                let place = log.and_then(|log| log.place.as_ref());
                report.push(remark::overlap(&wide_glob, &other, place));
                (
                    wide,
                    format!("Not followed: it would also match {other}, whose format differs."),
                )
            };
            sources[disabled].is_live = false;
            sources[disabled].comments.push(comment);
        }
    }
}
