//! The failure of a log whose format is not recognised.
//!
//! Invariant: the message does not quote the log, because it may end up in the journal.

use std::fmt::Write as _;
use std::path::Path;

use super::exit::{Exit, Failure};
use super::rejects::extract_command;
use crate::pattern::{Explainer, Outcome};

/// Reports the closest presets, and where the best one stops. `best` is the result of recognition,
/// `lines` are the first of the log, and `line_bytes` limits their length.
pub(super) fn unrecognised<'l>(
    log: &Path,
    best: &[(&str, usize)],
    lines: impl Iterator<Item = &'l [u8]>,
    line_bytes: usize,
) -> Failure {
    let near = match best {
        [] => "none of the presets reads its lines".to_owned(),
        [(first, 100), (second, 100)] => {
            format!("{first} and {second} read all of its first lines, with different meanings")
        }
        _ => {
            let near: Vec<String> = best
                .iter()
                .map(|(name, percent)| format!("{name} reads {percent} % of its first lines"))
                .collect();
            near.join(", ")
        }
    };
    let explainer = Explainer::new([], line_bytes);
    let help = place(log, best.first().map(|(name, _)| *name), lines, &explainer);
    Failure::message(
        Exit::Config,
        format!("the format of {} is not recognised: {near}", log.display()),
    )
    .help(format!("{help}name its pattern with --pattern, or define one in a configuration: [pattern.mine] nginx = '…'"))
}

/// Describes where the best or closest preset first stops, and why.
fn place<'l>(
    log: &Path,
    best: Option<&str>,
    lines: impl Iterator<Item = &'l [u8]>,
    explainer: &Explainer,
) -> String {
    let mut lines = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
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
