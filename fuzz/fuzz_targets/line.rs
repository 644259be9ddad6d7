//! Any bytes as a line of any preset: the plan reads it as the regex does, or not at all.
#![no_main]

use std::sync::LazyLock;

use httplog_exporter::model::{Field, Record};
use httplog_exporter::pattern::{Pattern, Reject, presets};
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

fuzz_target!(|text: &[u8]| {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    for pattern in PATTERNS.iter() {
        let mut scratch = pattern.scratch();
        let by_plan = places(pattern.parse(&mut scratch, line));
        let by_regex = places(pattern.parse_by_regex(&mut scratch, line));
        assert_eq!(by_plan, by_regex, "{}", pattern.name());
        let mut record = Record::default();
        if let Some((length, outcome)) = pattern.parse_ahead(text, &mut record) {
            assert_eq!(length, line.len(), "{}", pattern.name());
            assert_eq!(places(outcome.map(|()| record)), by_regex, "{}", pattern.name());
        }
    }
});
