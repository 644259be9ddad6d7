//! Any bytes as a line of any preset: the plan reads it as the regex does, or not at all.
#![no_main]

use std::sync::LazyLock;

use httplog_exporter::model::{Field, Record};
use httplog_exporter::pattern::{Indexed, Pattern, Reject, presets};
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

fuzz_target!(|line: &[u8]| {
    let quotes: Vec<u32> = (0..).zip(line).filter(|(_, byte)| **byte == b'"').map(|(at, _)| at).collect();
    for pattern in PATTERNS.iter() {
        let mut scratch = pattern.scratch();
        let by_plan = places(pattern.parse(&mut scratch, line));
        let by_regex = places(pattern.parse_by_regex(&mut scratch, line));
        assert_eq!(by_plan, by_regex, "{}", pattern.name());
        let mut record = Record::default();
        let indexed = Indexed::new(&quotes, 0);
        let read = pattern.parse_indexed(&mut scratch, line, indexed, &mut record);
        assert_eq!(places(read.map(|()| record)), by_regex, "{}", pattern.name());
    }
});
