//! Archives whose text is compared with counted ones before they are trusted or read.
//!
//! Invariant: an archive is decoded once, in bounded steps; only a few bytes before the places to compare are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::text::{ArchiveText, is_damage};
use crate::source::file::evidence::{Candidate, Extent, Windows};
use crate::source::file::fingerprint::Fingerprinter;
use crate::source::file::fs::{FileId, Fs, Handle};
use crate::source::file::read_fault::ReadFault;

/// Bytes decoded in one step.
const STEP_BYTES: u64 = 1024 * 1024;

/// An archive that is being decoded to compare it.
pub(super) struct Inspection<F: Fs> {
    /// The archive, without its file.
    pub(super) candidate: Candidate<()>,
    pub(super) fault: ReadFault,
    text: ArchiveText<F>,
    /// Places to compare that were not reached yet.
    ahead: BTreeSet<u64>,
    /// The last bytes before the places that were reached.
    windows: BTreeMap<u64, Vec<u8>>,
}

impl<F: Fs> Inspection<F> {
    /// Decodes `candidate` to compare it at these offsets of its text.
    pub(super) fn new(
        fs: &F,
        candidate: Candidate<F::File>,
        places: BTreeSet<u64>,
        fingerprinter: &Fingerprinter,
    ) -> Self {
        let (candidate, file) = candidate.take_file();
        Self {
            candidate,
            fault: ReadFault::default(),
            text: ArchiveText::new(fs, file, fingerprinter),
            ahead: places,
            windows: BTreeMap::new(),
        }
    }

    pub(super) fn id(&self) -> FileId {
        self.candidate.handle.meta.id
    }

    /// Decodes some bytes; returns the extent of the text once it is known well enough. A damaged archive ends at the damage.
    pub(super) fn step(&mut self) -> io::Result<Option<Extent>> {
        let until = self.text.offset() + STEP_BYTES;
        while self.text.offset() < until {
            if self.text.offset() == 0 {
                // Also after an error, which begins from the start.
                self.ahead.extend(std::mem::take(&mut self.windows).keys());
                self.ahead.remove(&0);
            }
            let place = self.ahead.first().copied();
            // One byte more shows whether the text goes on behind the last place.
            let wanted = place.map_or(1, |place| place - self.text.offset());
            match self.text.skip(wanted) {
                Ok(0) => return Ok(Some(Extent::Exactly(self.text.offset()))),
                Err(error) if is_damage(&error) => {
                    return Ok(Some(Extent::Exactly(self.text.consumed().end)));
                }
                Err(error) => return Err(error),
                Ok(_) if place.is_none() => {
                    return Ok(Some(Extent::AtLeast(self.text.offset())));
                }
                Ok(_) => {}
            }
            if place == Some(self.text.offset()) {
                self.ahead.pop_first();
                let window = self.text.consumed().tail.clone();
                self.windows.insert(self.text.offset(), window);
            }
        }
        Ok(None)
    }

    /// Returns the archive, with its file, and what was found.
    pub(super) fn end(self, extent: Extent) -> Option<(Candidate<F::File>, Windows)> {
        let meta = self.candidate.handle.meta;
        let file = self.text.into_file()?;
        let windows = Windows {
            extent,
            windows: self.windows,
        };
        let handle = Handle { file, meta };
        Some((self.candidate.with_handle(handle), windows))
    }
}
