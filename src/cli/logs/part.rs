//! Counts parts of logs on a thread of their own.
//!
//! Invariant: a part is counted by one thread, from its beginning to its end. Its deferred lines are sent in pieces,
//! through a bounded queue, so that memory does not depend on the length of a part.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::opened::Lines;
use crate::aggregate::Shard;
use crate::model::{Aside, Batch, Position};
use crate::pipeline::{Learned, Pipeline, RejectExamples, Settings};

/// Bytes of deferred lines from which a piece is sent.
const PIECE_BYTES: usize = 64 * 1024;
/// Most pieces of a part that wait to be merged.
pub(super) const PIECES: usize = 8;

/// A format whose lines several threads count.
pub(super) struct SharedFormat {
    /// Its place among the formats of the session.
    pub(super) number: usize,
    settings: Settings,
    learned: Mutex<Learned>,
}

/// A part of a log, to be counted.
pub(super) struct Part {
    pub(super) format: Arc<SharedFormat>,
    pub(super) log: PathBuf,
    pub(super) first: Option<FirstBatch>,
    pub(super) lines: Lines,
    pub(super) pieces: SyncSender<Piece>,
}

/// A copy of the batch by which a format was recognised.
pub(super) struct FirstBatch {
    bytes: Vec<u8>,
    asides: Vec<Aside>,
    overlong: u64,
    end: Position,
}

/// A message about a part, to be merged in the sequence of parts.
pub(super) enum Piece {
    /// Lines that depend on those before them.
    Deferred(Vec<u8>),
    /// Everything was read, or an error ended the reading.
    End(io::Result<PartEnd>),
}

/// The result of a part, beside its counts.
pub(super) struct PartEnd {
    pub(super) lines: u64,
    pub(super) rejected: RejectExamples,
}

/// A replica of a format's pipeline, and its counts.
struct Replica {
    format: Arc<SharedFormat>,
    pipeline: Pipeline,
    shard: Shard,
}

impl SharedFormat {
    pub(super) fn new(number: usize, settings: Settings) -> Self {
        Self {
            number,
            settings,
            learned: Mutex::default(),
        }
    }

    /// Returns what was learned.
    pub(super) fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FirstBatch {
    pub(super) fn copy(batch: &Batch<'_>) -> Self {
        Self {
            bytes: batch.bytes().to_vec(),
            asides: batch.asides().to_vec(),
            overlong: batch.overlong(),
            end: batch.end(),
        }
    }

    pub(super) fn get(&self) -> Batch<'_> {
        Batch::new(&self.bytes, self.overlong, self.end).with_asides(&self.asides)
    }
}

impl Replica {
    fn new(format: &Arc<SharedFormat>) -> Self {
        let pipeline = Pipeline::replica(format.settings.clone());
        Self {
            shard: pipeline.shard(),
            pipeline,
            format: Arc::clone(format),
        }
    }

    fn adopt(&mut self) {
        self.pipeline.adopt(&mut self.shard, &self.format.learned());
    }

    fn feed(&mut self, batch: &Batch<'_>) {
        self.pipeline.feed(&mut self.shard, batch);
    }

    /// Counts a part. Returns `None` if its pieces are not wanted any more.
    fn count(&mut self, part: Part, is_cancelled: &AtomicBool) -> Option<()> {
        let Part {
            log,
            first,
            mut lines,
            pieces,
            ..
        } = part;
        self.adopt();
        let start = self.pipeline.lines(&self.shard);
        self.pipeline.collect_examples(&self.shard);
        if let Some(first) = first {
            self.feed(&first.get().of_file(&log));
        }
        let outcome = loop {
            match lines.next_batch() {
                Ok(Some(batch)) => self.feed(&batch.of_file(&log)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if is_cancelled.load(Ordering::Relaxed) {
                return None;
            }
            if self.pipeline.deferred_bytes() >= PIECE_BYTES {
                let deferred = self.pipeline.take_deferred();
                pieces.send(Piece::Deferred(deferred)).ok()?;
                self.adopt();
            }
        };
        let deferred = self.pipeline.take_deferred();
        pieces.send(Piece::Deferred(deferred)).ok()?;
        let end = outcome.map(|()| PartEnd {
            lines: self.pipeline.lines(&self.shard) - start,
            rejected: self.pipeline.take_examples(),
        });
        pieces.send(Piece::End(end)).ok()
    }
}

/// Counts parts until the queue is closed. Returns the counts, each with the number of its format.
pub(super) fn work(
    queue: &Mutex<Receiver<Part>>,
    is_cancelled: &AtomicBool,
) -> Vec<(usize, Shard)> {
    let mut replicas: Vec<Replica> = Vec::new();
    loop {
        // The lock is held while waiting: the next part goes to one of the threads that wait.
        let part = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(part) = part else {
            break;
        };
        let is_its = |replica: &Replica| Arc::ptr_eq(&replica.format, &part.format);
        let at = replicas.iter().position(is_its).unwrap_or_else(|| {
            replicas.push(Replica::new(&part.format));
            replicas.len() - 1
        });
        if replicas[at].count(part, is_cancelled).is_none() {
            break;
        }
    }
    let counts = replicas.into_iter();
    counts
        .map(|replica| (replica.format.number, replica.shard))
        .collect()
}
