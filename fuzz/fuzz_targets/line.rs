//! Reads any bytes as a line of each preset: the plan agrees with the regex or leaves the line
//! undecided, and hints never change the result of a scanner.
#![no_main]

use std::sync::LazyLock;

use httplog_exporter::model::{Field, Record};
use httplog_exporter::pattern::{Ahead, Engine, Pattern, Reject, Scratch, presets};
use libfuzzer_sys::fuzz_target;

static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| presets().iter().filter_map(|preset| preset.pattern().ok()).collect());

/// Returns the value of each field, and its place in the line.
fn places(record: Result<Record<'_>, Reject>) -> Result<Vec<(Option<usize>, Option<String>)>, Reject> {
    record.map(|mut record| {
        Field::ALL
            .into_iter()
            .map(|field| {
                let place = record.text_mut(field).and_then(|text| text.map(|text| text.as_ptr() as usize));
                (place, record.show(field))
            })
            .collect()
    })
}

/// Compares the ways to read a text's first line; `scratch` may have read others.
fn check(pattern: &Pattern, scratch: &mut Scratch, text: &[u8]) {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let by_plan = places(pattern.parse(scratch, line));
    let by_regex = places(pattern.parse_by_regex(scratch, line));
    assert_eq!(by_plan, by_regex, "{}", pattern.name());
    let mut record = Record::default();
    match pattern.parse_ahead(scratch, text, &mut record) {
        Ahead::Line { length, outcome } => {
            assert_eq!(length, line.len(), "{}", pattern.name());
            assert_eq!(places(outcome.map(|()| record)), by_regex, "{}", pattern.name());
        }
        Ahead::Undecided if line.ends_with(b"\r") => {}
        Ahead::Undecided => {
            let undecided = places(pattern.parse_undecided(scratch, line));
            assert_eq!(undecided, by_regex, "{}", pattern.name());
        }
    }
}

fuzz_target!(|text: &[u8]| {
    for pattern in PATTERNS.iter() {
        let mut scratch = pattern.scratch();
        check(pattern, &mut scratch, text);
        // A scanner has learned hints from earlier lines then.
        if pattern.engine() == Engine::Scanner {
            for line in text.split(|byte| *byte == b'\n') {
                check(pattern, &mut scratch, line);
            }
        }
    }
});
