//! `lines`: prints the log lines behind a number.
//!
//! Invariant: the number of lines is that of `replay` and `/metrics` for the same logs and series; nothing of a log is
//! kept.

mod between;
mod criteria;
mod output;
mod sample;
mod selection;
mod target;
mod test;

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use super::logs::{Interruption, Logs, Session};
use super::stop::{Stop, until_stopped};
use crate::aggregate::FRAME;
use crate::diag::{Fault, Report, nearest};
use crate::expose::push_exact;
use crate::join;
use crate::model::{Family, counted, plural};
use crate::pattern::Reject;

use between::Between;
use criteria::{Condition, Criteria};
use output::{Column, Form, Output};
use sample::is_of;
use selection::Selection;
use target::{Absence, passes};

/// Show the log lines behind a count.
///
/// SERIES is a series as /metrics shows it, in single quotes, with all of its labels or some, with or without its name:
/// `httplog_requests_total{route="home",status="502"}`. An argument with `{` in it, or a name that ends in `_total`,
/// `_bucket`, `_count` or `_sum`, is SERIES, unless a file has that name. Without SERIES and --where, all counted lines are
/// printed. Logs are read as by `replay`, in the sequence given.
///
/// Exit code 0 if there is a line, 1 if there is none; 0 with --count, and with --follow.
#[derive(Debug, Args)]
#[command(override_usage = "httplog-exporter lines [OPTIONS] [SERIES] <LOG>...")]
pub struct Lines {
    /// Conditions that a line must all meet, separated by blanks: `route=shop:checkout status=5.. duration>1s`. A name is a
    /// label, with the values of /metrics, or a field of the log. After `=` and `!=` stands a value or a regular
    /// expression for all of it; numbers are compared with <, <=, > and >=. May be repeated
    #[arg(long = "where", value_name = "CONDITIONS")]
    conditions: Vec<String>,
    /// Only lines of times from FROM until before TO: `03:00 04:00` on each day of the logs, or with a date,
    /// `2026-11-22T03:00 2026-11-22T04:00`. A time without a zone is one of the clock that the log was written by
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    between: Vec<String>,
    /// Show these fields, numbers and labels in columns, separated by tabs: `time,route,duration`. Durations are in
    /// seconds, `-` is an absent value
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with_all = ["json", "count"])]
    fields: Vec<String>,
    /// Show an object for each line, with all its fields and the labels of its series
    #[arg(long, conflicts_with = "count")]
    json: bool,
    /// Show the value of the series that the lines add up to
    #[arg(long)]
    count: bool,
    /// Go on with lines that are written to the LOGs, through rotation and truncation, until interrupted. Archives, and
    /// rotated files of a LOG, are read once
    #[arg(long, short = 'f', conflicts_with = "count")]
    follow: bool,
    /// Show the lines that were rejected for this reason: mismatch, number, overlong, ambiguous, or frame of a
    /// container log
    #[arg(long, value_name = "REASON", conflicts_with_all = ["conditions", "between", "fields"])]
    reject: Option<String>,
    #[command(flatten)]
    logs: Logs,
}

impl Lines {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let is_terminal = io::stdout().is_terminal();
        if self.follow {
            return until_stopped(move |stop| {
                self.write_and_follow(&mut io::stdout().lock(), is_terminal, stop)
            });
        }
        self.write(&mut io::stdout().lock(), is_terminal)
    }

    /// Writes the lines, or their number.
    fn write(&self, out: &mut impl Write, is_terminal: bool) -> Result<(), Failure> {
        let (series, logs) = self.arguments()?;
        let criteria = self.criteria(series)?;
        let output = Output::new(self.form()?, is_terminal);
        let mut selection = Selection::new(&criteria, output, out);
        let mut session = self.logs.select(&logs, &mut selection)?.without_selector();
        let help = check(&selection, &mut session, &criteria)?;
        let totals = selection.totals();
        if self.count {
            let mut text = Vec::new();
            push_exact(totals.amount, totals.unit, &mut text);
            text.push(b'\n');
            out.write_all(&text)?;
        }
        self.warn(&session, totals);
        if totals.lines > 0 || self.count {
            return Ok(());
        }
        let failure = Failure::message(Exit::Runtime, "no such line");
        Err(match help {
            Some(help) => failure.help(help),
            None => failure,
        })
    }

    /// Writes the lines that there are, and those that are written until the stop is requested.
    fn write_and_follow(
        &self,
        out: &mut impl Write,
        is_terminal: bool,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let (series, logs) = self.arguments()?;
        let criteria = self.criteria(series)?;
        let output = Output::new(self.form()?, is_terminal);
        let mut selection = Selection::new(&criteria, output, out);
        let (session, mut following) =
            (self.logs).select_and_follow(&logs, &mut selection, stop)?;
        let mut session = session.without_selector();
        let mut is_known = false;
        loop {
            if !is_known && !following.awaits_format() {
                is_known = true;
                let help = check(&selection, &mut session, &criteria)?;
                if selection.totals().lines == 0 {
                    // A value that is misspelt is never found.
                    let help = help.map_or_else(String::new, |help| format!("\n = help: {help}"));
                    let _ = writeln!(io::stderr(), "warning: no such line yet{help}");
                }
            }
            if following.has_ended() {
                break;
            }
            let mut watched = session.with_selector(&mut selection);
            let interruption = following.run(&mut watched)?;
            session = watched.without_selector();
            if interruption == Interruption::Stop {
                break;
            }
        }
        self.warn(&session, selection.totals());
        Ok(())
    }

    /// Returns the series, if one is given, and the logs.
    fn arguments(&self) -> Result<(Option<&str>, Vec<PathBuf>), Failure> {
        let is_series = |path: &&PathBuf| {
            let text = path.as_os_str().as_encoded_bytes();
            criteria::is_series(text) && std::fs::symlink_metadata(path).is_err()
        };
        let (series, logs): (Vec<_>, Vec<_>) = self.logs.paths().iter().partition(is_series);
        let usage = |message: &str, help: &str| Failure::message(Exit::Usage, message).help(help);
        let text = match &*series {
            [] => None,
            [one] => {
                Some(one.to_str().ok_or_else(|| {
                    usage("the series is not text", "give it as /metrics shows it")
                })?)
            }
            [..] => {
                let help = "give one, and --where for more conditions; a log whose name contains `{` must exist";
                return Err(usage("more than one series", help));
            }
        };
        if logs.is_empty() {
            return Err(usage(
                "no log to read",
                "name the logs behind the series; - is standard input",
            ));
        }
        Ok((text, logs.into_iter().cloned().collect()))
    }

    fn criteria(&self, series: Option<&str>) -> Result<Criteria, Failure> {
        let mut report = Report::default();
        let mut criteria = Criteria::default();
        criteria.series =
            series.map(|text| criteria::series(text, self.logs.has_config(), &mut report));
        for text in &self.conditions {
            let conditions: Vec<Condition> =
                criteria::conditions(text, self.logs.has_config(), &mut report);
            criteria.conditions.extend(conditions);
        }
        if report.has_errors() {
            return Err(Failure::usage(report));
        }
        let usage =
            |message: String, help: String| Failure::message(Exit::Usage, message).help(help);
        if let Some((name, _)) = criteria.series.as_ref().and_then(|it| it.name.as_ref()) {
            refuse(name)?;
        }
        if let [from, to] = &*self.between {
            let between = Between::parse(from, to);
            criteria.between = Some(between.map_err(|(message, help)| usage(message, help))?);
        }
        if let Some(reason) = &self.reject {
            let names = || Reject::ALL.into_iter().map(Reject::name).chain([FRAME]);
            let Some(known) = names().find(|name| name == reason) else {
                let message = format!("`{reason}` is not a reason for which lines are rejected");
                return Err(Failure::message(Exit::Usage, message).suggest(reason, names()));
            };
            if series.is_some() {
                let help = "leave out SERIES or --reject".to_owned();
                return Err(usage("rejected lines have no series".to_owned(), help));
            }
            criteria.reject = Some(known);
        }
        Ok(criteria)
    }

    fn form(&self) -> Result<Form, Failure> {
        if self.count {
            return Ok(Form::Count);
        }
        if self.json {
            return Ok(Form::Json);
        }
        if self.fields.is_empty() {
            return Ok(Form::Lines);
        }
        let mut report = Report::default();
        let columns = self.fields.iter().filter_map(|name| {
            let column = Column::from_name(name, self.logs.has_config());
            if column.is_none() {
                let fault =
                    Fault::error(format!("--fields: `{name}` is neither a field nor a label"));
                report.push(fault.suggest(name, criteria::names()));
            }
            column
        });
        let columns = columns.collect();
        if report.has_errors() {
            return Err(Failure::usage(report));
        }
        Ok(Form::Columns(columns))
    }

    fn warn(&self, session: &Session<'_>, totals: selection::Totals) {
        // The result is on standard output: that its warnings cannot be written does not make it wrong.
        let mut err = io::stderr();
        let selects_rejects = self.reject.is_some();
        if totals.untimed > 0 {
            let lines = totals.untimed;
            let _ = writeln!(
                err,
                "warning: {} left out: {} time cannot be read",
                counted(lines, "line"),
                plural(lines, "its", "their")
            );
        }
        if totals.unseen > 0 {
            let lines = totals.unseen;
            let _ = writeln!(
                err,
                "warning: {} longer than limits.line_bytes and not shown",
                counted(lines, "line")
            );
        }
        if !selects_rejects {
            session.warn(false);
        }
    }
}

/// Fails if no line of the formats that were read can be selected. Returns the nearest value that a line has, if a
/// condition is met by none.
fn check<W: Write>(
    selection: &Selection<'_, W>,
    session: &mut Session<'_>,
    criteria: &Criteria,
) -> Result<Option<String>, Failure> {
    let formats = session.formats.iter_mut();
    let families: Vec<Vec<Family>> = formats.map(|counts| counts.shard.snapshot()).collect();
    if let Some(reason) = selection.absence().filter(|_| criteria.reject.is_none()) {
        return Err(absent(reason, criteria, &families));
    }
    Ok(remedy(selection, &families))
}

/// Refuses series that do not count single lines.
fn refuse(name: &str) -> Result<(), Failure> {
    let (message, help) = if name.starts_with("httplog_exporter_rejected_lines") {
        (
            "counts lines that have no labels of their own",
            "use --reject REASON",
        )
    } else if name.starts_with("httplog_exporter_") || name.starts_with("process_") {
        (
            "is about the exporter, and counts no requests",
            "select by a family of requests, such as httplog_requests_total",
        )
    } else if join::FAMILIES.iter().any(|family| is_of(name, family)) {
        (
            "counts pairs of lines of two servers, not lines",
            "select by a family of one server, such as httplog_requests_total or httplog_request_duration_seconds",
        )
    } else {
        return Ok(());
    };
    Err(Failure::message(Exit::Usage, format!("`{name}` {message}")).help(help))
}

/// Returns the failure of criteria that no format's lines can meet.
fn absent(absence: &Absence, criteria: &Criteria, families: &[Vec<Family>]) -> Failure {
    let failure = Failure::message(Exit::Usage, &absence.reason);
    if let Some(help) = &absence.help {
        return failure.help(help);
    }
    let name = criteria.series.as_ref().and_then(|it| it.name.as_ref());
    let Some((name, _)) = name else {
        return failure;
    };
    let mut known: Vec<&str> = families.iter().flatten().map(|it| &*it.name).collect();
    known.sort_unstable();
    known.dedup();
    failure.suggest(name, known)
}

/// Returns the nearest value that lines have, of the first label whose condition no line meets.
fn remedy<W: Write>(selection: &Selection<'_, W>, families: &[Vec<Family>]) -> Option<String> {
    for (target, families) in selection.targets().zip(families) {
        let Some(family) = target.and_then(|target| target.family.as_ref()) else {
            continue;
        };
        let Some(found) = families.get(family.number) else {
            continue;
        };
        for (at, condition) in &family.tests {
            let values = || {
                let values = found.series.iter().filter_map(|one| one.labels.get(*at));
                values.map(|(_, value)| &**value)
            };
            if values().any(|value| passes(condition, value)) {
                continue;
            }
            let name = &condition.name;
            let mut all: Vec<&str> = values().collect();
            all.sort_unstable();
            all.dedup();
            let near = nearest(&condition.value, all.iter().copied());
            let value = &condition.value;
            if let Some(near) = near {
                return Some(format!("no `{name}` is `{value}`; did you mean `{near}`?"));
            }
            let more = if all.len() > 20 { ", …" } else { "" };
            all.truncate(20);
            let all = all.join(", ");
            return Some(format!("no `{name}` is `{value}`; there are: {all}{more}"));
        }
    }
    None
}

#[cfg(test)]
mod tests;
