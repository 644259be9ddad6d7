//! Removes the wrappers of any bytes of a container log: the lines do not depend on the pieces in which the bytes are read, and
//! every byte is consumed.
#![no_main]

use std::io::{Read, Result};

use httplog_exporter::model::{AsideKind, GenerationId};
use httplog_exporter::source::{Frame, LineReader};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 50;

/// Returns a text in pieces of these sizes, and then the rest.
struct Pieces<'t> {
    text: &'t [u8],
    sizes: std::slice::Iter<'t, u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    lines: Vec<Vec<u8>>,
    damaged: Vec<Vec<u8>>,
    stderr: u64,
    overlong: u64,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let size = self.sizes.next().map_or(usize::MAX, |size| usize::from(*size).max(1));
        let size = size.min(self.text.len()).min(buffer.len());
        buffer[..size].copy_from_slice(&self.text[..size]);
        self.text = &self.text[size..];
        Ok(size)
    }
}

impl Seen {
    fn add(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            if line.strip_suffix(b"\r").unwrap_or(line).len() > LIMIT {
                self.overlong += 1;
            } else {
                self.lines.push(line.to_vec());
            }
        }
    }
}

fn read(text: &[u8], sizes: &[u8], frame: Frame) -> Seen {
    let pieces = Pieces { text, sizes: sizes.iter() };
    let mut reader = LineReader::new(pieces, GenerationId(0), LIMIT).framed(frame, LIMIT, &[]);
    let (mut seen, mut end) = (Seen::default(), 0);
    while let Some(batch) = reader.next_batch().unwrap() {
        seen.overlong += batch.overlong();
        assert!(batch.end().offset >= end);
        end = batch.end().offset;
        let bytes = batch.bytes();
        let mut from = 0;
        for aside in batch.asides() {
            seen.add(&bytes[from..aside.at]);
            from = aside.at;
            match aside.kind {
                AsideKind::Stderr(lines) => seen.stderr += lines,
                AsideKind::Overlong => seen.overlong += 1,
                AsideKind::Damaged(length) => {
                    seen.damaged.push(bytes[from..from + length].to_vec());
                    from += length + 1;
                }
            }
        }
        seen.add(&bytes[from..]);
    }
    assert_eq!(end, text.len() as u64);
    seen
}

fuzz_target!(|input: (&[u8], &[u8])| {
    let (text, sizes) = input;
    for frame in [Frame::Auto, Frame::Cri, Frame::Docker] {
        let whole = read(text, &[], frame);
        assert_eq!(read(text, sizes, frame), whole);
        let lines = whole.lines.len() + whole.damaged.len();
        assert!(lines <= text.split_inclusive(|byte| *byte == b'\n').count());
    }
});
