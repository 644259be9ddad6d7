//! Files whose text was overwritten after it was read, as shred(1) does before it deletes them.
//!
//! Invariant: bytes that took the place of consumed ones in a rotated file are not lines of a log. A gap is reported only if
//! bytes were lost that were not read.

use std::path::Path;

use super::Adoption;
use crate::model::GenerationId;
use crate::source::file::consumed::Consumed;
use crate::source::file::event::FileEvent;
use crate::source::file::fs::{Fs, Handle, Meta};
use crate::source::file::open::waiting::WaitingFile;
use crate::source::file::shredded::is_noise;

impl<F: Fs> Adoption<'_, F> {
    /// Closes an open rotated file if its text was overwritten, or goes on at the start of one that was emptied; returns
    /// whether it was. `unread` bytes of the former text were not read.
    pub(in crate::source::file) fn close_overwritten(
        &mut self,
        id: GenerationId,
        unread: u64,
    ) -> bool {
        let Some(own) = self.open.get_mut(id) else {
            return false;
        };
        let is_emptied = own.is_emptied() && unread == 0;
        if !is_emptied && !own.is_overwritten() {
            return false;
        }
        let mut record = own.finished(self.fs);
        let (path, offset) = (own.path.clone(), own.offset);
        if is_emptied {
            own.restart();
            record.holder = None;
        } else {
            self.open.close(id);
        }
        let meta = record.holder;
        self.history.record(record, self.now);
        if let Some(number) = meta.and_then(|meta| self.history.number_of(meta.id)) {
            self.history.note_overwritten(number, None);
        }
        self.report_lost(path.as_path(), offset, unread);
        true
    }

    /// Returns whether a file at a followed path is a rotated one of another path whose text was overwritten.
    pub(super) fn is_overwritten(&mut self, file: &WaitingFile) -> bool {
        let closed = self.history.closed_elsewhere(&file.path, &file.meta);
        let Some((record, consumed, ends)) = closed else {
            return false;
        };
        let fingerprinter = self.history.fingerprinter();
        let Ok(handle) = Handle::open(self.fs, &file.path) else {
            return false;
        };
        let Ok(present) = Consumed::read(self.fs, &handle.file, consumed, fingerprinter) else {
            return false;
        };
        if file.meta.id.born == 0 && !is_noise(&present.head) {
            // It may be another file with the same number.
            return false;
        }
        let present = present.ends(fingerprinter);
        if (&present.head, present.tail) == (&ends.head, ends.tail) {
            return false;
        }
        self.note_overwritten(record, &file.path, &handle.meta);
        true
    }

    /// Records that the text of a record was overwritten in its file.
    pub(super) fn note_overwritten(&mut self, record: u64, path: &Path, meta: &Meta) {
        let (offset, unread) = self.history.note_overwritten(record, Some(meta));
        self.report_lost(path, offset, unread);
    }

    fn report_lost(&mut self, path: &Path, offset: u64, unread: u64) {
        if unread > 0 {
            (self.events)(FileEvent::Truncated {
                path: path.to_path_buf(),
                offset,
                unread,
                resume: offset,
                copy: None,
            });
        }
    }
}
