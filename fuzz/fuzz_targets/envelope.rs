//! Finds the message in any bytes behind an envelope: places lie inside the first line, and a line of a preset is read the
//! same whether the line before it had an envelope or not.
#![no_main]

use std::sync::LazyLock;

use httplog_exporter::model::Record;
use httplog_exporter::pattern::{Ahead, Pattern, envelope, presets};
use libfuzzer_sys::fuzz_target;

/// The presets, each with a line that has an envelope.
static PATTERNS: LazyLock<Vec<(Pattern, Vec<u8>)>> = LazyLock::new(|| {
    let definitions = presets().iter().filter_map(|preset| preset.definition().ok());
    let with_line = definitions.filter_map(|definition| {
        let line = format!("Nov 22 10:00:00 web1 nginx: {}", definition.examples.first()?.line);
        Some((definition.pattern, line.into_bytes()))
    });
    with_line.collect()
});

fuzz_target!(|text: &[u8]| {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    for begins_with_blank in [false, true] {
        let places: Vec<usize> = envelope::places(text, begins_with_blank).iter().collect();
        assert!(places.iter().all(|place| (1..=line.len()).contains(place)), "{places:?}");
    }
    for (pattern, enveloped) in PATTERNS.iter() {
        let expected = pattern.parse(&mut pattern.scratch(), line);
        let _ = pattern.skips(line);
        let mut scratch = pattern.scratch();
        let _ = pattern.parse(&mut scratch, enveloped);
        let mut record = Record::default();
        match pattern.parse_ahead(&mut scratch, text, &mut record) {
            Ahead::Line { length, outcome } => {
                assert_eq!(length, line.len(), "{}", pattern.name());
                assert_eq!(outcome.map(|()| record), expected, "{}", pattern.name());
            }
            Ahead::Undecided => {
                let undecided = pattern.parse_undecided(&mut scratch, line);
                assert!(line.ends_with(b"\r") || undecided == expected, "{}", pattern.name());
            }
        }
    }
});
