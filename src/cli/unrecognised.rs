//! Recognises the format of a log, or reports the presets that come closest.
//!
//! Invariant: the message does not quote the log, because it may end up in the journal.

use std::fmt::Write as _;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::rejects::extract_command;
use crate::model::Batch;
use crate::pattern::{Explainer, Outcome, Pattern, Recognition, recognise};

/// Returns the preset that reads the first lines of a log, or reports the closest ones and where the best one stops.
/// `line_bytes` limits the length of a line.
pub(super) fn recognise_log(
    log: &Path,
    first: &Batch<'_>,
    line_bytes: usize,
) -> Result<Pattern, Failure> {
    let best = match recognise(first.lines()) {
        Recognition::Known(pattern) => return Ok(pattern),
        Recognition::Unknown(best) => best,
    };
    let near = match best.as_slice() {
        [] => "none of the presets reads its lines".to_owned(),
        [(first, 100), (second, 100)] => {
            format!("{first} and {second} read all of its first lines, with different meanings")
        }
        _ => {
            let near = best.iter();
            let near =
                near.map(|(name, percent)| format!("{name} reads {percent} % of its first lines"));
            near.collect::<Vec<_>>().join(", ")
        }
    };
    let explainer = Explainer::new([], line_bytes);
    let help = place(log, best.first().map(|(name, _)| *name), first, &explainer);
    let message = format!("the format of {} is not recognised: {near}", log.display());
    Err(Failure::message(Exit::Config, message)
        .help(format!("{help}name its pattern with --pattern, or define one in a configuration: [pattern.mine] nginx = '…'")))
}

/// Describes where the best or closest preset first stops, and why.
fn place(log: &Path, best: Option<&str>, first: &Batch<'_>, explainer: &Explainer) -> String {
    let lines = (1..).zip(first.lines());
    let mut lines = lines.filter(|(_, line)| !line.is_empty());
    let stopped = lines.find_map(|(number, line)| {
        let closest = || Some(explainer.closest(line)?.name);
        let name = best.map(str::to_owned).or_else(closest)?;
        match explainer.explain(&name, line)?.outcome {
            Outcome::Read(_) => None,
            Outcome::Stopped(stop) => Some((number, name, stop)),
        }
    });
    let Some((number, name, stop)) = stopped else {
        return String::new();
    };
    let mut help = format!(
        "`{name}` stops in line {number} at byte {}, expecting {}\nlikely cause: {}; {}\n",
        stop.span.start + 1,
        stop.expected,
        stop.diagnosis.reason,
        stop.diagnosis.remedy
    );
    if log != Path::new("-") {
        let line = extract_command(log, number);
        let _ = writeln!(
            help,
            "to see it: {line}httplog-exporter explain --pattern {name} -"
        );
    }
    help
}
