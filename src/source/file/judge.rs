//! What a file with a rotated name is: history, known, a copy, or unread.
//!
//! Invariant: a text is told by what it says before it is told by the file it is in; neither a number that
//! is used again nor a copy makes one text two, or two one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::discover::Sibling;
use super::follow::FileSource;
use super::fs::{FileError, Fs, Meta};
use super::generation::Generation;
use super::identity::FileId;
use super::place::Place;
use super::print::HEAD_BYTES;
use super::rotated::Packing;
use super::tomb::Tomb;
use super::unpack;

/// A compressed file and what its text begins with.
type Unpacked<F> = (Arc<<F as Fs>::File>, Vec<u8>);

/// What is to be done with a rotated file.
pub(super) enum Verdict<F> {
    /// All of it was counted.
    Counted,
    /// It is, or becomes, a copy of a file that is open; or it can't be told yet.
    Wait,
    /// What stands behind this byte of this file was not counted.
    From(F, Meta, u64),
}

impl<F: Fs> FileSource<F> {
    /// Tells what a rotated file is by its identity and its text.
    pub(super) fn judge(
        &mut self,
        path: &Path,
        base: &Path,
        meta: &Meta,
    ) -> Result<Verdict<F::File>, FileError> {
        if self.is_as_it_was(path, meta) {
            return Ok(Verdict::Counted);
        }
        let file = self.fs.open(path)?;
        let meta = self.fs.fstat(&file)?;
        let mut head = [0; HEAD_BYTES];
        let got = self.fs.read_at(&file, &mut head, 0)?;
        let head = &head[..got];
        if head.is_empty() {
            // Nothing to count; what comes may be a copy, or a server that was not told yet.
            let (nothing, now) = (self.printer.nothing(), self.clock.monotonic());
            let tomb = Tomb::new(base.to_path_buf(), path.to_path_buf(), nothing, 0, now);
            self.tombs.open(meta.id);
            self.tombs.bury(tomb.held_by(&meta));
            return Ok(Verdict::Counted);
        }
        if self.is_copy(base, head)? {
            return Ok(Verdict::Wait);
        }
        // Nothing may be known of a file but its identity, which tells less than its text.
        let is_known = |(_, tomb): &(u64, &Tomb)| self.printer.begins(head, &tomb.head);
        let is_unknown = |(_, tomb): &(u64, &Tomb)| tomb.head.bytes() == 0 && meta.id.born != 0;
        let own = self.tombs.of(meta.id);
        let tomb = own
            .filter(is_known)
            .or_else(|| self.tombs.of_text(base, head, &self.printer))
            .or_else(|| own.filter(is_unknown));
        let Some((number, tomb)) = tomb else {
            return Ok(self.unknown(base, meta.size, file, meta));
        };
        if meta.size <= tomb.counted {
            // Shorter than that, it is a copy that lacks the end, or is still being made.
            self.tombs.seen(number, path, &meta);
            self.tombs.may_grow(number);
            return Ok(Verdict::Counted);
        }
        let mut tail = vec![0; tomb.tail.bytes];
        let place = tomb.counted.saturating_sub(tail.len() as u64);
        let got = self.fs.read_at(&file, &mut tail, place)?;
        if self.printer.print(&tail[..got]) != tomb.tail {
            return Ok(Verdict::From(file, meta, 0));
        }
        let offset = tomb.counted;
        Ok(Verdict::From(file, meta, offset))
    }

    /// The same of a compressed one, whose text is not read to its end for it.
    pub(super) fn judge_archive(
        &mut self,
        path: &Path,
        base: &Path,
        meta: &Meta,
    ) -> Result<Verdict<Unpacked<F>>, FileError> {
        if self.is_as_it_was(path, meta) {
            return Ok(Verdict::Counted);
        }
        let file = Arc::new(self.fs.open(path)?);
        let meta = self.fs.fstat(&file)?;
        let head = unpack::head(&self.fs, &file)?;
        if self.is_copy(base, &head)? {
            return Ok(Verdict::Wait);
        }
        let size = unpack::size(&self.fs, &file, &meta)?;
        let Some((number, tomb)) = self.tombs.of_text(base, &head, &self.printer) else {
            return Ok(self.unknown(base, size.into(), (file, head), meta));
        };
        #[expect(clippy::cast_possible_truncation, reason = "as the trailer counts")]
        let is_counted =
            size == tomb.counted as u32 || u64::from(size) < tomb.counted && tomb.counted < 1 << 32;
        if !is_counted {
            return Ok(Verdict::From((file, head), meta, tomb.counted));
        }
        self.tombs.seen(number, path, &meta);
        Ok(Verdict::Counted)
    }

    /// Whether a file is closed, and has not changed since it was looked at.
    fn is_as_it_was(&mut self, path: &Path, meta: &Meta) -> bool {
        let tomb = self
            .tombs
            .of(meta.id)
            .filter(|(_, tomb)| tomb.has_seen(meta));
        let Some((number, _)) = tomb else {
            return false;
        };
        self.tombs.seen(number, path, meta);
        true
    }

    /// Whether a text that begins with `head` is a copy of an open file of `base`.
    fn is_copy(&self, base: &Path, head: &[u8]) -> io::Result<bool> {
        let leads = |id: FileId| {
            let known = self.known.get(base);
            known.is_some_and(|known| known.place == Place::Leads(id))
        };
        for generation in &self.generations {
            if (generation.base == base || leads(generation.file_id))
                && generation.may_begin(&self.fs, head)?
            {
                return Ok(true);
            }
        }
        let mut archives = self.archives.iter().filter(|archive| archive.base == base);
        Ok(archives.any(|archive| self.printer.begins(head, archive.head())))
    }

    /// What is to be done with a text of this size of which nothing is known: it is new, or may be a copy of a
    /// log that can't be opened yet and will be read there.
    fn unknown<T>(&self, base: &Path, size: u64, file: T, meta: Meta) -> Verdict<T> {
        match self.unopened.get(base) {
            Some(original) if original.is_none_or(|original| size <= original) => Verdict::Wait,
            _ => Verdict::From(file, meta, 0),
        }
    }

    /// Remembers a file that was there before its path was followed: it is history, whatever it is
    /// called later.
    pub(super) fn bury_history(
        &mut self,
        path: &Path,
        sibling: &Sibling,
        meta: &Meta,
    ) -> Result<(), FileError> {
        let tomb = self.look_back(path, sibling, meta)?;
        self.tombs.bury(tomb.held_by(meta));
        Ok(())
    }

    /// What is left of a text that is history. What can't be read is known by its file alone.
    fn look_back(
        &mut self,
        path: &Path,
        sibling: &Sibling,
        meta: &Meta,
    ) -> Result<Tomb, FileError> {
        let now = self.clock.monotonic();
        let tomb = |prints, counted| {
            Tomb::new(
                sibling.base.clone(),
                path.to_path_buf(),
                prints,
                counted,
                now,
            )
        };
        let unknown = tomb(self.printer.nothing(), meta.size);
        let Ok(file) = self.fs.open(path) else {
            return Ok(unknown);
        };
        if sibling.packing == Packing::Gzip {
            let file = Arc::new(file);
            let Ok(head) = unpack::head(&self.fs, &file) else {
                return Ok(unknown);
            };
            let size = unpack::size(&self.fs, &file, meta).map_or(0, u64::from);
            let (_, tail) = self.printer.nothing();
            return Ok(tomb((self.printer.head(&head), tail), size).whole());
        }
        let paths = (path.to_path_buf(), sibling.base.clone());
        let mut history = Generation::new(self.next_id(), paths, file, *meta, 0);
        history.go_to(&self.fs, meta.size)?;
        Ok(tomb(history.prints(&self.printer), history.consumed()))
    }
}
