//! Recognises the preset that describes a log, from its first lines.
//!
//! Invariant: the recognised preset reads at least 90 % of the lines, each as its server could have
//! written it; other presets read fewer lines or fewer fields, or the same values.

use memchr::memmem;

use super::{Dialect, Pattern, presets};
use crate::model::Record;

/// Largest number of lines examined.
const SAMPLE_LINES: usize = 200;

/// The preset of a format that Apache and nginx write, each with its own escapes.
const COMMON: &str = "common";

/// The result of recognition.
#[derive(Debug)]
pub enum Recognition {
    /// One preset reads the lines. Of presets that read the same values, it is the first in the list.
    Known(Pattern),
    /// None is good enough. Holds the best two, with the percentage of lines that they read.
    Unknown(Vec<(&'static str, usize)>),
}

/// A preset and its score.
struct Candidate<'p> {
    read: usize,
    fields: usize,
    name: &'static str,
    pattern: &'p Pattern,
}

/// Tries every preset on the first 200 non-empty `lines`.
pub fn recognise<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Recognition {
    // A preset that does not compile is a broken build; its own tests report that.
    let compiled = presets()
        .iter()
        .filter_map(|preset| Some((preset.name, preset.pattern().ok()?)));
    among(&compiled.collect::<Vec<_>>(), lines)
}

fn among<'l>(
    patterns: &[(&'static str, Pattern)],
    lines: impl IntoIterator<Item = &'l [u8]>,
) -> Recognition {
    let lines: Vec<&[u8]> = lines
        .into_iter()
        .filter(|line| !line.is_empty())
        .take(SAMPLE_LINES)
        .collect();
    let mut candidates: Vec<Candidate<'_>> = patterns
        .iter()
        .map(|(name, pattern)| {
            let read = read_lines(pattern, &lines).flatten().count();
            // A log of nothing but skipped lines is not recognised by them.
            let skips = |line: &&&[u8]| read > 0 && pattern.skips(line);
            Candidate {
                read: read + lines.iter().filter(skips).count(),
                fields: pattern.fields().iter().count(),
                name,
                pattern,
            }
        })
        .filter(|candidate| candidate.read > 0)
        .collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.read, candidate.fields)));
    let best = candidates.first().filter(|best| {
        let mut others = candidates.iter().skip(1);
        best.read * 10 >= lines.len() * 9 && !others.any(|other| best.is_rivalled(other, &lines))
    });
    match best {
        Some(best) => Recognition::Known(best.pattern.clone()),
        None => Recognition::Unknown(
            candidates
                .iter()
                .take(2)
                .map(|candidate| (candidate.name, candidate.read * 100 / lines.len()))
                .collect(),
        ),
    }
}

impl Candidate<'_> {
    /// Returns whether another preset scores the same but reads other values. Another unit counts as
    /// other values even if all durations are 0.
    fn is_rivalled(&self, other: &Self, lines: &[&[u8]]) -> bool {
        (self.read, self.fields) == (other.read, other.fields)
            && (self.pattern.duration_unit() != other.pattern.duration_unit()
                || !read_lines(self.pattern, lines).eq(read_lines(other.pattern, lines)))
    }
}

fn read_lines<'a, 'l: 'a>(
    pattern: &'a Pattern,
    lines: &'a [&'l [u8]],
) -> impl Iterator<Item = Option<Record<'l>>> + 'a {
    let mut scratch = pattern.scratch();
    lines.iter().map(move |line| {
        let record = pattern.parse(&mut scratch, line).ok();
        record.filter(|record| {
            let by_one = could_write(pattern.dialect(), line);
            let by_other = pattern.name() == COMMON && could_write(Dialect::Nginx, line);
            (by_one || by_other) && is_requested(pattern.dialect(), record)
        })
    })
}

/// Returns whether the request line is one that the server writes: only Hypercorn, whose preset is a regex, writes the version
/// without `HTTP/`.
fn is_requested(dialect: Dialect, record: &Record<'_>) -> bool {
    let is_http = |protocol: &[u8]| protocol.starts_with(b"HTTP");
    dialect == Dialect::Regex || record.protocol.is_none_or(is_http)
}

/// Returns whether the line is escaped the way its server escapes.
fn could_write(dialect: Dialect, line: &[u8]) -> bool {
    match dialect {
        // `\xHH` for quotes, backslashes and bytes outside printable ASCII (`ngx_http_log_escape`); a
        // tab may be part of the format.
        Dialect::Nginx => line.iter().enumerate().all(|(at, byte)| match byte {
            b'\\' => {
                let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
                matches!(&line[at + 1..], [b'x', high, low, ..] if is_hex(high) && is_hex(low))
            }
            b' '..=b'~' | b'\t' => true,
            _ => false,
        }),
        // `\"`, `\\`, C's letters, and `\xhh` in lower case for bytes outside printable ASCII
        // (`ap_escape_logitem`, server/util.c).
        Dialect::Apache => {
            let mut bytes = line.iter();
            loop {
                match bytes.next() {
                    None => return true,
                    Some(b'\\') => match bytes.next() {
                        Some(b'"' | b'\\' | b'b' | b'n' | b'r' | b't' | b'v') => {}
                        Some(b'x') if is_apache_hex(bytes.as_slice()) => {}
                        _ => return false,
                    },
                    Some(b' '..=b'~' | b'\t') => {}
                    Some(_) => return false,
                }
            }
        }
        // Bytes as the client sent them, except quotes and control characters: gunicorn does not write
        // other escapes.
        Dialect::Gunicorn => {
            !memmem::find_iter(line, b"\\x").any(|at| is_apache_hex(&line[at + 2..]))
        }
        Dialect::Regex | Dialect::Json | Dialect::Ltsv => true,
    }
}

/// Returns whether the text begins with two lower-case hexadecimal digits of a byte outside printable
/// ASCII.
fn is_apache_hex(text: &[u8]) -> bool {
    matches!(
        text,
        [b'0' | b'1' | b'8' | b'9' | b'a'..=b'f', b'0'..=b'9' | b'a'..=b'f', ..] | [b'7', b'f', ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled() -> Vec<(&'static str, Pattern)> {
        presets()
            .iter()
            .map(|preset| (preset.name, preset.pattern().unwrap()))
            .collect()
    }

    #[test]
    fn each_presets_own_examples_are_recognised() {
        for preset in presets() {
            let definition = preset.definition().unwrap();
            let lines = definition
                .examples
                .iter()
                .map(|example| example.line.as_bytes());
            match recognise(lines) {
                Recognition::Known(pattern) => assert_eq!(pattern.name(), preset.name),
                // The unit of a whole number is ambiguous.
                Recognition::Unknown(_) => {
                    let whole_numbers = ["gunicorn-micros", "gunicorn-millis", "apache-timed"];
                    assert!(whole_numbers.contains(&preset.name), "{}", preset.name);
                }
            }
        }
    }

    #[test]
    fn unknown_formats_are_not_recognised() {
        let lines = [&b"hello"[..], b"", b"\xff\x00"];
        assert!(matches!(recognise(lines), Recognition::Unknown(best) if best.is_empty()));
        assert!(matches!(recognise([]), Recognition::Unknown(_)));
    }

    /// Recorded files and the preset that describes each of them.
    const KNOWN: [(&str, &str); 20] = [
        ("nginx_combined", "nginx-combined"),
        ("nginx_timed", "nginx-timed"),
        ("nginx_vhost_main", "nginx-vhost"),
        ("gunicorn_default", "gunicorn"),
        ("gunicorn_real_default", "gunicorn"),
        ("gunicorn_L_s", "gunicorn-seconds"),
        ("nginx_syslog", "nginx-timed"),
        ("nginx_json", "nginx-json"),
        ("nginx_ltsv", "nginx-ltsv"),
        ("uvicorn_default", "uvicorn"),
        ("uvicorn_asctime", "uvicorn"),
        ("uvicorn_worker", "uvicorn"),
        ("hypercorn", "hypercorn"),
        ("granian", "granian"),
        ("daphne", "daphne"),
        ("uwsgi", "uwsgi"),
        ("uwsgi_micros", "uwsgi-micros"),
        ("apache_common", "common"),
        ("apache_combined", "apache-combined"),
        ("apache_vhost_combined", "apache-vhost"),
    ];

    /// Recorded files without a preset, or with an ambiguous unit.
    const UNKNOWN: [&str; 9] = [
        "apache_combined_D_us",
        "gunicorn_D_us",
        "gunicorn_M_ms",
        "gunicorn_T_int_s",
        "gunicorn_xff_mUqH",
        "nginx_json_escape_none",
        "nginx_json_unquoted_urt",
        "nginx_timedkv",
        "nginx_upstream_colon",
    ];

    fn recorded(name: &str) -> Vec<u8> {
        let path = format!("{}/fixtures/corpora/{name}.log", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    /// Calls `check` with every stretch of 1, 5, 20 and all lines, and the preset recognised in it.
    fn stretches(name: &str, mut check: impl FnMut(Option<&str>, &[&[u8]])) {
        let patterns = compiled();
        let text = recorded(name);
        let lines: Vec<&[u8]> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        for length in [1, 5, 20, lines.len()] {
            for stretch in lines.windows(length).step_by(length.div_ceil(2)) {
                match among(&patterns, stretch.iter().copied()) {
                    Recognition::Known(pattern) => check(Some(pattern.name()), stretch),
                    Recognition::Unknown(_) => check(None, stretch),
                }
            }
        }
    }

    #[test]
    fn any_stretch_of_a_recorded_file_is_recognised() {
        let patterns = compiled();
        let find = |name: &str| &patterns.iter().find(|known| known.0 == name).unwrap().1;
        for (file, preset) in KNOWN {
            stretches(file, |found, stretch| {
                let Some(found) = found else {
                    // A few lines may fit the formats of two servers, with different meanings.
                    assert!(stretch.len() < 20, "{file}: {}", stretch.len());
                    return;
                };
                if found != preset {
                    // Both presets read the same values from this stretch.
                    assert!(read_lines(find(found), stretch).eq(read_lines(find(preset), stretch)));
                    assert!(stretch.len() <= 20, "{file} as {found}: {}", stretch.len());
                }
            });
        }
    }

    #[test]
    fn files_without_a_preset_are_not_recognised() {
        for file in UNKNOWN {
            stretches(file, |found, _| assert_eq!(found, None, "{file}"));
        }
    }

    #[test]
    fn a_little_junk_is_tolerated_and_much_is_not() {
        let junk = b"2026/11/22 18:47:15 [error] 12#12: *1 open() failed";
        let patterns = compiled();
        for (file, preset) in KNOWN {
            let text = recorded(file);
            let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            for every in [15, 3] {
                for at in (0..lines.len()).step_by(every) {
                    lines.insert(at, junk);
                }
                match among(&patterns, lines.iter().copied()) {
                    Recognition::Known(pattern) => {
                        assert_eq!((pattern.name(), every), (preset, 15));
                    }
                    Recognition::Unknown(best) => assert_eq!((best[0].0, every), (preset, 3)),
                }
            }
        }
    }
}
