//! Any bytes as a line of any preset: the plan reads it as the regex does, or not at all; and what
//! reads lines by keys reads each as though it were the first.
#![no_main]

use std::sync::LazyLock;

use httplog_exporter::model::{Field, Record};
use httplog_exporter::pattern::{Ahead, Engine, Pattern, Reject, Scratch, presets};
use libfuzzer_sys::fuzz_target;

static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| presets().iter().filter_map(|preset| preset.pattern().ok()).collect());

/// What a record says, and where in the line.
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
        // Those that learn from lines have read others then.
        if pattern.engine() == Engine::Scanner {
            for line in text.split(|byte| *byte == b'\n') {
                check(pattern, &mut scratch, line);
            }
        }
    }
});
