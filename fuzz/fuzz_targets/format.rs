//! Any text as a format of any dialect, and any bytes as a line of it: refused or compiled, never a
//! panic; a compiled plan reads as its regex does.
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
