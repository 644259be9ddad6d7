//! Compiles any text as a format of each dialect and reads any bytes as its line: nothing panics, and plan
//! and regex agree.
#![no_main]

use httplog_exporter::pattern::{Dialect, Pattern};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8])| {
    let (format, line) = input;
    for dialect in Dialect::ALL {
        if let Ok(pattern) = Pattern::compile("fuzz", dialect, format) {
            let mut scratch = pattern.scratch();
            assert_eq!(pattern.parse(&mut scratch, line), pattern.parse_by_regex(&mut scratch, line));
        }
    }
});
