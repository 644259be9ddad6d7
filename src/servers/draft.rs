//! The configuration that follows from the servers' own.
//!
//! Invariant: what is drafted passes `check`; what cannot be followed stands in comments, and the
//! report says what to change.

use std::fmt::Write as _;

use super::Gunicorn;
use super::behind;
use super::formats::{Chosen, Formats};
use super::handing::Handing;
use super::names;
use super::nginx::{Log, Nginx, Target};
use super::remark;
use super::toml;
use crate::diag::Report;
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
    /// Under which paths its requests are handed on.
    pub(super) handing: Handing,
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
        let (earlier, later) = (&nginx.logs[..number], &nginx.logs[number + 1..]);
        let goes_there = |other: &&Log| followed(other) == followed(log);
        if earlier
            .iter()
            .filter(goes_there)
            .any(|other| is_same_format(log, other))
        {
            continue; // Under another name.
        }
        let problem = remark::unfollowable(log, report).or_else(|| {
            let before = earlier.iter().find(goes_there);
            let mut after = later.iter().filter(goes_there);
            if let Some(before) = before {
                report.push(remark::two_formats(log, before));
            }
            let is_torn = before.is_some() || after.any(|other| !is_same_format(log, other));
            is_torn.then(|| "It is written in two formats: no pattern reads both.".to_owned())
        });
        let is_taken = |name: &str| sources.iter().any(|source| source.name == name);
        let name = match &log.target {
            Target::File(path) | Target::Compressed(path) => names::source(path, is_taken),
            Target::Syslog(_) => names::unique("syslog", is_taken),
        };
        sources.push(source(name, log, chosen, problem));
    }
}

/// The source of one log; it is followed if its format is read and there is no problem.
fn source(name: String, log: &Log, chosen: Option<Chosen>, problem: Option<String>) -> Source {
    let is_live = chosen.is_some() && problem.is_none();
    let mut comments = vec![heading(log)];
    comments.extend(notes(log));
    comments.extend(problem);
    if chosen.is_none() {
        comments.push("Its format cannot be read.".to_owned());
    }
    let chosen = chosen.unwrap_or_else(|| Chosen {
        name: log.format.name.clone(),
        fields: FieldSet::EMPTY,
    });
    Source {
        name,
        input: match followed(log) {
            Some(glob) => Input::Path(glob),
            None => Input::Syslog("udp://127.0.0.1:5514".to_owned()),
        },
        pattern: chosen.name,
        fields: chosen.fields,
        behind: None,
        handing: Handing::of(&log.handed),
        comments,
        is_live,
    }
}

/// The path or glob under which a log would be followed.
fn followed(log: &Log) -> Option<String> {
    match &log.target {
        Target::File(path) | Target::Compressed(path) => Some(names::glob(path)),
        Target::Syslog(_) => None,
    }
}

fn is_same_format(one: &Log, other: &Log) -> bool {
    let escape = |log: &Log| {
        let escape = log.format.escape.clone();
        escape.unwrap_or_else(|| "default".to_owned())
    };
    one.format.text == other.format.text && escape(one) == escape(other)
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
    let mut lines: Vec<String> = Vec::new();
    for (words, place) in &nginx.unlogged {
        let line = format!("\n  {}: {words}", toml::shown(place));
        // A file may be included more than once.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
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

/// A glob that takes in the log of another source would have it counted twice. In the same format,
/// the glob is enough; else no pattern reads all that it takes in.
fn overlaps(sources: &mut [Source], nginx: &Nginx, report: &mut Report) {
    for wide in 0..sources.len() {
        for narrow in 0..sources.len() {
            let (Some(glob), Some(taken)) =
                (sources[wide].live_path(), sources[narrow].live_path())
            else {
                continue;
            };
            // What the narrower one, if it is a glob, may lead to.
            let example = taken.replace('\\', "").replace('*', "x");
            let is_wide = super::glob::is_glob(glob) && super::glob::matches(glob, &example);
            if wide == narrow || !is_wide {
                continue;
            }
            let (glob, taken) = (glob.to_owned(), taken.to_owned());
            let (demoted, comment) = if sources[wide].pattern == sources[narrow].pattern {
                let by = &sources[wide].name;
                (narrow, format!("The source {by} follows it: {glob}"))
            } else {
                let mut logs = nginx.logs.iter();
                let log = logs.find(|log| followed(log).as_ref() == Some(&glob));
                let place = log.and_then(|log| log.place.as_ref());
                report.push(remark::overlap(&glob, &taken, place));
                (
                    wide,
                    format!("It would follow {taken} too, whose format is another."),
                )
            };
            sources[demoted].is_live = false;
            sources[demoted].comments.push(comment);
        }
    }
}

impl Source {
    /// The path or glob, if it is followed.
    fn live_path(&self) -> Option<&str> {
        match &self.input {
            Input::Path(glob) if self.is_live => Some(glob),
            _ => None,
        }
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.fields.contains(field)
    }
}
