//! Rotated files that were compressed before they were read, or read to their end.
//!
//! Invariant: as with any file, what was handed over once is not handed over again: an archive that
//! fails half-way is taken up where it failed, if it changes.

use std::io::{self, Read};
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use super::fs::{Fs, Meta};
use super::print::{HEAD_BYTES, Head, Print, Printer};
use crate::model::{Batch, GenerationId};
use crate::source::LineReader;

/// How much is passed over in one step: as long as reading a buffer takes.
const STEP_BYTES: u64 = 1024 * 1024;

/// A compressed file that is being read.
pub(super) struct Archive<F: Fs> {
    pub(super) id: GenerationId,
    pub(super) meta: Meta,
    pub(super) path: PathBuf,
    /// The followed path whose text it holds.
    pub(super) base: PathBuf,
    /// What its text begins with.
    head: Head,
    /// Bytes of the text that were counted or passed over.
    pub(super) offset: u64,
    state: State<F>,
}

enum State<F: Fs> {
    /// What was counted of it under another name is passed over up to this byte.
    Passing(Box<MultiGzDecoder<At<F>>>, u64),
    Reading(Box<LineReader<MultiGzDecoder<At<F>>>>),
    Ended,
}

/// What one step brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    Ended,
}

/// A file read from its beginning to its end.
struct At<F: Fs> {
    fs: F,
    file: F::File,
    offset: u64,
}

impl<F: Fs> Archive<F> {
    /// Takes up an open file, to hand over what stands in its text after `offset`, the start of a line.
    pub(super) fn new(
        id: GenerationId,
        paths: (PathBuf, PathBuf),
        (fs, file, meta): (&F, F::File, Meta),
        head: Head,
        offset: u64,
    ) -> Self {
        let decoder = MultiGzDecoder::new(At {
            fs: fs.clone(),
            file,
            offset: 0,
        });
        Self {
            id,
            meta,
            path: paths.0,
            base: paths.1,
            head,
            offset: 0,
            state: State::Passing(Box::new(decoder), offset),
        }
    }

    /// Hands over the next lines, or passes over some of those that were counted.
    pub(super) fn read(
        &mut self,
        line_bytes: usize,
        sink: &mut dyn FnMut(&Batch<'_>),
    ) -> io::Result<Step> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => return Ok(Step::Ended),
            State::Passing(mut decoder, until) => {
                let wanted = (until - self.offset).min(STEP_BYTES);
                let passed = io::copy(&mut decoder.by_ref().take(wanted), &mut io::sink())?;
                self.offset += passed;
                self.state = if passed < wanted {
                    State::Ended
                } else if self.offset == until {
                    let reader = LineReader::new(*decoder, self.id, line_bytes);
                    State::Reading(Box::new(reader.starting_at(until)))
                } else {
                    State::Passing(decoder, until)
                };
            }
            State::Reading(mut reader) => {
                if let Some(batch) = reader.next_batch()? {
                    self.offset = batch.end().offset;
                    sink(&batch);
                    self.state = State::Reading(reader);
                }
            }
        }
        Ok(if matches!(self.state, State::Ended) {
            Step::Ended
        } else {
            Step::More
        })
    }

    /// The print of what its text begins with.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The prints of what was read; that of its end is not kept.
    pub(super) fn prints(&self, printer: &Printer) -> (Head, Print) {
        (self.head.clone(), printer.print(&[]))
    }
}

/// The first bytes of the text in an archive; as many as there are if it ends there.
pub(super) fn head<F: Fs>(fs: &F, file: F::File) -> io::Result<(Vec<u8>, F::File)> {
    let mut decoder = MultiGzDecoder::new(At {
        fs: fs.clone(),
        file,
        offset: 0,
    });
    let mut head = Vec::new();
    decoder
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    Ok((head, decoder.into_inner().file))
}

/// The size of the text in an archive of one member, modulo 2^32 (RFC 1952, section 2.3.1: `ISIZE`).
pub(super) fn size<F: Fs>(fs: &F, file: &F::File, meta: &Meta) -> io::Result<u32> {
    let mut trailer = [0; 4];
    let place = meta.size.saturating_sub(trailer.len() as u64);
    let got = fs.read_at(file, &mut trailer, place)?;
    if got < trailer.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(u32::from_le_bytes(trailer))
}

impl<F: Fs> Read for At<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.fs.read_at(&self.file, buffer, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}
