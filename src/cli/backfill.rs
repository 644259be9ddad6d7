//! `backfill`: prints whole logs as OpenMetrics with timestamps.

use std::io;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::exit::{Exit, Failure};
use super::logs::{Aim, Logs, Session, Threads};
use super::output::{Existing, write_file};
use crate::expose::write_timeline;
use crate::model::{Course, Timeline};

/// The label whose value an option may replace.
const SOURCE: &str = "source";
/// Longest step, in seconds; with a longer one a series would go stale between two samples.
const LONGEST: u32 = 300;

/// Convert whole logs to OpenMetrics, each sample with the time of its lines.
///
/// `promtool tsdb create-blocks-from openmetrics FILE DIR` turns the output into blocks for the database
/// of Prometheus. Counts begin at 0; each sample holds what was counted before its time. Logs are read as
/// by `replay`, in any order, but by one thread, since a rejected line has the time of the line before it; lines of two
/// sources are not joined.
#[derive(Debug, Args)]
pub struct Backfill {
    /// Time between samples, from 1s to 5m: the scrape interval of Prometheus, or longer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = step)]
    step: NonZeroU32,
    /// Label to add to every sample, for example `job=httplog`; `source=NAME` replaces the name of the
    /// pattern. May be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Output file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    logs: Logs,
}

impl Backfill {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let mut session = self.logs.read(Aim::Timeline(self.step), Threads::ONE)?;
        let timeline = self.timeline(&mut session)?;
        if timeline.is_empty() {
            session.warn(false);
            return Err(Failure::message(Exit::NoInput, "no line has a time"));
        }
        match &self.output {
            None => write_timeline(&timeline, self.step, &mut io::stdout().lock())?,
            Some(path) => {
                let written = write_file(path, Existing::Replaced, |mut out| {
                    write_timeline(&timeline, self.step, &mut out)
                });
                written.map_err(Failure::cannot(format!("write {}", path.display())))?;
            }
        }
        session.warn(false);
        Ok(())
    }

    /// Returns the counts of all formats over time, with the additional labels.
    fn timeline(&self, session: &mut Session) -> Result<Timeline, Failure> {
        let formats = session.formats.iter_mut();
        let mut courses: Vec<Course> = formats
            .flat_map(|counts| counts.shard.take_timeline())
            .collect();
        for (name, value) in &self.labels {
            for course in &mut courses {
                add(name, value, course)?;
            }
        }
        Ok(Timeline::new(courses))
    }
}

/// Adds a label to every series of a family.
fn add(name: &str, value: &str, course: &mut Course) -> Result<(), Failure> {
    let name: Arc<str> = name.into();
    for track in &mut course.tracks {
        let place = track.labels.binary_search_by(|(known, _)| known.cmp(&name));
        match place {
            Ok(at) if &*name == SOURCE => track.labels[at].1 = value.into(),
            Ok(_) => {
                let message = format!("`{}` already has a label `{name}`", course.name);
                return Err(Failure::message(Exit::Usage, message));
            }
            // A series without the label `source` stays without it.
            Err(_) if &*name == SOURCE => {}
            Err(at) => track.labels.insert(at, (Arc::clone(&name), value.into())),
        }
    }
    Ok(())
}

/// Parses `60`, `60s` or `1m` into seconds.
fn step(text: &str) -> Result<NonZeroU32, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse().ok().filter(|_| is_number);
    let seconds: Option<u32> = seconds.and_then(|number: u32| number.checked_mul(unit));
    seconds
        .filter(|seconds| *seconds <= LONGEST)
        .and_then(NonZeroU32::new)
        .ok_or_else(|| "expected a time from 1s to 5m, for example `15s` or `1m`".to_owned())
}

/// Parses `NAME=VALUE`. Prometheus reserves the name `le` and names that begin with `__`.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_word = name
        .bytes()
        .all(|byte| is_letter(byte) || byte.is_ascii_digit());
    let is_name = is_word && name.bytes().next().is_some_and(is_letter);
    if !is_name || name.starts_with("__") || name == "le" {
        return Err(format!("`{name}` cannot be the name of a label"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_seconds_or_minutes_up_to_five() {
        let check = |text, expected| assert_eq!(step(text).ok().map(NonZeroU32::get), expected);
        check("60s", Some(60));
        check("15", Some(15));
        check("5m", Some(300));
        for wrong in [
            "",
            "0",
            "0s",
            "301",
            "6m",
            "1h",
            "-1",
            "+1",
            "s",
            "99999999999",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn labels_have_names_that_prometheus_accepts() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        let check = |text, expected| assert_eq!(label(text).ok(), expected, "{text}");
        check("job=a=b", pair("job", "a=b"));
        check("_x1=", pair("_x1", ""));
        for wrong in ["job", "=a", "1a=b", "__name__=a", "le=1", "a-b=c"] {
            check(wrong, None);
        }
    }
}
