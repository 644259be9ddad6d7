//! The threads that count parts of logs.
//!
//! Invariant: parts are begun and merged in their sequence, and the number of parts that are not merged is bounded, so the
//! oldest part always proceeds.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::opened::Lines;
use super::part::{FirstBatch, PIECES, Part, Piece, SharedFormat, work};
use crate::aggregate::Shard;

/// The shares into which work is divided among threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    /// Number of threads that count.
    pub(super) count: NonZeroUsize,
    /// Bytes of a part of a file.
    pub(super) part_bytes: u64,
    /// Bytes of a format that are counted before any are shared out, as replicas know nothing before.
    pub(super) warm_up_bytes: u64,
}

/// Threads, and the parts that they were given.
pub(super) struct Pool {
    /// `None` once no part follows.
    queue: Option<Sender<Part>>,
    threads: Vec<JoinHandle<Vec<(usize, Shard)>>>,
    is_cancelled: Arc<AtomicBool>,
    /// Parts that are not merged, in their sequence.
    outstanding: VecDeque<Outstanding>,
}

/// A part that is not merged.
pub(super) struct Outstanding {
    pub(super) log: PathBuf,
    /// Number of lines of the log before the part; `None` if only the parts before it know.
    pub(super) before: Option<u64>,
    pub(super) format: Arc<SharedFormat>,
    pub(super) pieces: Receiver<Piece>,
}

impl Threads {
    /// One thread.
    pub(crate) const ONE: Self = Self::new(NonZeroUsize::MIN);

    /// So many threads.
    pub(crate) const fn new(count: NonZeroUsize) -> Self {
        Self {
            count,
            part_bytes: 8 << 20,
            warm_up_bytes: 1 << 20,
        }
    }
}

impl Pool {
    /// Starts threads. `None` if one is enough, or the system has none left: then the caller counts.
    pub(super) fn start(threads: Threads) -> Option<Self> {
        if threads.count == NonZeroUsize::MIN {
            return None;
        }
        let (queue, parts) = channel();
        let (parts, is_cancelled) = (
            Arc::new(Mutex::new(parts)),
            Arc::new(AtomicBool::new(false)),
        );
        let start = |_| {
            let (parts, is_cancelled) = (Arc::clone(&parts), Arc::clone(&is_cancelled));
            let thread = thread::Builder::new().name("count".to_owned());
            thread.spawn(move || work(&parts, &is_cancelled)).ok()
        };
        let threads: Vec<_> = (0..threads.count.get()).map_while(start).collect();
        (!threads.is_empty()).then(|| Self {
            queue: Some(queue),
            threads,
            is_cancelled,
            outstanding: VecDeque::new(),
        })
    }

    /// Returns whether a part must be merged before another one is added.
    pub(super) fn is_full(&self) -> bool {
        self.outstanding.len() > 2 * self.threads.len()
    }

    /// Adds a part.
    pub(super) fn add(
        &mut self,
        log: PathBuf,
        before: Option<u64>,
        format: &Arc<SharedFormat>,
        first: Option<FirstBatch>,
        lines: Lines,
    ) {
        let (sender, pieces) = sync_channel(PIECES);
        let part = Part {
            format: Arc::clone(format),
            log: log.clone(),
            first,
            lines,
            pieces: sender,
        };
        if let Some(queue) = &self.queue {
            // It fails only without threads, which end after the last part.
            let _ = queue.send(part);
        }
        self.outstanding.push_back(Outstanding {
            log,
            before,
            format: Arc::clone(format),
            pieces,
        });
    }

    /// Removes and returns the oldest part.
    pub(super) fn oldest(&mut self) -> Option<Outstanding> {
        self.outstanding.pop_front()
    }

    /// Waits for all threads and returns their counts, each with the number of its format.
    pub(super) fn finish(mut self) -> Vec<(usize, Shard)> {
        self.join()
    }

    fn join(&mut self) -> Vec<(usize, Shard)> {
        self.queue = None;
        self.outstanding.clear();
        let threads = self.threads.drain(..);
        // A panic would have ended the process.
        let counts = threads.filter_map(|thread| thread.join().ok());
        counts.flatten().collect()
    }
}

impl Drop for Pool {
    /// Ends the threads after a failure, within a batch.
    fn drop(&mut self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        self.join();
    }
}
