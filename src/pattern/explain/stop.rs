//! The place where a pattern stops in a line, and the likely cause.

use super::super::{Pattern, Reject};
use super::case::Case;
use super::outcome::Stop;
use super::outline::Reach;
use super::reader::Reader;
use super::{detect, diagnose, foreign};

/// Explains why a pattern rejects a line, without comparing it to the presets.
pub(in super::super) fn rejected(pattern: &Pattern, line: &[u8], reject: Reject) -> Stop {
    stop(&Reader::new(pattern.clone(), false), None, line, reject)
}

/// Explains why a reader rejects a line. `nearest` is the preset that reads what follows the line's
/// syslog header, or gets furthest.
pub(super) fn stop(reader: &Reader, nearest: Option<&Reader>, line: &[u8], reject: Reject) -> Stop {
    let header = detect::syslog_header(line).unwrap_or_default();
    let body = &line[header..];
    let reads_body = |reader: &&Reader| reader.reads(body) && !reader.reads(line);
    let mut readers = [Some(reader), nearest].into_iter().flatten();
    let mut stop = match readers.find(reads_body) {
        Some(found) => Stop {
            span: 0..header,
            after: None,
            expected: reader.stop(b"", &Reach::default(), reject).1,
            diagnosis: foreign::syslog(found.pattern.name()),
            nearest: None,
        },
        None => stop_in_body(reader, nearest, body, reject).shifted(header),
    };
    stop.nearest = nearest
        .filter(|nearest| nearest.pattern.name() != reader.pattern.name())
        .map(|nearest| nearest.nearest(body, header));
    stop
}

fn stop_in_body(reader: &Reader, nearest: Option<&Reader>, line: &[u8], reject: Reject) -> Stop {
    let reach = reader.outline.reach(line);
    let (span, expected) = reader.stop(line, &reach, reject);
    let preset = nearest.filter(|nearest| nearest.reads(line));
    let diagnosis = diagnose::diagnose(&Case {
        reader,
        line,
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
