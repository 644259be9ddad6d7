//! Archives that are compared, read, or doubted.
//!
//! Invariant: one archive is compared at a time; others wait as paths. An archive that cannot be decoded is watched until it
//! has not changed for a while: it may still be being written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::archive::{Archive, ArchiveStep};
use super::context::{Context, Reading};
use super::inspection::Inspection;
use super::text::is_damage;
use crate::source::file::event::FileEvent;
use crate::source::file::evidence::Candidate;
use crate::source::file::finder::Sibling;
use crate::source::file::fingerprint::Fingerprinter;
use crate::source::file::fs::{FileId, Fs, Meta};

/// Time without a change after which an archive whose content is wrong, and does not only break off, counts as damaged.
const DOUBT: Duration = Duration::from_secs(5);

/// The archives of a source that are not closed.
pub(in crate::source::file) struct Packed<F: Fs> {
    pub(super) archives: Vec<Archive<F>>,
    inspection: Option<Box<Inspection<F>>>,
    /// Archives that will be compared.
    queue: VecDeque<Waiting>,
    /// Archives of which no text can be decoded, and since when they have not changed.
    doubts: BTreeMap<FileId, (Meta, Duration)>,
    /// Archives that were decoded and wait nevertheless: they may be copies of open files. Each with the least size of its text.
    sizes: BTreeMap<FileId, (Meta, u64)>,
}

/// An archive that will be compared.
pub(in crate::source::file) struct Waiting {
    pub(in crate::source::file) path: PathBuf,
    pub(in crate::source::file) sibling: Sibling,
    pub(in crate::source::file) id: FileId,
}

impl<F: Fs> Packed<F> {
    pub(super) fn new() -> Self {
        Self {
            archives: Vec::new(),
            inspection: None,
            queue: VecDeque::new(),
            doubts: BTreeMap::new(),
            sizes: BTreeMap::new(),
        }
    }

    /// Closes the archives of which `keep`, given the path, the followed path, the identity and the size, returns false.
    pub(super) fn drop_unwanted(
        &mut self,
        keep: &mut impl FnMut(&mut PathBuf, &mut PathBuf, FileId, u64) -> bool,
    ) {
        self.archives
            .retain_mut(|own| keep(&mut own.path, &mut own.base, own.meta.id, own.meta.size));
        self.inspection.take_if(|own| {
            let Candidate {
                path, base, handle, ..
            } = &mut own.candidate;
            !keep(path, base, handle.meta.id, handle.meta.size)
        });
        // Scans find these again.
        self.queue.clear();
    }

    /// Returns the number of open archives.
    pub(super) fn len(&self) -> usize {
        self.archives.len() + usize::from(self.inspection.is_some())
    }

    /// Returns the identities of the archives that are open or will be compared.
    pub(super) fn file_ids(&self) -> impl Iterator<Item = FileId> {
        let archives = self.archives.iter().map(|own| own.meta.id);
        let inspected = self.inspection.as_ref().map(|own| own.id());
        archives
            .chain(inspected)
            .chain(self.queue.iter().map(|own| own.id))
    }

    /// Returns the followed paths of the archives that are being compared or will be.
    pub(in crate::source::file) fn compared_bases(&self) -> impl Iterator<Item = &Path> {
        let inspected = self.inspection.as_ref().map(|own| &own.candidate);
        let inspected = inspected
            .into_iter()
            .flat_map(|own| [&*own.base, &*own.sibling.base]);
        inspected.chain(self.queue.iter().map(|own| &*own.sibling.base))
    }

    /// Returns whether nothing is left to be done.
    pub(in crate::source::file) fn is_empty(&self) -> bool {
        self.len() == 0 && self.queue.is_empty() && self.doubts.is_empty()
    }

    /// Returns whether an archive of one of `bases` with this beginning is being read.
    pub(super) fn may_have_copy(
        &self,
        bases: Option<&[&Path]>,
        head: &[u8],
        fingerprinter: &Fingerprinter,
    ) -> bool {
        let of_bases =
            |archive: &&Archive<F>| bases.is_none_or(|bases| bases.contains(&&*archive.base));
        let mut archives = self.archives.iter().filter(of_bases);
        archives.any(|archive| fingerprinter.matches(head, &archive.head))
    }

    /// Compares an archive before these offsets of its text, now or after those that are waiting.
    pub(in crate::source::file) fn inspect(
        &mut self,
        fs: &F,
        candidate: Candidate<F::File>,
        places: BTreeSet<u64>,
        fingerprinter: &Fingerprinter,
    ) {
        if self.inspection.is_some() {
            self.queue.push_back(Waiting {
                path: candidate.path,
                sibling: candidate.sibling,
                id: candidate.handle.meta.id,
            });
        } else {
            let inspection = Inspection::new(fs, candidate, places, fingerprinter);
            self.inspection = Some(Box::new(inspection));
        }
    }

    /// Takes the next archive to be compared, if none is being compared.
    pub(in crate::source::file) fn next_waiting(&mut self) -> Option<Waiting> {
        if self.inspection.is_some() {
            return None;
        }
        self.queue.pop_front()
    }

    /// Notes that no text of an archive can be decoded. Returns whether it is certainly damaged: it has not changed for a
    /// while, and for `wait` if it only breaks off.
    pub(in crate::source::file) fn doubt(
        &mut self,
        meta: &Meta,
        error: &io::Error,
        now: Duration,
        wait: Duration,
    ) -> bool {
        let doubt = self.doubts.entry(meta.id).or_insert((*meta, now));
        if doubt.0 != *meta {
            *doubt = (*meta, now);
        }
        let breaks_off = error.kind() == io::ErrorKind::UnexpectedEof;
        let wait = if breaks_off { wait } else { DOUBT.min(wait) };
        let is_certain = now.saturating_sub(doubt.1) >= wait;
        if is_certain {
            self.doubts.remove(&meta.id);
        }
        is_certain
    }

    /// Notes that the text of an archive has at least so many bytes.
    pub(in crate::source::file) fn note_size(&mut self, meta: Meta, least: u64) {
        self.sizes.insert(meta.id, (meta, least));
    }

    /// Returns the least size of the text of an archive that was decoded, and did not change since.
    pub(in crate::source::file) fn least_size(&self, meta: &Meta) -> Option<u64> {
        let (decoded, least) = self.sizes.get(&meta.id)?;
        (decoded == meta).then_some(*least)
    }

    /// Forgets what is known of files that are gone.
    pub(in crate::source::file) fn keep_known(&mut self, is_there: impl Fn(FileId) -> bool) {
        self.doubts.retain(|id, _| is_there(*id));
        self.sizes.retain(|id, _| is_there(*id));
    }

    /// Reads at most one buffer of each archive, and closes those that ended; decodes a piece of the one that is compared.
    pub(super) fn read(
        &mut self,
        context: &mut Context<F>,
        wait: Duration,
        reading: &mut Reading<F>,
    ) {
        self.read_archives(context, wait, reading);
        self.read_inspection(context, reading);
        reading.has_more |= self.inspection.is_none() && !self.queue.is_empty();
    }

    fn read_archives(
        &mut self,
        context: &mut Context<F>,
        wait: Duration,
        reading: &mut Reading<F>,
    ) {
        self.archives.retain_mut(|archive| {
            let step = archive.read(context.now, wait, context.sink);
            let fault = step.as_ref().err().filter(|error| !is_damage(error));
            archive
                .fault
                .note(&archive.path, fault)
                .map(&mut *context.events);
            reading.has_more |= matches!(step, Ok(ArchiveStep::More));
            if fault.is_some() || matches!(step, Ok(ArchiveStep::More | ArchiveStep::Waits)) {
                return true;
            }
            let finished = archive.finished(context.fingerprinter, step.is_ok());
            reading.finished.push(finished);
            let (path, offset) = (archive.path.clone(), archive.offset);
            (context.events)(match step {
                Ok(_) => FileEvent::Finished { path, offset },
                Err(error) => FileEvent::Damaged {
                    path,
                    offset,
                    error,
                },
            });
            false
        });
    }

    fn read_inspection(&mut self, context: &mut Context<F>, reading: &mut Reading<F>) {
        let Some(inspection) = &mut self.inspection else {
            return;
        };
        let step = inspection.step();
        let path = &inspection.candidate.path;
        let fault = inspection.fault.note(path, step.as_ref().err());
        fault.map(&mut *context.events);
        reading.has_more |= step.is_ok();
        if let Ok(Some(extent)) = step {
            reading.inspected = self.inspection.take().and_then(|own| own.end(extent));
        }
    }
}
