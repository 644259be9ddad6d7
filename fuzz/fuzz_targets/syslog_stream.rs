//! Cuts any bytes of a syslog connection into lines: the lines do not depend on the pieces in which the bytes arrive, they are
//! those of a simple reading of RFC 6587, and what is held is bounded. The plan and the regex agree on each.
#![no_main]

use std::sync::LazyLock;

use httplog_exporter::pattern::{Pattern, presets};
use httplog_exporter::source::{BadFrame, Deframer, LineBuffer};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 300;
/// Bytes of a frame beside its message: nine digits and a blank.
const FRAME: usize = 10;

static PATTERNS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| presets().iter().filter_map(|preset| preset.pattern().ok()).collect());

/// Lines that are held, and the number of the others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lines {
    held: Vec<Vec<u8>>,
    overlong: u64,
}

/// Sorts lines by their length: one that is too long may be handed over whole or be counted.
fn sorted(lines: &LineBuffer) -> Lines {
    let mut sorted = Lines {
        overlong: lines.overlong,
        ..Lines::default()
    };
    assert!(lines.bytes.last().is_none_or(|last| *last == b'\n'));
    for line in lines.bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if text.len() > LIMIT {
            sorted.overlong += 1;
        } else {
            sorted.held.push(line.to_vec());
        }
    }
    sorted
}

fn cut<'p>(mut deframer: Deframer, pieces: impl Iterator<Item = &'p [u8]>) -> (Lines, Result<(), BadFrame>) {
    let mut lines = LineBuffer::default();
    for piece in pieces {
        let pushed = deframer.push(piece, &mut lines);
        if pushed.is_err() {
            return (sorted(&lines), pushed);
        }
        assert!(deframer.held_bytes() <= LIMIT + 1 + FRAME, "{} bytes held", deframer.held_bytes());
    }
    deframer.finish(&mut lines);
    (sorted(&lines), Ok(()))
}

/// Reads the text byte by byte, as RFC 6587 describes it. `None` for frames, which `framed` reads.
fn by_newlines(text: &[u8]) -> Lines {
    let mut lines = LineBuffer::default();
    for line in text.split_inclusive(|byte| matches!(byte, b'\n' | 0)) {
        let line = line.strip_suffix(b"\n").or(line.strip_suffix(b"\0")).unwrap_or(line);
        lines.bytes.extend_from_slice(line);
        lines.bytes.push(b'\n');
    }
    sorted(&lines)
}

fuzz_target!(|input: (&[u8], &[u8])| {
    let (text, cuts) = input;
    let whole = cut(Deframer::syslog(LIMIT), [text].into_iter());
    let single = cut(Deframer::syslog(LIMIT), text.chunks(1));
    assert_eq!(whole, single);
    let mut pieces = Vec::new();
    let mut rest = text;
    for length in cuts {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(*length)));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    assert_eq!(whole, cut(Deframer::syslog(LIMIT), pieces.iter().copied()));
    let plain = cut(Deframer::lines(LIMIT), pieces.iter().copied());
    assert_eq!(plain, cut(Deframer::lines(LIMIT), [text].into_iter()));
    if text.first().is_some_and(|first| !first.is_ascii_digit()) {
        assert_eq!(whole, (by_newlines(text), Ok(())));
    }
    // Any text, framed and sent in any pieces, comes out as it was.
    let message = &text[..text.len().min(LIMIT)];
    if !message.contains(&b'\n') && !message.ends_with(b"\r") && !message.ends_with(b"\0") && message.len() < LIMIT {
        let message = [b"<", message].concat();
        let mut frames = Vec::new();
        for _ in 0..2 {
            frames.extend_from_slice(format!("{} ", message.len()).as_bytes());
            frames.extend_from_slice(&message);
        }
        let size = cuts.first().map_or(7, |size| usize::from(*size).max(1));
        let expected = Lines {
            held: vec![message.clone(), message],
            overlong: 0,
        };
        assert_eq!(cut(Deframer::syslog(LIMIT), frames.chunks(size)), (expected, Ok(())));
    }
    for line in &whole.0.held {
        for pattern in PATTERNS.iter() {
            let mut scratch = pattern.scratch();
            assert_eq!(pattern.parse(&mut scratch, line), pattern.parse_by_regex(&mut scratch, line), "{}", pattern.name());
        }
    }
});
