//! Envelopes: what a transport or a logging formatter writes before a server's line.
//!
//! Invariant: the places found lie inside the line, behind a complete envelope, and are found without knowing the format
//! of what follows.

mod places;
mod prefix;
mod syslog;
mod time;

use crate::model::byte_set::ByteSet;

pub use places::Places;

/// The first bytes of the lines that [`may_begin`] like an envelope.
pub(super) static BEGINNINGS: ByteSet =
    ByteSet::from_ranges(&[(b'0', b'9'), (b'A', b'Z')]).plus(b"<[");

/// Finds the places where the message of an enveloped line may begin; none if the line has no envelope. The line ends at
/// its first newline or with the text.
///
/// An envelope is a header of syslog (see `syslog.rs`), the prefix of a logging formatter (see `prefix.rs`), or a header and
/// a prefix behind it. A message may begin with a blank of its own, which then looks like that of the envelope: a format
/// whose lines begin with a blank has `begins_with_blank`, and gets the place before the blank first.
pub fn places(line: &[u8], begins_with_blank: bool) -> Places {
    let mut places = Places::default();
    if let Some(end) = prefix::uvicorns(line) {
        places.push(end);
        return places;
    }
    let header = syslog::header(line).or_else(|| syslog::priority(line));
    if let Some(end) = header {
        after_header(line, end, begins_with_blank, &mut places);
    } else {
        prefix::places(line, 0, &mut places);
        if let [b' ', b'!'..=b'~' | 0x80.., ..] = line {
            // rsyslog's `%msg%` includes the blank after the tag.
            places.push(1);
        } else if places.first().is_none()
            && let Some(end) = syslog::tag(line)
        {
            after_header(line, end, begins_with_blank, &mut places);
        }
    }
    places
}

/// Returns the first of the places that [`places`] finds.
#[inline]
pub(super) fn first_place(line: &[u8], begins_with_blank: bool) -> Option<usize> {
    prefix::uvicorns(line).or_else(|| places(line, begins_with_blank).first())
}

fn after_header(line: &[u8], end: usize, begins_with_blank: bool, places: &mut Places) {
    let message = &line[end..];
    let blank = usize::from(message.starts_with(b" "));
    prefix::places(line, end + blank, places);
    // rsyslog includes the blank after the tag in the message, and writes it behind the blank that ends an RFC 5424
    // header. Whether a blank is rsyslog's or begins the logged line, only the format can decide.
    if begins_with_blank && !message.starts_with(b"  ") {
        places.push(end);
        places.push(end + blank);
    } else {
        places.push(end + blank);
        places.push(end);
    }
}

/// Returns whether a line begins like an envelope, judged by few bytes. False only if it begins with a blank, with a tag,
/// or with no envelope.
#[inline]
pub(super) fn may_begin(line: &[u8]) -> bool {
    match line {
        // An address has neither a dash nor a blank there, as a date and a year have.
        [b'0'..=b'9', second, _, _, fifth, ..] => matches!(fifth, b'-' | b' ') || *second == b' ',
        [b'<' | b'[', ..] => true,
        // A month or a level.
        [b'A'..=b'Z', second, _, fourth, ..] => {
            *fourth == b' ' || second.is_ascii_uppercase() && prefix::begins_with_level(line)
        }
        _ => false,
    }
}

/// Returns whether a line begins with a priority of syslog: then the whole line is never a server's own.
pub(super) fn has_priority(line: &[u8]) -> bool {
    line.first() == Some(&b'<')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the texts at the places of a line.
    fn messages(line: &str, begins_with_blank: bool) -> Vec<&str> {
        let places = places(line.as_bytes(), begins_with_blank);
        places.iter().map(|at| &line[at..]).collect()
    }

    #[test]
    fn a_blank_after_a_header_is_kept_first_for_formats_that_begin_with_one() {
        let check = |line: &str, begins_with_blank, expected: &[&str]| {
            assert_eq!(messages(line, begins_with_blank), expected, "{line:?}");
        };
        check("<30>Nov 22 10:00:00 vm a: x", false, &["x"]);
        check("<30>Nov 22 10:00:00 vm a:  x", false, &["x", " x"]);
        check("<30>Nov 22 10:00:00 vm a:  x", true, &[" x", "x"]);
        check("<30>Nov 22 10:00:00 vm a:   x", true, &[" x", "  x"]);
        check("<190>x", false, &["x"]);
        check("<190> x", true, &[" x", "x"]);
        check(" x", false, &["x"]);
        check("nginx: x", false, &["x"]);
        check("nginx[17]:  x", false, &["x", " x"]);
        check(" ", false, &[]);
        check("  x", false, &[]);
        check("x", false, &[]);
        check("", false, &[]);
    }

    #[test]
    fn a_prefix_may_follow_a_header() {
        let line = "Nov 22 10:00:00 vm gunicorn[17]: [2026-11-22 10:00:00 +0000] [17] [INFO] x";
        assert_eq!(messages(line, false)[0], "x");
    }

    #[test]
    fn every_header_and_prefix_is_noticed_by_its_first_bytes() {
        for line in [
            "<190>Nov 22 10:00:00 vm nginx: x",
            "Nov  2 10:00:00 vm nginx: x",
            "2026 Nov 22 10:00:00 vm nginx: x",
            "Nov 22 2026 10:00:00 vm nginx: x",
            "2026-11-22T10:00:00Z vm nginx: x",
            "1 2026-11-22T10:00:00Z vm nginx - - - x",
            "2026-11-22 10:00:00,123 [INFO] x",
            "[2026-11-22 10:00:00 +0000] [17] [INFO] x",
            "INFO:     x",
            "[INFO] x",
        ] {
            assert!(may_begin(line.as_bytes()), "{line}");
            assert!(BEGINNINGS.contains(line.as_bytes()[0]), "{line}");
            assert_eq!(messages(line, false).first(), Some(&"x"), "{line}");
        }
        for line in [
            "192.0.2.7 - -",
            "10.0.0.1 - -",
            "shop.test:80",
            "{",
            " - - [",
            "HTTP/1.1c: ",
            "INFORMATION: ",
        ] {
            assert!(!may_begin(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn places_are_inside_the_line_and_differ(
            line in prop_oneof![
                any::<Vec<u8>>(),
                r"(<[0-9]{0,4}>)?(1 |Nov 22 10:00:00 |2026-11-22[T ]10:00:00(Z|,1)? |INFO:? *|\[[0-9A-Z]{0,4}\] |[a-z.]{1,4}:? |- | \| |\n){0,9}"
                    .prop_map(String::into_bytes),
            ],
            begins_with_blank: bool,
        ) {
            let places: Vec<usize> = places(&line, begins_with_blank).iter().collect();
            let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
            for (at, place) in places.iter().enumerate() {
                prop_assert!((1..=end).contains(place));
                prop_assert!(!places[..at].contains(place));
            }
        }
    }
}
