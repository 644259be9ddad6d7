//! Unwrapping of whole texts: any chunks, parts and streams give the lines of the text without wrappers.

use std::io::{Read, Result};

use proptest::prelude::*;

use super::Frame;
use crate::model::{AsideKind, GenerationId};
use crate::source::read::LineReader;

const LIMIT: usize = 40;

/// Lines and counts that a reader of batches gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    lines: Vec<String>,
    stderr: u64,
    overlong: u64,
    damaged: Vec<String>,
    end: u64,
}

/// Returns pieces of a text, of the given sizes.
struct Pieces<'t> {
    text: &'t [u8],
    sizes: Vec<usize>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let size = self.sizes.pop().unwrap_or(usize::MAX).max(1);
        let size = size.min(self.text.len()).min(buffer.len());
        let (piece, rest) = self.text.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.text = rest;
        Ok(size)
    }
}

fn read(text: &[u8], sizes: &[usize], frame: Frame) -> Seen {
    let sizes = sizes.to_vec();
    let pieces = Pieces { text, sizes };
    let mut reader = LineReader::new(pieces, GenerationId(0), LIMIT).framed(frame, LIMIT, &[]);
    let mut seen = Seen::default();
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    while let Some(batch) = reader.next_batch().unwrap() {
        seen.overlong += batch.overlong();
        seen.end = batch.end().offset;
        let bytes = batch.bytes();
        let mut from = 0;
        let lines = |text: &[u8], seen: &mut Seen| {
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                if line.strip_suffix(b"\r").unwrap_or(line).len() > LIMIT {
                    seen.overlong += 1;
                } else {
                    seen.lines.push(shown(line));
                }
            }
        };
        for aside in batch.asides() {
            lines(&bytes[from..aside.at], &mut seen);
            from = aside.at;
            match aside.kind {
                AsideKind::Stderr(lines) => seen.stderr += lines,
                AsideKind::Overlong => seen.overlong += 1,
                AsideKind::Damaged(length) => {
                    seen.damaged.push(shown(&bytes[from..from + length]));
                    from += length + 1;
                }
            }
        }
        lines(&bytes[from..], &mut seen);
    }
    seen
}

const TIME: &str = "2026-11-22T10:00:00.123456789Z";

/// Wraps a part of a line as a runtime does.
fn wrap(frame: Frame, stream: &str, text: &str, is_last: bool) -> String {
    if frame == Frame::Cri {
        let tag = if is_last { "F" } else { "P" };
        return format!("{TIME} {stream} {tag} {text}\n");
    }
    let end = if is_last { "\n" } else { "" };
    let text = serde_json::to_string(&format!("{text}{end}")).unwrap();
    format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"{TIME}\"}}\n")
}

fn check(text: &str, frame: Frame, lines: &[&str], stderr: u64, damaged: &[&str]) {
    let seen = read(text.as_bytes(), &[], frame);
    assert_eq!(seen.lines, lines, "{text}");
    assert_eq!((seen.stderr, seen.overlong), (stderr, 0), "{text}");
    assert_eq!(seen.damaged, damaged, "{text}");
    assert_eq!(seen.end, text.len() as u64);
}

#[test]
fn parts_are_joined_and_stderr_is_left_out() {
    for frame in [Frame::Cri, Frame::Docker] {
        let text = [
            wrap(frame, "stdout", "a", true),
            wrap(frame, "stdout", "b", false),
            wrap(frame, "stderr", "x", false),
            wrap(frame, "stderr", "y", true),
            wrap(frame, "stdout", "c", false),
            wrap(frame, "stdout", "d", true),
            wrap(frame, "stdout", "e \"f\"", true),
        ];
        check(&text.concat(), frame, &["a", "bcd", "e \"f\""], 2, &[]);
        check(
            &text.concat(),
            Frame::Auto,
            &["a", "bcd", "e \"f\""],
            2,
            &[],
        );
    }
}

#[test]
fn a_log_is_recognised_by_its_first_lines_and_one_level_is_removed() {
    let inner = r#"{"log":"a\n","stream":"stderr"}"#;
    let outer = wrap(Frame::Cri, "stdout", inner, true);
    check(&outer.repeat(2), Frame::Auto, &[inner; 2], 0, &[]);
    // A cut line may precede them.
    let text = format!("tdout F a\n{}", wrap(Frame::Cri, "stdout", "b", true));
    check(&text, Frame::Auto, &["tdout F a", "b"], 0, &[]);
    let bare = "a\nb\nc\nd\n";
    let wrapped = wrap(Frame::Cri, "stdout", "e", true);
    let expected = ["a", "b", "c", "d"];
    check(bare, Frame::Auto, &expected, 0, &[]);
    let seen = read(format!("{bare}{wrapped}").as_bytes(), &[], Frame::Auto);
    assert_eq!((seen.lines.len(), seen.overlong), (4, 1));
}

#[test]
fn damaged_lines_are_handed_over_as_such() {
    let line = wrap(Frame::Docker, "stdout", "a", true);
    let cut = &line[..20];
    let text = format!("{line}{cut}\nbare\n\n{line}");
    check(&text, Frame::Auto, &["a", "", "a"], 0, &[cut, "bare"]);
    let text = wrap(Frame::Cri, "stdout", "a", true) + &wrap(Frame::Cri, "stdout", "b", false);
    check(&text, Frame::Auto, &["a"], 0, &["b"]);
}

#[test]
fn an_overlong_line_of_parts_is_counted_once_and_its_successor_kept() {
    for frame in [Frame::Cri, Frame::Docker] {
        let part = wrap(frame, "stdout", &"x".repeat(LIMIT / 2), false);
        let last = wrap(frame, "stdout", "x", true);
        let next = wrap(frame, "stdout", "a", true);
        let text = part.repeat(5_000) + &wrap(frame, "stderr", "e", true) + &last + &next;
        let seen = read(text.as_bytes(), &[], Frame::Auto);
        assert_eq!(
            (seen.lines, seen.overlong, seen.stderr),
            (vec!["a".to_owned()], 1, 1)
        );
        // One that never ends is counted too.
        let seen = read(part.repeat(5_000).as_bytes(), &[], Frame::Auto);
        assert_eq!((seen.lines.len(), seen.overlong), (0, 1));
    }
}

#[test]
fn a_line_that_waits_for_its_end_does_not_hold_back_stderr_forever() {
    let first = wrap(Frame::Cri, "stdout", "a", false);
    let stderr = wrap(Frame::Cri, "stderr", &"e".repeat(20), true);
    let text = first + &stderr.repeat(10_000) + &wrap(Frame::Cri, "stdout", "b", true);
    let seen = read(text.as_bytes(), &[], Frame::Auto);
    assert_eq!(
        (seen.lines.len(), seen.overlong, seen.stderr),
        (0, 1, 10_000)
    );
}

/// A line of the container, cut into parts of these sizes.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    cuts: Vec<usize>,
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (
        "[a-c\"\\\\ é]{0,60}",
        proptest::collection::vec(0_usize..20, 0..4),
    );
    let line = line.prop_map(|(text, cuts)| Line { text, cuts });
    proptest::collection::vec(line, 0..12)
}

/// Returns the wrapped parts of lines.
fn parts(frame: Frame, stream: &str, lines: &[Line]) -> Vec<String> {
    let mut parts = Vec::new();
    for line in lines {
        let mut rest = line.text.as_str();
        for cut in &line.cuts {
            let at = rest
                .char_indices()
                .nth(*cut)
                .map_or(rest.len(), |(at, _)| at);
            let (part, after) = rest.split_at(at);
            parts.push(wrap(frame, stream, part, false));
            rest = after;
        }
        parts.push(wrap(frame, stream, rest, true));
    }
    parts
}

proptest! {
    #[test]
    fn any_parts_chunks_and_sequence_of_streams_give_the_lines(
        stdout in lines(),
        stderr in lines(),
        order in proptest::collection::vec(any::<bool>(), 0..80),
        sizes in proptest::collection::vec(1_usize..200, 0..60),
        is_docker: bool,
        is_auto: bool,
    ) {
        let notation = if is_docker { Frame::Docker } else { Frame::Cri };
        let (mut out, err) = (parts(notation, "stdout", &stdout), parts(notation, "stderr", &stderr));
        let count = err.len() as u64;
        let mut err = err.into_iter();
        out.reverse();
        let mut text = String::new();
        for is_stderr in order {
            let next = if is_stderr { err.next() } else { out.pop() };
            text.extend(next);
        }
        text.extend(err);
        out.reverse();
        text.push_str(&out.concat());
        let (short, long): (Vec<_>, Vec<_>) =
            stdout.iter().map(|line| line.text.clone()).partition(|line| line.len() <= LIMIT);
        let expected = Seen {
            lines: short,
            stderr: count,
            overlong: long.len() as u64,
            damaged: Vec::new(),
            end: text.len() as u64,
        };
        let frame = if is_auto { Frame::Auto } else { notation };
        prop_assert_eq!(read(text.as_bytes(), &sizes, frame), expected);
    }

    #[test]
    fn any_bytes_in_any_chunks_give_the_same(
        pieces in proptest::collection::vec(prop_oneof![
            Just(b"2026-11-22T10:00:00Z stdout P ab\n".to_vec()),
            Just(b"2026-11-22T10:00:00Z stdout F ab\n".to_vec()),
            Just(b"2026-11-22T10:00:00Z stderr F ab\n".to_vec()),
            Just(br#"{"log":"a\n","stream":"stdout"}"#.to_vec()),
            Just(b"\n".to_vec()),
            Just(vec![b'x'; 1500]),
            proptest::collection::vec(any::<u8>(), 0..40),
        ], 0..30),
        sizes in proptest::collection::vec(1_usize..300, 0..80),
        frame in prop_oneof![Just(Frame::Auto), Just(Frame::Cri), Just(Frame::Docker)],
    ) {
        let text = pieces.concat();
        let whole = read(&text, &[], frame);
        prop_assert_eq!(read(&text, &sizes, frame), whole);
    }
}
