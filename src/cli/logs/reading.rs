//! Reads logs and counts their lines, on this thread or on others.
//!
//! Invariant: the result is that of reading all logs one after the other. What depends on the sequence of lines is done on
//! this thread in that sequence: formats are created, first lines are sampled, lines that other threads deferred are
//! counted. So is every line of a format that is joined or counted by time, or of a log that may have to be waited for.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::opened::{Limit, Lines, Opened, may_wait};
use super::owner::Counts;
use super::part::{FirstBatch, Piece, SharedFormat};
use super::pool::{Outstanding, Pool};
use super::session::Session;
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::{SAMPLE_BYTES, unreadable};
use crate::model::{Batch, Micros};
use crate::source::{Carry, path_before_rotation};

/// The lines of a log that are shared out.
enum Shared {
    /// All; the first ones are read already.
    Whole(FirstBatch),
    /// All lines behind the first `lines`, which end at `offset` of a plain file.
    Rest { lines: u64, offset: u64 },
}

impl Session<'_> {
    /// Counts all lines of logs, or shares them out. Each log has the number of the counts that its lines go to, if that is
    /// known.
    pub(super) fn read_all<'l>(
        &mut self,
        logs: impl Iterator<Item = (&'l Path, Option<usize>)>,
    ) -> Result<(), Failure> {
        let mut logs = logs.peekable();
        while let Some((log, owner)) = logs.next() {
            self.next_log = logs.peek().map(|(next, _)| next.to_path_buf());
            if let Err(failure) = self.read(log, None, owner) {
                // A log before it may have failed first.
                self.merge_all()?;
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Counts all lines of one log, or shares them out; `file` is the file at its path if it is open already, `owner` the
    /// number of the counts that its lines go to, if that is known.
    pub(super) fn read(
        &mut self,
        log: &Path,
        file: Option<File>,
        owner: Option<usize>,
    ) -> Result<(), Failure> {
        if may_wait(log) {
            self.merge_all()?;
        }
        let sample = self.pattern.is_none().then_some(SAMPLE_BYTES);
        let before = self.carry.take();
        if before.as_ref().is_some_and(Carry::is_used) {
            // The line that the log before leaves open is known once that was read.
            self.merge_all()?;
        }
        self.carry = self.goes_on(log).then(Carry::default);
        let limit = Limit {
            line_bytes: self.limits.line_bytes,
            frame: self.frame_of(log, owner),
            before,
            next: self.carry.clone(),
        };
        let opened = Opened::open(log, file, limit, sample, &self.progress);
        let mut opened = opened.map_err(|error| unreadable(log, error))?;
        self.suppressed.extend(opened.suppressed.take());
        let batch = opened.lines.next_batch();
        let Some(batch) = batch.map_err(|error| unreadable(log, error))? else {
            return self.read_empty();
        };
        let counts = match owner {
            Some(at) => Counts::Known(at),
            None => self.counts_of(log, &batch)?,
        };
        let at = match counts {
            Counts::Known(at) if opened.is_regular && self.may_share(at) => {
                let first = FirstBatch::copy(&batch);
                return self.share(log, opened, at, Shared::Whole(first));
            }
            Counts::Known(at) => {
                self.merge_all()?;
                at
            }
            Counts::Unknown(pattern, routes) => {
                self.merge_all()?;
                self.add_format(pattern, routes.as_deref())?
            }
        };
        let counts = &mut self.formats[at];
        let before = counts.pipeline.lines(&counts.shard);
        counts.pipeline.collect_examples(&counts.shard);
        self.feed(at, &batch.of_file(log))?;
        let mut offset = batch.end().offset;
        let is_shared = loop {
            if opened.is_regular && self.may_share(at) {
                break true;
            }
            let batch = opened.lines.next_batch();
            let Some(batch) = batch.map_err(|error| unreadable(log, error))? else {
                break false;
            };
            self.feed(at, &batch.of_file(log))?;
            offset = batch.end().offset;
        };
        self.end_examples(at, log);
        if !is_shared {
            return Ok(());
        }
        let counts = &mut self.formats[at];
        let lines = counts.pipeline.lines(&counts.shard) - before;
        self.publish(at);
        self.share(log, opened, at, Shared::Rest { lines, offset })
    }

    /// Counts lines of a followed log, in the format that its first lines have.
    pub(super) fn feed_followed(
        &mut self,
        log: &Path,
        format: &mut Option<usize>,
        batch: &Batch<'_>,
    ) -> Result<(), Failure> {
        let at = if let Some(known) = *format {
            known
        } else {
            let at = match self.counts_of(log, batch)? {
                Counts::Known(at) => at,
                Counts::Unknown(pattern, routes) => self.add_format(pattern, routes.as_deref())?,
            };
            let counts = &mut self.formats[at];
            counts.pipeline.collect_examples(&counts.shard);
            *format = Some(at);
            at
        };
        self.progress.inc(batch.bytes().len() as u64);
        self.feed(at, &batch.of_file(log))
    }

    /// Keeps the rejected lines of a log, of a format, that were noted so far.
    pub(super) fn end_examples(&mut self, at: usize, log: &Path) {
        let counts = &mut self.formats[at];
        let rejected = counts.pipeline.take_examples();
        self.rejects.add(log, counts.pattern.name(), 0, &rejected);
    }

    /// Returns whether the next log may be the one that was written after this one was rotated.
    fn goes_on(&self, log: &Path) -> bool {
        let base = |log: &Path| path_before_rotation(log).unwrap_or_else(|| log.to_owned());
        let next = self.next_log.as_ref();
        path_before_rotation(log).is_some_and(|own| next.is_some_and(|next| base(next) == own))
    }

    /// Handles a log without a line: it has an account too, if its format is known.
    fn read_empty(&mut self) -> Result<(), Failure> {
        if let Some(pattern) = self.pattern.clone()
            && self.find_format(&pattern, None).is_none()
        {
            self.merge_all()?;
            self.add_format(pattern, None)?;
        }
        Ok(())
    }

    /// Returns whether other threads may count lines of a format: if there are any, and they would not defer them all.
    fn may_share(&self, at: usize) -> bool {
        let counts = &self.formats[at];
        let is_sampled = (counts.prefix.as_ref()).is_none_or(|prefix| !prefix.wants_more());
        self.pool.is_some()
            && counts.shared.is_some()
            && is_sampled
            && counts.bytes >= self.warm_up_bytes
    }

    /// Counts lines on this thread.
    fn feed(&mut self, at: usize, batch: &Batch<'_>) -> Result<(), Failure> {
        if self.stop.is_requested() {
            return Err(Failure::stopped());
        }
        let counts = &mut self.formats[at];
        counts.bytes += batch.bytes().len() as u64;
        match &mut self.selector {
            None => counts.pipeline.feed(&mut counts.shard, batch),
            Some(selector) => {
                selector.feed(at, &mut counts.pipeline, &mut counts.shard, batch)?;
            }
        }
        if let Some(prefix) = &mut counts.prefix {
            prefix.add(batch);
        }
        // Files are read one after the other, so the time of reading has no meaning.
        counts.pipeline.flush_joins(Micros(0));
        Ok(())
    }

    /// Lets other threads count lines of a log.
    fn share(
        &mut self,
        log: &Path,
        opened: Opened,
        at: usize,
        shared: Shared,
    ) -> Result<(), Failure> {
        let Some(format) = self.formats[at].shared.clone() else {
            return Ok(());
        };
        let (mut before, offset, first) = match shared {
            Shared::Whole(first) => (Some(0), 0, Some(first)),
            Shared::Rest { lines, offset } => (Some(lines), offset, None),
        };
        let Some(parts) = opened.parts(offset, self.part_bytes) else {
            return self.share_part(log, before, &format, first, opened.lines);
        };
        for lines in parts {
            self.share_part(log, before.take(), &format, None, lines)?;
        }
        Ok(())
    }

    fn share_part(
        &mut self,
        log: &Path,
        before: Option<u64>,
        format: &Arc<SharedFormat>,
        first: Option<FirstBatch>,
        lines: Lines,
    ) -> Result<(), Failure> {
        while self.pool.as_ref().is_some_and(Pool::is_full) {
            self.merge_oldest()?;
        }
        if let Some(pool) = &mut self.pool {
            pool.add(log.to_owned(), before, format, first, lines);
        }
        Ok(())
    }

    /// Merges all parts that were shared out.
    pub(super) fn merge_all(&mut self) -> Result<(), Failure> {
        while self.merge_oldest()? {}
        Ok(())
    }

    /// Merges the oldest part; returns whether there was one.
    fn merge_oldest(&mut self) -> Result<bool, Failure> {
        let Some(part) = self.pool.as_mut().and_then(Pool::oldest) else {
            return Ok(false);
        };
        let merged = self.merge(&part);
        if merged.is_err() {
            // The parts behind it are of no interest.
            self.pool = None;
        }
        merged.map(|()| true)
    }

    /// Counts the deferred lines of a part, and waits for its end.
    fn merge(&mut self, part: &Outstanding) -> Result<(), Failure> {
        let at = part.format.number;
        if let Some(before) = part.before {
            self.merged_lines = before;
        }
        loop {
            match part.pieces.recv() {
                Ok(Piece::Deferred(text)) if text.is_empty() => {}
                Ok(Piece::Deferred(text)) => {
                    let counts = &mut self.formats[at];
                    counts
                        .pipeline
                        .feed_deferred(&mut counts.shard, &part.log, &text);
                    self.publish(at);
                }
                Ok(Piece::End(end)) => {
                    let end = end.map_err(|error| unreadable(&part.log, error))?;
                    let pattern = self.formats[at].pattern.name();
                    let before = self.merged_lines;
                    self.rejects.add(&part.log, pattern, before, &end.rejected);
                    self.merged_lines += end.lines;
                    return Ok(());
                }
                Err(_) => {
                    // Its thread has panicked, which ends the process.
                    return Err(Failure::message(Exit::Runtime, "a thread ended early"));
                }
            }
        }
    }

    /// Publishes what a format's pipeline learned.
    fn publish(&self, at: usize) {
        let counts = &self.formats[at];
        if let Some(shared) = &counts.shared {
            counts
                .pipeline
                .publish(&counts.shard, &mut shared.learned());
        }
    }

    /// Merges all parts, adds the counts of all threads, and ends the joining of lines. Fails if no line was read.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.merge_all()?;
        let counts = self.pool.take().map(Pool::finish).unwrap_or_default();
        for (at, mut shard) in counts {
            self.formats[at].shard.absorb(&mut shard);
        }
        self.progress.finish_and_clear();
        if self.formats.is_empty() {
            return Err(Failure::message(
                Exit::NoInput,
                "no line to read: every log that is given is empty",
            ));
        }
        let formats = &self.formats;
        let is_read = |name: &str| formats.iter().any(|counts| counts.name == name);
        self.links = self.links.read(is_read);
        self.links.finish();
        Ok(())
    }
}
