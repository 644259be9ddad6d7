//! The place where a pattern stops in a line, and the likely cause.

use super::super::{Pattern, Reject};
use super::case::Case;
use super::diagnose;
use super::keyed;
use super::outcome::Stop;
use super::reader::Reader;

/// Explains why a pattern rejects a line, without comparing it to the presets.
pub(in super::super) fn rejected(pattern: &Pattern, line: &[u8], reject: Reject) -> Stop {
    stop(&Reader::new(pattern.clone(), false), None, line, reject)
}

/// Explains why a reader rejects a line. `nearest` is the preset that reads the line, or gets furthest.
pub(super) fn stop(reader: &Reader, nearest: Option<&Reader>, line: &[u8], reject: Reject) -> Stop {
    let envelope = reader.envelope(line);
    let mut stop =
        stop_in_message(reader, nearest, &line[envelope..], line, reject).shifted(envelope);
    stop.nearest = nearest
        .filter(|nearest| nearest.pattern.name() != reader.pattern.name())
        .map(|nearest| nearest.nearest(line));
    stop
}

fn stop_in_message(
    reader: &Reader,
    nearest: Option<&Reader>,
    line: &[u8],
    whole: &[u8],
    reject: Reject,
) -> Stop {
    let preset = nearest.filter(|nearest| nearest.reads(whole));
    if preset.is_none()
        && let Some(keys) = reader.pattern.keys()
        && let Some(refusal) = keyed::refusal(keys, reader.pattern.dialect(), line, reject)
    {
        return Stop {
            span: refusal.span,
            after: refusal.after,
            expected: refusal.expected,
            diagnosis: refusal.diagnosis,
            nearest: None,
        };
    }
    let reach = reader.outline.reach(line);
    let (span, expected) = reader.stop(line, &reach, reject);
    let diagnosis = diagnose::diagnose(&Case {
        reader,
        line,
        whole,
        span: &span,
        piece: reach.pieces,
        reject,
        preset: preset.map(|preset| preset.pattern.name()),
    });
    Stop {
        after: reader.last_name(&reach).map(str::to_owned),
        expected,
        diagnosis,
        nearest: None,
        span,
    }
}
