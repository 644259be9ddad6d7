//! Open files whose text, or whose path, is to be found again elsewhere.
//!
//! Invariant: files are in the order in which they were opened.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::generation::{Link, ReadStep};
use super::{Generation, OpenFiles};
use crate::model::GenerationId;
use crate::source::file::consumed::Consumed;
use crate::source::file::doubt::Doubt;
use crate::source::file::event::FileEvent;
use crate::source::file::finder::{Finder, Listing, may_lead, rotated_of, stat};
use crate::source::file::fs::Fs;

impl<F: Fs> OpenFiles<F> {
    /// Closes the files that are not wanted any more after [`Self::reconfigure`]. One that is a rotated file of a followed
    /// path now, since that path leads through a link or is spelled in another way, is read on as such.
    pub(crate) fn drop_unwanted(
        &mut self,
        fs: &F,
        finder: &Finder,
        listing: &Listing,
        events: &mut dyn FnMut(FileEvent),
    ) {
        if !std::mem::take(&mut self.is_reconfigured) {
            return;
        }
        let rotated = (listing.rotated.iter())
            .filter_map(|(path, sibling)| Some((stat(fs, path).ok()?.id, (path, &sibling.base))));
        let rotated: BTreeMap<_, _> = rotated.collect();
        let mut keep = |path: &mut PathBuf, base: &mut PathBuf, id, unread| {
            if finder.is_wanted(path) || finder.is_wanted(base) {
                return true;
            }
            if let Some((new_path, new_base)) = rotated.get(&id) {
                path.clone_from(new_path);
                base.clone_from(new_base);
                return true;
            }
            let path = path.clone();
            events(FileEvent::Dropped { path, unread });
            false
        };
        self.generations.retain_mut(|own| {
            let unread = own.unread();
            keep(&mut own.path, &mut own.base, own.file_id, unread)
        });
        self.packed.drop_unwanted(&mut keep);
    }

    /// Takes a file out, for [`Self::put_back`].
    pub(crate) fn take(&mut self, id: GenerationId) -> Option<Generation<F::File>> {
        let at = self.generations.iter().position(|own| own.id == id)?;
        Some(self.generations.remove(at))
    }

    /// Puts back a file that was taken out, in the order in which files were opened.
    pub(crate) fn put_back(&mut self, own: Generation<F::File>) {
        let at = self.generations.partition_point(|other| other.id < own.id);
        self.generations.insert(at, own);
    }

    /// Returns the files in which text was seen before this moment.
    pub(crate) fn seen_before(&self, moment: u64) -> impl Iterator<Item = &Generation<F::File>> {
        let is_seen = move |own: &&Generation<F::File>| own.begun < moment || own.is_unsure(moment);
        self.generations.iter().filter(is_seen)
    }

    /// Returns the files that the path of `own` led to before and does not any more, the latest first, each with whether it has
    /// no name left: another took its place. One that was rotated away was not replaced, though it loses its name when it is
    /// compressed.
    pub(crate) fn former<'a>(
        &'a self,
        fs: &'a F,
        own: &'a Generation<F::File>,
    ) -> impl Iterator<Item = (&'a Generation<F::File>, bool)> {
        let is_former = |old: &&Generation<F::File>| {
            old.id < own.id && old.base == own.base && own.path == own.base && !old.was_rotated()
        };
        let former = self.generations.iter().rev().filter(is_former);
        former.filter_map(|old| {
            let is_nameless = fs.is_deleted(&old.file);
            let is_gone = old.path != own.path || old.link != Link::Attached;
            let is_moved = !is_nameless || old.path == old.base;
            (is_gone && is_moved).then_some((old, is_nameless))
        })
    }

    /// Returns the files in doubt that were never examined.
    pub(crate) fn unexamined(&self) -> Vec<GenerationId> {
        let is_new = |own: &&Generation<F::File>| {
            own.is_in_doubt() && own.doubt.as_ref().is_some_and(|doubt| doubt.is_new())
        };
        let new = self.generations.iter().filter(is_new);
        new.map(|own| own.id).collect()
    }

    /// Returns the quiet time after which a file that is not written any more is closed.
    pub(crate) fn rotate_wait(&self) -> Duration {
        self.rotate_wait
    }

    /// Returns the time until a file is to be examined though it does not change.
    pub(crate) fn until_examined(&self, now: Duration) -> Option<Duration> {
        let doubts = self.generations.iter().filter_map(|own| own.doubt.as_ref());
        doubts.filter_map(|doubt| doubt.until_due(now)).min()
    }
}

impl<F> Generation<F> {
    /// Returns the result of reading a file in doubt; `None` if it is to be read.
    pub(super) fn doubt_step(&self, now: Duration) -> Option<ReadStep> {
        let is_due = self.doubt.as_ref()?.is_due(self.size, now);
        Some(if is_due {
            ReadStep::Doubtful
        } else {
            ReadStep::Quiet
        })
    }

    /// Notes that the file had `size` bytes in this moment.
    pub(super) fn note_size(&mut self, size: u64, moment: u64) {
        match &mut self.doubt {
            _ if size == 0 => {}
            Some(doubt) => doubt.note_text(moment),
            None => self.begun = self.begun.min(moment),
        }
    }

    /// Returns whether a rotated file of `base`, beside it or beside the targets of its link, is this file.
    pub(crate) fn is_rotated_file_of<S: Fs<File = F>>(
        &self,
        fs: &S,
        base: &Path,
        targets: &[PathBuf],
    ) -> bool {
        let mut rotated = rotated_of(fs, base, targets).into_iter();
        rotated.any(|(path, _)| may_lead(fs, &path, self.file_id))
    }

    /// Returns the moment in which text was first seen in it; `u64::MAX` before that.
    pub(super) fn first_seen(&self) -> u64 {
        let in_doubt = self.doubt.as_ref().map_or(u64::MAX, |doubt| doubt.seen());
        in_doubt.min(self.begun)
    }

    /// Returns whether it is in doubt about text that was seen in it before this moment.
    fn is_unsure(&self, moment: u64) -> bool {
        let is_unsure = |doubt: &Doubt| doubt.is_unread() && doubt.seen() < moment;
        self.doubt.as_deref().is_some_and(is_unsure)
    }

    /// Returns whether the text that the file holds now, and held before this moment, was not begun to be read.
    pub(crate) fn is_unread(&self, moment: u64) -> bool {
        self.is_unsure(moment) || self.doubt.is_none() && self.consumed.end == 0
    }

    /// Returns whether it holds text that is not read yet because it may be known.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.doubt.is_some() && self.size > 0
    }

    /// Returns whether the last read failed.
    pub(crate) fn is_faulty(&self) -> bool {
        self.fault.is_present()
    }

    /// Returns the size as last checked.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Checks the size.
    pub(crate) fn check_size<S: Fs<File = F>>(&mut self, fs: &S) -> io::Result<u64> {
        self.size = fs.fstat(&self.file)?.size;
        Ok(self.size)
    }

    /// Returns the number of bytes that a file has in common with `text`, see [`Consumed::common_with`].
    pub(crate) fn kept<S: Fs<File = F>>(&self, fs: &S, text: &Consumed) -> io::Result<(u64, bool)> {
        text.common_with(fs, &self.file, self.size, &self.fingerprinter)
    }
}
