//! The configuration that follows from the servers' own.
//!
//! Invariant: what is drafted passes `check`; what cannot be followed stands in comments, and the
//! report says what to change.

use std::fmt::Write as _;

use super::Gunicorn;
use super::behind;
use super::formats::{Chosen, Formats};
use super::names;
use super::nginx::{Log, Nginx, Target};
use super::remark;
use super::toml;
use crate::diag::{Place, Report};
use crate::model::{Field, FieldSet};

/// A configuration, drafted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// With comments. Empty if there is not even a source that a person could complete.
    pub toml: String,
    /// How many sources it follows; with none, `check` refuses it.
    pub sources: usize,
}

/// One source, followed or for want of a way to follow it a comment.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) input: Input,
    /// The pattern's name.
    pub(super) pattern: String,
    pub(super) fields: FieldSet,
    pub(super) behind: Option<String>,
    /// What stands above it.
    pub(super) comments: Vec<String>,
    pub(super) is_live: bool,
}

/// Where lines come from.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// A path or a glob.
    Path(String),
    Syslog(String),
    /// A unit whose output is in the journal.
    Journal(String),
}

/// Drafts a configuration from those of the servers, which stand in the files `from`. What they
/// should change goes to the report.
pub fn draft(
    nginx: Option<&Nginx>,
    gunicorn: Option<&Gunicorn>,
    from: &[String],
    report: &mut Report,
) -> Draft {
    let mut formats = Formats::default();
    let mut sources: Vec<Source> = Vec::new();
    let mut remarks: Vec<String> = Vec::new();
    if let Some(nginx) = nginx {
        front(nginx, &mut formats, &mut sources, report);
        remarks.extend(unlogged(nginx));
        overlaps(&mut sources, nginx, report);
        remarks.extend(remark::recommendation(nginx, &sources, report));
    }
    if let Some(gunicorn) = gunicorn {
        behind::add(gunicorn, nginx, &mut formats, &mut sources, report);
    }
    if report.has_errors() {
        remarks.insert(
            0,
            "INCOMPLETE: what it was drawn up from has faults; see what init said of them."
                .to_owned(),
        );
    }
    let live = sources.iter().filter(|source| source.is_live).count();
    if sources.is_empty() {
        return Draft::default();
    }
    Draft {
        toml: toml::write(from, &remarks, &sources, &formats.own),
        sources: live,
    }
}

/// nginx's logs.
fn front(nginx: &Nginx, formats: &mut Formats, sources: &mut Vec<Source>, report: &mut Report) {
    for (number, log) in nginx.logs.iter().enumerate() {
        let chosen = formats.nginx(&log.format, log.place.as_ref(), report);
        // The same log under another name of its format.
        let earlier = nginx.logs[..number].iter();
        let same: Vec<&Log> = earlier.filter(|other| other.target == log.target).collect();
        if same.iter().any(|other| is_same_format(log, other)) {
            continue;
        }
        let (input, path) = match &log.target {
            Target::File(path) | Target::Compressed(path) => {
                (Input::Path(names::glob(path)), &**path)
            }
            Target::Syslog(_) => (Input::Syslog("udp://127.0.0.1:5514".to_owned()), "/syslog"),
        };
        let rest = &nginx.logs[number + 1..];
        let other = same.first().copied().or_else(|| {
            rest.iter()
                .find(|other| other.target == log.target && !is_same_format(log, other))
        });
        let problem = match remark::unfollowable(log, report) {
            None if other.is_some() => {
                if let (Some(other), false) = (other, same.is_empty()) {
                    report.push(remark::two_formats(log, other));
                }
                Some("It is written in two formats: no pattern reads both.".to_owned())
            }
            found => found,
        };
        let mut comments = vec![heading(log)];
        comments.extend(notes(log));
        comments.extend(problem.iter().cloned());
        if chosen.is_none() {
            comments.push("Its format cannot be read.".to_owned());
        }
        let is_live = chosen.is_some() && problem.is_none();
        let Chosen {
            name: pattern,
            fields,
        } = chosen.unwrap_or_else(|| Chosen {
            name: log.format.name.clone(),
            fields: FieldSet::EMPTY,
        });
        let is_taken = |name: &str| sources.iter().any(|source| source.name == name);
        sources.push(Source {
            name: names::source(path, is_taken),
            input,
            pattern,
            fields,
            behind: None,
            comments,
            is_live,
        });
    }
}

fn is_same_format(one: &Log, other: &Log) -> bool {
    one.format.text == other.format.text && one.format.escape == other.format.escape
}

/// Where a log stands, and whose it is.
fn heading(log: &Log) -> String {
    const NAMES: usize = 6;
    let places: Vec<String> = log
        .place
        .iter()
        .chain(&log.others)
        .map(toml::shown)
        .collect();
    let mut text = if places.is_empty() {
        "no access_log is configured: nginx's packages then write this one".to_owned()
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

/// What is good to know of a log that can be followed.
fn notes(log: &Log) -> Vec<String> {
    let mut notes = Vec::new();
    if let Target::File(path) = &log.target
        && path.contains('$')
    {
        notes.push(format!(
            "One file for each value of the variables in {path}."
        ));
    }
    if !log.conditions.is_empty() {
        let conditions = log.conditions.join(", ");
        notes.push(format!(
            "Only requests for which {conditions} is true are logged and counted (if=)."
        ));
    }
    if !log.beside.is_empty() {
        let others = log.beside.join(", ");
        notes.push(format!(
            "The same requests are in {others}: let a query name one source."
        ));
    }
    if log.is_buffered {
        notes.push("Lines arrive late: buffer= or flush= holds them back.".to_owned());
    }
    notes
}

/// What nobody will count, because it is in no log.
fn unlogged(nginx: &Nginx) -> Option<String> {
    const SHOWN: usize = 20;
    let lines: Vec<String> = nginx
        .unlogged
        .iter()
        .take(SHOWN)
        .map(|(words, place)| format!("\n  {}: {words}", toml::shown(place)))
        .collect();
    let more = nginx.unlogged.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!("\n  and {more} more")
    } else {
        String::new()
    };
    (!lines.is_empty()).then(|| {
        format!(
            "Not logged (access_log off), so not counted:{}{more}",
            lines.concat()
        )
    })
}

/// A glob that takes in the log of another source would have it counted twice.
fn overlaps(sources: &mut [Source], nginx: &Nginx, report: &mut Report) {
    let place = |glob: &str| -> Option<Place> {
        nginx.logs.iter().find_map(|log| match &log.target {
            Target::File(path) if names::glob(path) == glob => log.place.clone(),
            _ => None,
        })
    };
    let live: Vec<String> = sources
        .iter()
        .filter(|source| source.is_live)
        .filter_map(|source| match &source.input {
            Input::Path(glob) => Some(glob.clone()),
            _ => None,
        })
        .collect();
    for source in sources.iter_mut().filter(|source| source.is_live) {
        let Input::Path(glob) = &source.input else {
            continue;
        };
        let taken = live.iter().find(|other| {
            *other != glob && super::glob::is_glob(glob) && super::glob::matches(glob, other)
        });
        if let Some(taken) = taken {
            source.is_live = false;
            source
                .comments
                .push(format!("It would follow {taken} once more."));
            report.push(remark::overlap(glob, taken, place(glob).as_ref()));
        }
    }
}

impl Source {
    pub(super) fn has(&self, field: Field) -> bool {
        self.fields.contains(field)
    }
}
