//! Which preset wrote these lines?
//!
//! Invariant: a preset is named only when it reads nearly every line as its server could have
//! written it, none reads more of them or the same with more fields, and none reads the same lines
//! to mean something else.

use memchr::memmem;

use super::{Dialect, Pattern, presets};
use crate::model::Record;

/// Lines looked at.
const SAMPLE_LINES: usize = 200;

/// What recognition found.
#[derive(Debug)]
pub enum Recognition {
    /// This one. Where the lines fit the formats of several servers alike, the first of the list
    /// of presets: they are read the same either way.
    Known(Pattern),
    /// None is good enough; the best two with the share of lines they read, in percent.
    Unknown(Vec<(&'static str, usize)>),
}

/// A preset and how it did.
struct Candidate<'p> {
    read: usize,
    fields: usize,
    name: &'static str,
    pattern: &'p Pattern,
}

/// Tries every preset on the first 200 of `lines`. Lines that are blank do not count.
pub fn recognise<'l>(lines: impl IntoIterator<Item = &'l [u8]>) -> Recognition {
    // A preset that does not compile is a broken build, and the tests say so.
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
        .map(|(name, pattern)| Candidate {
            read: read_lines(pattern, &lines).flatten().count(),
            fields: pattern.fields().iter().count(),
            name,
            pattern,
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
    /// Whether another one does as well and reads something else, or would: in another unit, a
    /// duration of 0 is the same.
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
        record.filter(|_| could_write(pattern.dialect(), line))
    })
}

/// Whether the server escapes so that this line can be its own.
fn could_write(dialect: Dialect, line: &[u8]) -> bool {
    match dialect {
        // `\xHH` for quotes, backslashes and all that is no printable ASCII
        // (`ngx_http_log_escape`); a tab may stand in the format itself.
        Dialect::Nginx => line.iter().enumerate().all(|(at, byte)| match byte {
            b'\\' => {
                let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
                matches!(&line[at + 1..], [b'x', high, low, ..] if is_hex(high) && is_hex(low))
            }
            b' '..=b'~' | b'\t' => true,
            _ => false,
        }),
        // `\"`, `\\`, C's letters, and `\xhh` in small letters for all that is no printable ASCII
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
        // Clients' own bytes, but for quotes and controls: what looks escaped was not by gunicorn.
        Dialect::Gunicorn => {
            !memmem::find_iter(line, b"\\x").any(|at| is_apache_hex(&line[at + 2..]))
        }
        Dialect::Regex | Dialect::Json | Dialect::Ltsv => true,
    }
}

/// Two small hexadecimal digits of a byte that is no printable ASCII.
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
                // A whole number of what? Nothing in the line tells.
                Recognition::Unknown(_) => {
                    let whole_numbers = ["gunicorn-micros", "gunicorn-millis", "apache-timed"];
                    assert!(whole_numbers.contains(&preset.name), "{}", preset.name);
                }
            }
        }
    }

    #[test]
    fn what_nobody_wrote_is_not_recognised() {
        let lines = [&b"hello"[..], b"", b"\xff\x00"];
        assert!(matches!(recognise(lines), Recognition::Unknown(best) if best.is_empty()));
        assert!(matches!(recognise([]), Recognition::Unknown(_)));
    }

    /// What a recorded file is, whatever stretch of it is seen; files not listed are no preset's.
    const OWN: [(&str, &str); 13] = [
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
        ("apache_combined", "apache-combined"),
        ("apache_vhost_combined", "apache-vhost"),
    ];

    /// Recorded files whose lines no preset is for, or whose unit nothing tells.
    const NOBODYS: [&str; 9] = [
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

    /// The name found for every stretch of so many lines, and the stretch.
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
    fn any_stretch_of_a_recorded_file_is_recognised_as_what_it_is() {
        let patterns = compiled();
        let find = |name: &str| &patterns.iter().find(|known| known.0 == name).unwrap().1;
        for (file, own) in OWN {
            stretches(file, |found, stretch| {
                let Some(found) = found else {
                    // A few lines may be two servers' own, and mean different things.
                    assert!(stretch.len() < 20, "{file}: {}", stretch.len());
                    return;
                };
                if found != own {
                    // No line of the stretch tells the two apart.
                    assert!(read_lines(find(found), stretch).eq(read_lines(find(own), stretch)));
                    assert!(stretch.len() <= 20, "{file} as {found}: {}", stretch.len());
                }
            });
        }
    }

    #[test]
    fn what_no_preset_is_for_is_never_taken_for_one() {
        for file in NOBODYS {
            stretches(file, |found, _| assert_eq!(found, None, "{file}"));
        }
    }

    #[test]
    fn some_junk_hinders_nothing_and_much_is_admitted() {
        let junk = b"2026/11/22 18:47:15 [error] 12#12: *1 open() failed";
        let patterns = compiled();
        for (file, own) in OWN {
            let text = recorded(file);
            let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            for every in [15, 3] {
                for at in (0..lines.len()).step_by(every) {
                    lines.insert(at, junk);
                }
                match among(&patterns, lines.iter().copied()) {
                    Recognition::Known(pattern) => assert_eq!((pattern.name(), every), (own, 15)),
                    Recognition::Unknown(best) => assert_eq!((best[0].0, every), (own, 3)),
                }
            }
        }
    }
}
